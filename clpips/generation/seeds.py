"""Named random streams: every open decision has its own stream.

Because a stream is keyed by the seed and the decision's name, specifying one thing in the prompt
leaves every other decision as it was: adding "red" does not move the house.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


def hashed(text: str, *, bits: int = 48) -> int:
    """A whole number in [0, 2**bits) that depends on ``text`` alone."""
    digest = blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> (64 - bits)


def image_seed(seed: int, index: int) -> int:
    """The seed of image ``index`` (from 0) of a request with ``seed``; in [0, 2**48)."""
    return hashed(f"image/{seed}/{index}")


class Chance:
    """Random choices for one named decision; ``at`` opens an independent stream.

    Only ``random()`` of the standard generator is used, whose sequence Python guarantees.
    """

    def __init__(self, seed: int, path: str = "") -> None:
        self.seed = seed
        self.path = path
        self._random = random.Random(hashed(f"{seed}{path}", bits=64))

    def at(self, name: object) -> Chance:
        """The independent stream for the decision called ``name``."""
        return Chance(self.seed, f"{self.path}/{name}")

    def between(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * self._random.random()

    def whole(self, low: int, high: int) -> int:
        """A whole number in [low, high], both included."""
        return low + int(self._random.random() * (high - low + 1))

    def pick(self, choices: Sequence[T]) -> T:
        """One of ``choices``, each as likely."""
        return choices[int(self._random.random() * len(choices))]

    def flip(self, probability: float = 0.5) -> bool:
        """True with the given probability."""
        return self._random.random() < probability

    def weighted(self, weights: Mapping[T, float]) -> T:
        """One key of ``weights``, as likely as its weight."""
        mark = self._random.random() * sum(weights.values())
        for key, weight in weights.items():
            mark -= weight
            if mark < 0:
                return key
        return next(reversed(list(weights)))
