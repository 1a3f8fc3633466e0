"""Concatenated rankings as comparisons, and the weight of each."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse, stats

from clpips.errors import InputError
from clpips.metric.solver import Array
from clpips.types import Ranking

LEAST_WEIGHT = 0.1
"""The least weight of a ranking, however unsure or unrepeatable."""


@dataclass(frozen=True, slots=True)
class Comparisons:
    """Every comparison of some rankings.

    Args:
        share: (comparisons,) share of the loss; a ranking's shares sum to its weight.
        owner: (comparisons,) the ranking that each came from.
        matrix: (comparisons, images) that turns distances into farther − nearer.
    """

    share: Array
    owner: np.ndarray[Any, np.dtype[np.intp]]
    matrix: sparse.csr_matrix

    @classmethod
    def of(cls, rankings: Sequence[Ranking], weights: Sequence[float]) -> Comparisons:
        """Comparisons of rankings whose images are numbered end to end.

        Raises:
            InputError: no two images were ranked differently.
        """
        if not rankings:
            raise InputError("a fit needs at least one ranking, got none")
        nearer, farther, share, owner, offset = [], [], [], [], 0
        for number, (ranking, weight) in enumerate(zip(rankings, weights, strict=True)):
            values = np.asarray(ranking.ranks)
            near, far = np.nonzero(values[:, None] < values[None, :])
            nearer.append(near + offset)
            farther.append(far + offset)
            share.append(np.full(len(near), weight / max(len(near), 1)))
            owner.append(np.full(len(near), number))
            offset += len(values)
        count = sum(map(len, nearer))
        if not count:
            raise InputError(
                "a fit needs at least one ranking in which two images have different ranks"
            )
        signs = np.concatenate([np.ones(count), -np.ones(count)])
        rows, columns = np.tile(np.arange(count), 2), np.concatenate([*farther, *nearer])
        matrix = sparse.csr_matrix((signs, (rows, columns)), shape=(count, offset))
        return cls(np.concatenate(share), np.concatenate(owner), matrix)

    def gaps(self, distances: Array) -> Array:
        """Distances (images, …) → farther − nearer (comparisons, …)."""
        return np.asarray(self.matrix @ distances)

    def with_images(self, images: Array) -> Array:
        """(images, problems) → (comparisons, problems): which have one of these images."""
        return np.asarray(abs(self.matrix) @ images.astype(np.float64) > 0)

    def shares(self, weights: Array, dropped: Array | None = None) -> Array:
        """Weights of rankings → shares of the loss, (comparisons, problems).

        Args:
            weights: (rankings, problems).
            dropped: (comparisons, problems) what has no share; the other comparisons of the
                ranking share its weight among them.
        """
        if dropped is None:
            sizes = np.bincount(self.owner, minlength=len(weights))
            return np.asarray(weights[self.owner] / sizes[self.owner, None])
        kept = ~dropped
        sizes = np.zeros_like(weights)
        np.add.at(sizes, self.owner, kept)
        return np.asarray(kept * weights[self.owner] / np.maximum(sizes, 1)[self.owner])


def ranking_weights(rankings: Sequence[Ranking]) -> list[float]:
    """How much each ranking counts in a fit; 1 where nothing is known about it.

    A ranking counts by the person's stated confidence against their own mean confidence, and by
    their repeatability: the mean Spearman of boards that they ranked twice. A board ranked
    several times counts once in all, and none less than a tenth. Several people each
    count the same, by as much as the mean number of boards: confidence and repeated boards then
    weigh one person's rankings against each other only.
    """
    times = Counter(_board(each) for each in rankings)
    sure = _relative_confidence(rankings)
    steady = _repeatability(rankings)
    weights = [
        max(sure[number] * steady.get(each.participant, 1.0), LEAST_WEIGHT) / times[_board(each)]
        for number, each in enumerate(rankings)
    ]
    total: dict[str, float] = defaultdict(float)
    for each, weight in zip(rankings, weights, strict=True):
        total[each.participant] += weight
    if len(total) < 2:
        return weights
    usual = len(times) / len(total)
    return [
        weight * usual / total[each.participant]
        for each, weight in zip(rankings, weights, strict=True)
    ]


def kept_weights(rankings: Sequence[Ranking], kept: Array) -> Array:
    """:func:`ranking_weights` of several problems, each from the rankings that it keeps alone.

    A ranking's weight depends on others of the same person, so a weight computed from all of them
    would leak what is left out.

    Args:
        rankings: of all problems.
        kept: (rankings, problems) whether a problem keeps a ranking.

    Returns:
        (rankings, problems), 0 where left out.
    """
    found = kept.astype(np.float64)
    if len({each.participant for each in rankings}) == 1 and set(ranking_weights(rankings)) == {1}:
        return found  # no board was repeated and no confidence differs
    for problem, own in enumerate(kept.T):
        places = np.flatnonzero(own)
        found[places, problem] = ranking_weights([rankings[place] for place in places.tolist()])
    return found


def _board(ranking: Ranking) -> tuple[str, str, frozenset[str]]:
    return ranking.participant, ranking.target, frozenset(ranking.images)


def _relative_confidence(rankings: Sequence[Ranking]) -> list[float]:
    stated: dict[str, list[float]] = defaultdict(list)
    for each in rankings:
        if each.confidence is not None:
            stated[each.participant].append(each.confidence)
    usual = {person: float(np.mean(values)) for person, values in stated.items()}
    return [
        each.confidence / usual[each.participant]
        if each.confidence is not None and usual[each.participant] > 0
        else 1.0
        for each in rankings
    ]


def _repeatability(rankings: Sequence[Ranking]) -> dict[str, float]:
    """Mean Spearman between rankings of the same board, by participant, between 0.1 and 1."""
    boards: dict[tuple[str, str, frozenset[str]], list[Ranking]] = defaultdict(list)
    for each in rankings:
        boards[_board(each)].append(each)
    found: dict[str, list[float]] = defaultdict(list)
    for (person, _, _), times in boards.items():
        ranks = [_by_image(each) for each in times]
        for one, other in pairwise(ranks):
            if len(one) >= 3 and min(np.ptp(one), np.ptp(other)) > 0:
                found[person].append(float(stats.spearmanr(one, other).statistic))
    return {
        person: float(np.clip(np.mean(values), LEAST_WEIGHT, 1.0))
        for person, values in found.items()
    }


def _by_image(ranking: Ranking) -> list[int]:
    return [rank for _, rank in sorted(zip(ranking.images, ranking.ranks, strict=True))]
