"""Rankings with their difference vectors: the input of fits and evaluations.

A difference vector belongs to a pair (target, image), and many rankings share pairs: a repeated
board, a board that several people saw. So vectors stand once each in a table, and an observation
lists the rows of its images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np

from clpips.errors import InputError
from clpips.features.base import Encoder
from clpips.features.batching import Pair, Unusable, compute
from clpips.features.lpips import Vectors
from clpips.progress import Watch
from clpips.text import counted
from clpips.types import Ranking

Known: TypeAlias = Mapping[Pair, Vectors]
"""Difference vectors at hand, by (target, image): each (channels,)."""
Rows: TypeAlias = np.ndarray[Any, np.dtype[np.intp]]
Table: TypeAlias = np.ndarray[Any, np.dtype[Any]]
"""(rows, channels), float32 where that holds every number exactly, else float64."""


class PairCache(Protocol):
    """An on-disk cache of difference vectors (:mod:`clpips.features.cache`)."""

    def get(self, target: str, image: str) -> Vectors | None:
        """A pair's vector, if it is there."""
        ...

    def put(self, target: str, image: str, vector: Vectors) -> None:
        """Keep a pair's vector."""
        ...


@dataclass(frozen=True, slots=True, init=False)
class Observation:
    """One ranking and the difference vectors of its images from its target.

    Args:
        ranking: the ranking.
        table: (rows, channels) difference vectors, which other observations may share.
        rows: the row of each of ``ranking.images``; by default the table's own order.
    """

    ranking: Ranking
    table: Table
    rows: Rows

    def __init__(self, ranking: Ranking, table: Table, rows: Rows | None = None) -> None:
        shape = table.shape if rows is None else (len(rows), *table.shape[1:])
        if len(shape) != 2 or shape[0] != len(ranking.images):
            raise InputError(
                "an observation must hold one difference vector per image, "
                f"got {shape} for {counted(len(ranking.images), 'image')}"
            )
        object.__setattr__(self, "ranking", ranking)
        object.__setattr__(self, "table", table)
        object.__setattr__(self, "rows", np.arange(len(table)) if rows is None else rows)

    @property
    def vectors(self) -> Vectors:
        """(images, channels) in the order of ``ranking.images``; made anew each time."""
        vectors: Vectors = self.table[self.rows].astype(np.float64, copy=False)
        return vectors


def observe(
    rankings: Sequence[Ranking | Observation],
    network: Callable[[], Encoder],
    *,
    known: Known | None = None,
    cache: PairCache | None = None,
    watch: Watch | None = None,
    unusable: Unusable | None = None,
) -> list[Observation]:
    """Difference vectors for every image of every ranking; each pair is computed once.

    Args:
        rankings: images and targets as paths; observations among them stay as they are.
        network: gives the frozen network; only called when a vector is missing from both
            ``known`` and ``cache``.
        known: difference vectors that are at hand.
        cache: where vectors are looked for next, and where new ones are kept as soon as they
            are computed.
        watch: progress and cancel.
        unusable: receives the pictures that cannot be used, and why; rankings with such a target
            or image are left out of the result.

    Raises:
        ImageError: an image that cannot be used, where there is no ``unusable``.
        Cancelled: the caller cancelled.
    """
    known, watch = {} if known is None else known, watch or Watch()
    wanted = dict.fromkeys(
        (each.target, image)
        for each in rankings
        if isinstance(each, Ranking)
        for image in each.images
    )
    row_of = {pair: row for row, pair in enumerate(wanted)}
    filled = _Filled(len(wanted))
    missing: dict[str, list[str]] = {}
    for number, pair in enumerate(wanted):
        if pair in known:
            filled.put(number, known[pair])
            continue
        if cache is not None:
            watch.report(number / len(wanted), f"Looking up image {number + 1} of {len(wanted)}")
            kept = cache.get(*pair)
            if kept is not None:
                filled.put(number, kept)
                continue
        missing.setdefault(pair[0], []).append(pair[1])
    if missing:
        for target, image, vector in compute(missing, network(), watch, unusable):
            filled.put(row_of[target, image], vector)
            if cache is not None:
                cache.put(target, image, vector)

    def complete(one: Ranking | Observation) -> Observation:
        if isinstance(one, Observation):
            return one
        rows = np.array([row_of[one.target, image] for image in one.images], dtype=np.intp)
        return Observation(one, filled.table, rows)

    lost = {
        (target, image)
        for target, images in missing.items()
        for image in images
        if not (unusable or {}).keys().isdisjoint((target, image))
    }
    return [
        complete(one)
        for one in rankings
        if isinstance(one, Observation)
        or lost.isdisjoint((one.target, image) for image in one.images)
    ]


def by_participant(observations: Iterable[Observation]) -> dict[str, list[Observation]]:
    """Observations of each participant, participants in the order in which they appear."""
    groups: dict[str, list[Observation]] = {}
    for observation in observations:
        groups.setdefault(observation.ranking.participant, []).append(observation)
    return groups


class _Filled:
    """A table whose rows are put in one by one: single precision for as long as it is exact.

    What a network gives is single precision, so that half the memory holds it exactly.
    """

    def __init__(self, rows: int) -> None:
        self.rows, self.table = rows, np.zeros((0, 0), np.float32)

    def put(self, row: int, vector: Vectors) -> None:
        if not self.table.size:
            self.table = np.zeros((self.rows, len(vector)), np.float32)
        if vector.shape != self.table.shape[1:]:
            raise InputError(
                f"difference vectors must have the same channels, {self.table.shape[1]}, "
                f"got {vector.shape}"
            )
        if self.table.dtype == np.float32:
            with np.errstate(over="ignore"):  # an infinity compares as different
                single = vector.astype(np.float32)
            if not np.array_equal(single, vector):
                self.table = self.table.astype(np.float64)
        self.table[row] = vector
