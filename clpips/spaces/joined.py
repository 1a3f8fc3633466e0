"""Several encoders side by side: their difference vectors, end to end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from clpips.features import DifferenceVectors, Vectors
from clpips.images import ImageSource
from clpips.spaces.space import Encoder, in_batches
from clpips.watch import Watch


class JoinedEncoder:
    """Encoders whose blocks follow one another.

    Args:
        parts: the encoders.
        counts: how many feature tensors each of them gives.
        checksum: of the whole space.
    """

    def __init__(self, parts: Sequence[Encoder], counts: Sequence[int], *, checksum: str) -> None:
        self.parts, self.checksum = tuple(parts), checksum
        ends = np.cumsum(counts)
        self._cuts = tuple(slice(end - n, end) for n, end in zip(counts, ends, strict=True))

    def features(self, images: Tensor) -> tuple[Tensor, ...]:
        """The features of every part, end to end."""
        return tuple(tensor for part in self.parts for tensor in part.features(images))

    @torch.inference_mode()
    def differences(self, target: Sequence[Tensor], images: Sequence[Tensor]) -> Vectors:
        """Features of one target and of n images → (n, channels) difference vectors."""
        found = [
            part.differences(target[cut], images[cut])
            for part, cut in zip(self.parts, self._cuts, strict=True)
        ]
        return np.concatenate(found, axis=1)

    def difference_vectors(
        self,
        target: ImageSource,
        images: Sequence[ImageSource],
        *,
        value_range: tuple[float, float] | None = None,
        batch_size: int | None = None,
        watch: Watch | None = None,
    ) -> DifferenceVectors:
        """See :func:`clpips.spaces.space.in_batches`."""
        return in_batches(self, target, images, value_range, batch_size, watch or Watch())
