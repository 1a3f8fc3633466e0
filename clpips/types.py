"""The domain's value types: frozen, and validated on creation.

Nothing here imports torch, Streamlit or a database. A value that exists is valid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, Literal, get_args

from clpips.errors import RankingError
from clpips.text import counted

Granularity = Literal["channel", "layer"]
GRANULARITIES: tuple[Granularity, ...] = get_args(Granularity)


# --- rankings -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Comparison:
    """One ordered pair out of one ranking: ``nearer`` was ranked nearer to the target."""

    nearer: str
    farther: str


@dataclass(frozen=True, slots=True)
class Ranking:
    """One person's order of some images by how near they look to one target.

    Args:
        participant: who ranked.
        target: the image that was ranked against (a path or a content hash).
        images: the ranked images, no two the same.
        ranks: one whole number per image; 1 is nearest, ties share a number. Gaps are
            allowed (1, 2, 2, 4), so competition and dense ranking both fit.
        trial: the trial the ranking belongs to, where known.
        round: the round within the trial, where known.
        confidence: how sure the person was, in [0, 1], where asked.

    Raises:
        RankingError: unequal lengths, no image, a repeated image, or ranks that do not start at 1.
    """

    participant: str
    target: str
    images: tuple[str, ...]
    ranks: tuple[int, ...]
    trial: str | None = None
    round: str | None = None
    confidence: float | None = None

    def __post_init__(self) -> None:
        if not self.images:
            raise RankingError("a ranking must hold at least one image, got none")
        if len(self.images) != len(self.ranks):
            raise RankingError(
                "a ranking must give one rank per image, "
                f"got {counted(len(self.images), 'image')} and {counted(len(self.ranks), 'rank')}"
            )
        repeated = sorted({image for image in self.images if self.images.count(image) > 1})
        if repeated:
            raise RankingError(f"a ranking must not repeat an image, got {repeated[0]!r} twice")
        if any(isinstance(rank, bool) or not isinstance(rank, Integral) for rank in self.ranks):
            raise RankingError(f"ranks must be whole numbers, got {self.ranks!r}")
        # NumPy's whole numbers are welcome, and become Python's.
        object.__setattr__(self, "ranks", tuple(int(rank) for rank in self.ranks))
        if min(self.ranks) != 1:
            raise RankingError(f"ranks must start at 1, got {min(self.ranks)} as the smallest")
        if self.confidence is not None and not 0 <= self.confidence <= 1:
            raise RankingError(f"confidence must lie in [0, 1], got {self.confidence!r}")

    def comparisons(self) -> Iterator[Comparison]:
        """Every pair with different ranks, nearer first; ties make none."""
        for nearer, its_rank in zip(self.images, self.ranks, strict=True):
            for farther, other_rank in zip(self.images, self.ranks, strict=True):
                if its_rank < other_rank:
                    yield Comparison(nearer, farther)

    def nearest_first(self) -> tuple[str, ...]:
        """The images by rank; ties keep the order they came in."""
        order = sorted(range(len(self.images)), key=lambda index: self.ranks[index])
        return tuple(self.images[index] for index in order)


# --- generation -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Provenance:
    """Everything needed to make one image again.

    Args:
        maker: the maker's name, for example ``scenes``.
        maker_version: its version; the same version, prompt, seed and options give the same bytes.
        prompt: the prompt as it was given.
        seed: the seed of this one image.
        width, height: pixels.
        options: the maker's own settings, JSON-serialisable.
        not_understood: words of the prompt that the maker did not use.
        seconds: how long this image took to make.
    """

    maker: str
    maker_version: str
    prompt: str
    seed: int
    width: int
    height: int
    options: Mapping[str, Any] = field(default_factory=dict)
    not_understood: tuple[str, ...] = ()
    seconds: float = 0.0
