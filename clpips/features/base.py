"""Feature spaces: their blocks, unfitted weights and encoders."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor

from clpips.errors import InputError
from clpips.io.images import ImageSource, load_image, resize_like
from clpips.progress import Watch

Vectors: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

BATCH = 8


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring channels of a difference vector that come from one place in one network.

    Args:
        name: its name in reports and cards.
        channels: how many.
        sha256: of the weights behind it, 64 hexadecimal digits; empty if they may vary.
    """

    name: str
    channels: int
    sha256: str

    def __post_init__(self) -> None:
        if self.channels < 1:
            raise InputError(f"a block must have at least one channel, got {self.channels}")


@dataclass(frozen=True)
class Space:
    """A feature space, without its network.

    Args:
        name: the name by which it is opened.
        blocks: in the order of the difference vector.
        stock: (channels,) unfitted weights, ≥ 0; unfitted distances are ``stock · d``.
        checksum: of all the frozen weights and of how they are joined; vectors with another
            one are not comparable. Empty where the weights may vary.
    """

    name: str
    blocks: tuple[Block, ...]
    stock: Vectors = field(repr=False, compare=False)
    checksum: str = ""

    def __post_init__(self) -> None:
        if self.stock.shape != (sum(self.channels),):
            raise InputError(
                f"a space must have one stock weight per channel, {sum(self.channels)}, "
                f"got {self.stock.shape}"
            )

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of each block."""
        return tuple(block.channels for block in self.blocks)

    @property
    def block_of(self) -> np.ndarray[Any, np.dtype[np.intp]]:
        """(channels,) which block each channel belongs to, from 0."""
        return np.repeat(np.arange(len(self.blocks)), self.channels)

    def by_block(self, weights: Vectors) -> list[Vectors]:
        """(channels,) weights → one array per block."""
        return np.split(weights, np.cumsum(self.channels)[:-1])


@dataclass(frozen=True, slots=True)
class DifferenceVectors:
    """The difference vectors of some images from one target.

    Args:
        vectors: (images, channels), float64, all ≥ 0.
        resized: for each image, whether it was resized to the target's size first.
    """

    vectors: Vectors
    resized: tuple[bool, ...]


class Encoder(Protocol):
    """An open space: frozen networks on one device."""

    checksum: str

    def features(self, images: Tensor) -> tuple[Tensor, ...]:
        """The features of each image: (n, 3, height, width) in [-1, 1] → tensors (n, …)."""
        ...

    def differences(self, target: Sequence[Tensor], images: Sequence[Tensor]) -> Vectors:
        """Features of one target and of n images → (n, channels) difference vectors, ≥ 0."""
        ...

    def batch_for(self, height: int, width: int) -> int:
        """The best batch size for images of this size."""
        ...

    def difference_vectors(
        self,
        target: ImageSource,
        images: Sequence[ImageSource],
        *,
        value_range: tuple[float, float] | None = None,
        batch_size: int | None = None,
        watch: Watch | None = None,
    ) -> DifferenceVectors:
        """Difference vectors of some images from one target; its features are computed once."""
        ...


def joint_checksum(*parts: str) -> str:
    """The checksum of several things together; empty if one of them is."""
    if not all(parts):
        return ""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class InBatches:
    """Difference vectors by any encoder, in batches; the base class of encoders.

    The features of the last target are kept: passing the same target again needs no network pass.
    """

    _last: tuple[Tensor, tuple[Tensor, ...]] | None = None

    def features(self, images: Tensor) -> tuple[Tensor, ...]:
        """See :class:`Encoder`."""
        raise NotImplementedError

    def differences(self, target: Sequence[Tensor], images: Sequence[Tensor]) -> Vectors:
        """See :class:`Encoder`."""
        raise NotImplementedError

    def batch_for(self, height: int, width: int) -> int:
        """The batch size for images of this size."""
        return BATCH

    def difference_vectors(
        self,
        target: ImageSource,
        images: Sequence[ImageSource],
        *,
        value_range: tuple[float, float] | None = None,
        batch_size: int | None = None,
        watch: Watch | None = None,
    ) -> DifferenceVectors:
        """Difference vectors of some images from one target.

        Args:
            target, images: anything that :func:`clpips.io.images.load_image` takes; an image of
                another size is resized to the target's first.
            value_range: the stated range of float arrays and tensors.
            batch_size: images per network pass, by default :meth:`batch_for` their size.
            watch: progress and cancel.

        Raises:
            ImageError: an image that cannot be used.
            Cancelled: the caller cancelled.
        """
        watch = watch or Watch()
        reference = load_image(target, value_range=value_range)
        of_target = self._features_of_target(reference)
        found: list[Vectors] = []
        resized: list[bool] = []
        step = batch_size or self.batch_for(*reference.shape[1:])
        for start in range(0, len(images), step):
            watch.report(start / len(images), f"Comparing image {start + 1} of {len(images)}")
            batch = []
            for source in images[start : start + step]:
                image = load_image(source, value_range=value_range)
                resized.append(image.shape != reference.shape)
                batch.append(resize_like(image, reference))
            found.append(self._compared(of_target, torch.stack(batch)))
        found = found or [self.differences(of_target, of_target)[:0]]
        return DifferenceVectors(np.concatenate(found), tuple(resized))

    def _compared(self, target: Sequence[Tensor], images: Tensor) -> Vectors:
        """Difference vectors of images (n, 3, height, width) from a target's features."""
        return self.differences(target, self.features(images))

    def _features_of_target(self, reference: Tensor) -> tuple[Tensor, ...]:
        last = self._last
        if (
            last is None
            or last[0].device != reference.device
            or not torch.equal(last[0], reference)
        ):
            last = self._last = (reference.clone(), self.features(reference[None]))
        return last[1]
