"""How well queries retrieve their own identity: average precision, first hit, tie range.

The gallery is ranked by distance, nearest first; images at exactly the same distance stay in file
order. The whole ranking counts and precision is not interpolated:
``AP = (1/R) Σ_k k / rank_k`` over the R relevant gallery images (arXiv 2512.19026). A gallery image
at a distance that is not finite leaves the ranking. A query without a relevant image has AP 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class QueryResult:
    """How one query ranks its gallery.

    Args:
        ap: average precision, in [0, 1].
        ap_ties: (worst, best) AP over all orders of images at the same distance.
        first_hit: rank of the first relevant image, from 1; ``None`` where there is none.
        n_relevant: relevant images that were ranked.
        n_ranked: images that were ranked.
    """

    ap: float
    ap_ties: tuple[float, float]
    first_hit: int | None
    n_relevant: int
    n_ranked: int


def average_precision(relevant: Sequence[bool] | Array) -> float:
    """Average precision of a ranking, nearest first; 0 without a relevant image.

    >>> round(average_precision([True, False, True, False]), 4)
    0.8333
    """
    return _precision(np.flatnonzero(np.asarray(relevant, dtype=bool)) + 1)


def rank_gallery(distances: Array, relevant: Array) -> QueryResult:
    """Rank a gallery for one query.

    Args:
        distances: (n,) smaller is nearer; images whose distance is not finite are left out.
        relevant: (n,) bool, whether an image shows the query's identity.

    >>> rank_gallery(np.array([0.1, 0.3, 0.3]), np.array([False, False, True])).ap_ties
    (0.3333333333333333, 0.5)
    """
    finite = np.isfinite(distances)
    ranks = _ranks(distances[finite], relevant[finite])
    return ranks.result(int(finite.sum()))


def rank_part(
    distances: Array, relevant: Array, *, complete_below: float, n_ranked: int
) -> QueryResult:
    """The same from a part of the gallery: the images nearest to the query and all relevant ones.

    The ranks of relevant images beyond the nearest ones are not known. Each counts at its expected
    place, were they anywhere among the images left; ``ap_ties`` spans all places that are open.

    Args:
        distances: (n,) of the part, finite.
        relevant: (n,) bool.
        complete_below: every gallery image nearer than this is in the part.
        n_ranked: images of the whole gallery at a finite distance.

    >>> rank_part(np.array([0.1, 0.9]), np.array([False, True]), complete_below=0.5, n_ranked=4)
    QueryResult(ap=0.3333333333333333, ap_ties=(0.25, 0.5), first_hit=3, n_relevant=1, n_ranked=4)
    """
    found = _ranks(distances, relevant)
    n_known = int((distances < complete_below).sum())
    beyond = np.flatnonzero(found.distances >= complete_below)
    order = np.arange(1, len(beyond) + 1)
    found.ranks[beyond] = n_known + order * (n_ranked - n_known + 1) / (len(beyond) + 1)
    found.best[beyond] = n_known + order
    found.worst[beyond] = n_ranked - len(beyond) + order
    return found.result(n_ranked)


@dataclass(frozen=True, slots=True)
class _Ranks:
    """Ranks of the relevant images, nearest first; ``worst`` and ``best`` over orders of ties."""

    distances: Array
    ranks: Array
    worst: Array
    best: Array

    def result(self, n_ranked: int) -> QueryResult:
        """What the ranks make of the query."""
        if not len(self.ranks):
            return QueryResult(0.0, (0.0, 0.0), None, 0, n_ranked)
        ties = (_precision(self.worst), _precision(self.best))
        first_hit = round(float(self.ranks[0]))
        return QueryResult(_precision(self.ranks), ties, first_hit, len(self.ranks), n_ranked)


def _ranks(distances: Array, relevant: Array) -> _Ranks:
    own = np.flatnonzero(relevant)
    if not own.size:
        return _Ranks(*(np.empty(0) for _ in range(4)))
    order = own[np.argsort(distances[own], kind="stable")]
    levels, place = np.unique(distances[order], return_inverse=True)
    nearer, level_size = _counted(distances, levels)
    own_at = np.bincount(place)  # relevant images at each level
    own_before = np.cumsum(own_at) - own_at
    among_level = np.arange(len(order)) - own_before[place]
    best = nearer[place] + among_level + 1
    worst = best + (level_size - own_at)[place]
    ranks = best.astype(np.float64)
    for level in np.flatnonzero(level_size > own_at):  # a tie with another identity
        same = np.flatnonzero(distances == levels[level])
        mine = place == level
        ranks[mine] = nearer[level] + np.searchsorted(same, order[mine]) + 1
    return _Ranks(distances[order], ranks, worst, best)


def nearest(distances: Array, count: int) -> Array:
    """Indices of the nearest gallery images, nearest first, ties in file order.

    >>> nearest(np.array([0.3, 0.1, np.nan, 0.1]), 2)
    array([1, 3])
    """
    there = np.flatnonzero(np.isfinite(distances))
    values = distances[there]
    if len(there) > count > 0:
        within = values <= np.partition(values, count - 1)[count - 1]
        there, values = there[within], values[within]
    return np.asarray(there[np.argsort(values, kind="stable")][:count])


def expected_precision(n_relevant: int, n_ranked: int) -> float:
    """The mean average precision of all orders of a gallery: what chance gives.

    ``H/N + (R − 1)/(N − 1) · (1 − H/N)`` with H the N-th harmonic number.

    >>> expected_precision(1, 2)  # ranks 1 and 2
    0.75
    """
    if not n_relevant:
        return 0.0
    if n_ranked == 1:
        return 1.0
    share = float((1 / np.arange(1, n_ranked + 1)).sum()) / n_ranked
    return share + (n_relevant - 1) / (n_ranked - 1) * (1 - share)


def _counted(distances: Array, levels: Array) -> tuple[Array, Array]:
    """How many images are nearer than each level, and how many are at it; without sorting all."""
    at = np.searchsorted(levels, distances, side="left")
    below = np.cumsum(np.bincount(at, minlength=len(levels) + 1))  # at or before each level
    at_level = np.bincount(
        at[distances == levels[np.minimum(at, len(levels) - 1)]], minlength=len(levels)
    )
    return below[: len(levels)] - at_level, at_level


def _precision(ranks: Array) -> float:
    """AP from the relevant images' ranks, rising."""
    if not len(ranks):
        return 0.0
    return float(np.mean(np.arange(1, len(ranks) + 1) / ranks))
