"""Rank correlation of one ranking with distances, singly and for many rankings at once.

Human ranks (1 is nearest) are compared with distances (smaller is nearer), so perfect agreement
is +1. The single functions are for any length; :func:`on_rankings` does all short rankings of one
length together, because a report compares hundreds of rankings under several metrics.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from scipy import stats

from clpips.errors import InputError, UndefinedStatistic

Numbers: TypeAlias = Sequence[float] | np.ndarray[Any, Any]
Array: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

MIN_IMAGES = 3
"""Rankings of fewer images are left out of a mean: their Spearman is always ±1."""
LONG = 200
"""From here on sorting beats comparing every image with every other."""
CELLS = 1 << 20
"""Image pairs that are compared at once, which bounds the memory."""


@dataclass(frozen=True, slots=True)
class RankingAgreement:
    """Agreement on one ranking.

    Args:
        spearman, kendall: in [−1, 1].
        pairwise_accuracy: in [0, 1], over ``n_comparisons`` pairs that were ranked differently.
    """

    spearman: float
    kendall: float
    pairwise_accuracy: float
    n_comparisons: int


def spearman(ranks: Numbers, distances: Numbers) -> float:
    """Spearman's rank correlation; ties get their mean rank.

    >>> spearman([1, 2, 3, 4], [0.1, 0.2, 0.3, 0.4])
    1.0
    >>> spearman([1, 2, 3, 4], [0.4, 0.3, 0.2, 0.1])
    -1.0

    Raises:
        UndefinedStatistic: fewer than two images, or all ranks or all distances equal.
    """
    x, y = _checked(ranks, distances, "Spearman")
    return float(np.clip(stats.spearmanr(x, y).statistic, -1, 1).round(15))


def kendall(ranks: Numbers, distances: Numbers) -> float:
    """Kendall's tau-b, which corrects for ties.

    >>> kendall([1, 2, 3], [0.1, 0.3, 0.2])
    0.333333333333333

    Raises:
        UndefinedStatistic: as for :func:`spearman`.
    """
    x, y = _checked(ranks, distances, "Kendall's tau-b")
    return float(np.clip(stats.kendalltau(x, y).statistic, -1, 1).round(15))


def pairwise_accuracy(ranks: Numbers, distances: Numbers) -> float:
    """Share of the comparisons that the distances order as the person did; a tie counts half.

    >>> pairwise_accuracy([1, 2, 3], [0.1, 0.3, 0.2])
    0.6666666666666666

    Raises:
        UndefinedStatistic: no two images were ranked differently.
    """
    right, total = _comparisons_won(ranks, distances)
    if total == 0:
        raise UndefinedStatistic("pairwise accuracy needs two images with different ranks")
    return right / total


def on_ranking(ranks: Numbers, distances: Numbers) -> RankingAgreement:
    """All three statistics of one ranking.

    Raises:
        UndefinedStatistic: fewer than three images, or all ranks or all distances equal.
    """
    if len(ranks) < MIN_IMAGES:
        raise UndefinedStatistic(f"fewer than {MIN_IMAGES} images")
    rho, tau = spearman(ranks, distances), kendall(ranks, distances)
    right, total = _comparisons_won(ranks, distances)
    return RankingAgreement(rho, tau, right / total, total)


def on_rankings(
    ratings: Sequence[tuple[Numbers, Numbers]],
) -> tuple[list[RankingAgreement | None], dict[str, int]]:
    """:func:`on_ranking` of many at once: results, ``None`` where undefined, and the reasons.

    Args:
        ratings: for each ranking (human ranks, distances).

    >>> on_rankings([([1, 2, 3], [0.1, 0.2, 0.3]), ([1, 1, 1], [0.1, 0.2, 0.3])])[1]
    {'Spearman does not exist when all ranks are equal': 1}
    """
    pairs = [checked_pair(*pair) for pair in ratings]
    found: list[RankingAgreement | None] = [None] * len(pairs)
    for numbers, x, y in _blocks(pairs):
        for number, agreement in zip(numbers, _compare(x, y), strict=True):
            found[number] = agreement
    reasons: dict[str, int] = {}
    for number, pair in enumerate(pairs):
        if found[number] is None:
            try:  # what is undefined or long is left to the single functions
                found[number] = on_ranking(*pair)
            except UndefinedStatistic as reason:
                reasons[str(reason)] = reasons.get(str(reason), 0) + 1
    return found, reasons


def within_ranks(values: Numbers) -> Array:
    """Ranks of some values, 1 for the smallest; ties share their mean rank.

    >>> within_ranks([0.3, 0.1, 0.3]).tolist()
    [2.5, 1.0, 2.5]
    """
    x = np.asarray(values, dtype=np.float64)
    if len(x) > LONG:
        return np.asarray(stats.rankdata(x))
    return np.asarray((len(x) + 1) / 2 + _order_signs(x).sum(axis=1) / 2)


def checked_pair(ranks: Numbers, distances: Numbers) -> tuple[Array, Array]:
    """Both as float64 lists of one length.

    Raises:
        InputError: different lengths, or a number that is not finite.
    """
    x, y = np.asarray(ranks, dtype=np.float64), np.asarray(distances, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise InputError(
            f"ranks and distances must be two lists of one length, got {x.shape} and {y.shape}"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError("ranks and distances must be finite numbers, got NaN or infinity")
    return x, y


def _checked(ranks: Numbers, distances: Numbers, name: str) -> tuple[Array, Array]:
    x, y = checked_pair(ranks, distances)
    if len(x) < 2:
        raise UndefinedStatistic(f"{name} needs at least two images")
    for values, what in ((x, "ranks"), (y, "distances")):
        if (values == values[0]).all():
            raise UndefinedStatistic(f"{name} does not exist when all {what} are equal")
    return x, y


def _comparisons_won(ranks: Numbers, distances: Numbers) -> tuple[float, int]:
    """Comparisons ordered as the person did (a tie of distances counts half), and all of them."""
    x, y = checked_pair(ranks, distances)
    nearer, farther = np.nonzero(x[:, None] < x[None, :])
    right = (y[farther] > y[nearer]).sum() + 0.5 * (y[farther] == y[nearer]).sum()
    return float(right), len(nearer)


def _blocks(pairs: Sequence[tuple[Array, Array]]) -> Iterator[tuple[list[int], Array, Array]]:
    by_length: dict[int, list[int]] = {}
    for number, (x, _) in enumerate(pairs):
        if MIN_IMAGES <= len(x) <= LONG:
            by_length.setdefault(len(x), []).append(number)
    for length, numbers in by_length.items():
        step = max(1, CELLS // length**2)
        for start in range(0, len(numbers), step):
            some = numbers[start : start + step]
            both = np.stack([np.stack(pairs[number]) for number in some])
            yield some, both[:, 0], both[:, 1]


def _order_signs(values: Array) -> Array:
    """−1, 0 or +1 for each two values of a list: (..., n) -> (..., n, n)."""
    one, other = values[..., :, None], values[..., None, :]
    return np.subtract(one > other, one < other, dtype=np.float64)


def _compare(x: Array, y: Array) -> list[RankingAgreement | None]:
    """Every statistic from the signs of all pairs: (rankings, images) twice -> (rankings,).

    A value's mean rank, less the middle rank, is half the sum of its signs. Sums are whole
    numbers, hence exact.
    """
    of_x, of_y = _order_signs(x), _order_signs(y)
    rank_x, rank_y = of_x.sum(axis=2) / 2, of_y.sum(axis=2) / 2
    untied_x, untied_y = (np.abs(signs).sum(axis=(1, 2)) for signs in (of_x, of_y))
    concordant = (of_x * of_y).sum(axis=(1, 2))
    spread = np.sqrt((rank_x**2).sum(axis=1) * (rank_y**2).sum(axis=1))
    defined = spread > 0
    safe = np.where(defined, spread, 1), np.where(untied_x > 0, untied_x, 1)
    rho = np.clip((rank_x * rank_y).sum(axis=1) / safe[0], -1, 1)
    tau = np.clip(concordant / np.where(defined, np.sqrt(untied_x * untied_y), 1), -1, 1)
    accuracy = (1 + concordant / safe[1]) / 2  # each pair stands twice, once with either sign
    columns = (rho, tau, accuracy, untied_x.astype(int) // 2)
    return [
        RankingAgreement(*values) if there else None
        for there, *values in zip(
            defined.tolist(), *(column.tolist() for column in columns), strict=True
        )
    ]
