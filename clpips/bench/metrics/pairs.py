"""Metrics of pairs: a generated image against its target, or against its history on average.

What a network or a filter makes of one image is kept for the pairs that follow, because a sample's
history and target are compared with every method's image, and neighbouring samples share their
histories; the numbers of every pair are kept on disk by both images' content.
"""

from __future__ import annotations

import hashlib
import struct
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from PIL import Image

from clpips.bench.generated import Generated
from clpips.bench.metrics.card import MetricCard, Values
from clpips.features.cache import VectorCache, content_hash
from clpips.io.image_files import read_picture
from clpips.progress import Watch

SIDE = 512
"""Both images are resized to this square, as published."""
KEPT = 8
"""Images whose states are kept: of 512 × 512 pixels, 1 GB in all with LPIPS's VGG."""

Against: TypeAlias = Literal["target", "history"]
Pair: TypeAlias = tuple[str, str]


class PairFamily:
    """Numbers of pairs of images, each computed once.

    Args:
        key: what the numbers depend on besides the images: names, checksums, sizes.
        prepare: a square RGB picture → its state.
        compare: the states of a generated image and of another → numbers.
        count: how many numbers a pair has.
        cache: where they are kept; ``None`` keeps none on disk.
        side: of the square.
    """

    def __init__(
        self,
        key: str,
        prepare: Callable[[Image.Image], Any],
        compare: Callable[[Any, Any], Sequence[float]],
        *,
        count: int = 1,
        cache: VectorCache | None = None,
        side: int = SIDE,
    ) -> None:
        self.key = f"bench pair\n{key}\n{side}\n".encode()
        self.prepare, self.compare, self.count = prepare, compare, count
        self.cache, self.side = cache, side
        self._states: OrderedDict[bytes, Any] = OrderedDict()
        self._known: dict[tuple[bytes, bytes], tuple[float, ...]] = {}

    def numbers(self, pair: Pair) -> tuple[float, ...]:
        """The numbers of a generated image and another.

        Raises:
            ImageError: an image that cannot be read.
        """
        first, second = content_hash(pair[0]), content_hash(pair[1])
        known = self._known.get((first, second))
        if known is None:
            known = self._kept(first + b"\n" + second)
            if known is None:
                states = self._state(first, pair[0]), self._state(second, pair[1])
                known = tuple(float(value) for value in self.compare(*states))
                if self.cache is not None:
                    packed = struct.pack(f"<{self.count}d", *known)
                    self.cache.write(self.key + first + b"\n" + second, packed)
            self._known[first, second] = known
        return known

    def _kept(self, key: bytes) -> tuple[float, ...] | None:
        content = None if self.cache is None else self.cache.read(self.key + key)
        if content is None or len(content) != 8 * self.count:
            return None
        return struct.unpack(f"<{self.count}d", content)

    def _state(self, content: bytes, path: str) -> Any:
        if content in self._states:
            self._states.move_to_end(content)
            return self._states[content]
        picture = read_picture(Path(path).read_bytes(), path)
        square = picture.resize((self.side, self.side), Image.Resampling.BICUBIC)
        while len(self._states) >= KEPT:
            self._states.popitem(last=False)
        self._states[content] = self.prepare(square)
        return self._states[content]


@dataclass(frozen=True)
class PairMetric:
    """One of a family's numbers, against the target or as the mean over the history.

    Args:
        card: what it is.
        family: which computes it.
        against: what each image is compared with.
        place: of the number among the family's.
        together: everything that the family is asked for, so that each image is prepared once.
    """

    card: MetricCard
    family: PairFamily
    against: Against
    place: int = 0
    together: tuple[Against, ...] = ("target", "history")

    def values(self, images: Sequence[Generated], watch: Watch) -> Values:
        """See :class:`~clpips.bench.metrics.card.Metric`."""
        found = np.empty(len(images))
        for number, one in enumerate(images):
            watch.report(number / len(images), f"image {number + 1:,} of {len(images):,}")
            numbers = {
                against: [self.family.numbers((one.path, path)) for path in others(one, against)]
                for against in dict.fromkeys((self.against, *self.together))
            }
            found[number] = np.mean([each[self.place] for each in numbers[self.against]])
        return found


def others(one: Generated, against: Against) -> list[str]:
    """The files that a generated image is compared with."""
    if against == "target":
        return [one.sample.target.path]
    return [item.path for item in one.sample.history]


def family_key(*parts: str) -> str:
    """What a family's numbers depend on, as one checksum."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
