"""What every reader of a data set returns, and how images are drawn from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from clpips.errors import DatasetError, InputError
from clpips.io.image_tables import ImageRow
from clpips.text import counted

Identity: TypeAlias = tuple[str, str]
"""Species and name."""
MOST_SEED = 2**32 - 1


@dataclass(frozen=True, slots=True)
class SplitTables:
    """A data set's images by what they are used for; no image is in two of the tables.

    Args:
        train: reference images, from which identities are personalised; by species and name, in
            the order in which they were drawn.
        gallery: images that queries are ranked against, in the same order.
        extra: the other images of the same species, in the data set's order.
        left_out: how many images are in none of the tables, by reason.
        titles: what names stand for, where they are numbers.
        notes: sentences that the tables' owner should read.
    """

    train: tuple[ImageRow, ...]
    gallery: tuple[ImageRow, ...]
    extra: tuple[ImageRow, ...]
    left_out: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    titles: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draw:
    """How many images of an identity are drawn, and from which stream.

    Args:
        references: reference images of each identity, at least 1.
        gallery: gallery images of each identity, at least 1.
        seed: of ``numpy.random.RandomState``, 0 … 2^32 − 1.

    Raises:
        InputError: a number outside its range.
    """

    references: int
    gallery: int
    seed: int

    def __post_init__(self) -> None:
        for name in ("references", "gallery"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.seed <= MOST_SEED:
            raise InputError(f"seed must be within 0 … {MOST_SEED}, got {self.seed}")

    def check_enough(self, images: Sequence[ImageRow], whose: str) -> None:
        """Refuse an identity with too few images for both.

        Raises:
            DatasetError: it has fewer.
        """
        if len(images) < self.references + self.gallery:
            raise DatasetError(
                f"{whose} must have {self.references} reference and {self.gallery} gallery "
                f"images, got {counted(len(images), 'image')}"
            )


def by_identity(rows: Iterable[ImageRow]) -> dict[Identity, list[ImageRow]]:
    """Rows of each identity, in their order; species as they appear, names sorted within."""
    found: dict[Identity, list[ImageRow]] = {}
    for row in rows:
        found.setdefault(row.identity, []).append(row)
    place = {species: at for at, (species, _) in reversed(list(enumerate(found)))}
    return {key: found[key] for key in sorted(found, key=lambda key: (place[key[0]], key[1]))}


def drawn(rows: Sequence[ImageRow], count: int, stream: np.random.RandomState) -> list[ImageRow]:
    """So many different rows, in the order in which the stream draws them.

    Equal to ``pandas.DataFrame.sample(count, random_state=stream)``.
    """
    return [rows[place] for place in stream.choice(len(rows), size=count, replace=False)]


def without(rows: Iterable[ImageRow], taken: Iterable[ImageRow]) -> list[ImageRow]:
    """The rows whose image is not among those taken, in their order."""
    paths = {row.path for row in taken}
    return [row for row in rows if row.path not in paths]
