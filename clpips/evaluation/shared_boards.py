"""Rankings grouped by board: a target with the set of images that were ranked against it.

Two rankings of one board by one person are a repeat; a board that two people ranked is shared.
Neither needs to be marked in the data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from clpips.errors import UndefinedStatistic
from clpips.stats.correlation import MIN_IMAGES, Array, spearman, within_ranks
from clpips.stats.intervals import Interval, bootstrap_interval
from clpips.types import Ranking

Board: TypeAlias = tuple[str, frozenset[str]]
ByPerson: TypeAlias = Mapping[str, Mapping[Board, float]]
"""For each person, one value for each of their boards."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over boards, its 95 % interval over boards (``None`` for one board), their number."""

    value: float
    ci: Interval | None
    n_boards: int


def by_board(rankings: Sequence[Ranking]) -> dict[Board, dict[str, list[Array]]]:
    """For each board, each person's rankings of it, as ranks in one order of the images.

    Returns:
        board -> participant -> for each of their rankings, in the order given, within-ranking
        ranks (images,), ties sharing their mean rank.
    """
    found: dict[Board, dict[str, list[Array]]] = {}
    for ranking in rankings:
        rank_of = dict(zip(ranking.images, ranking.ranks, strict=True))
        people = found.setdefault((ranking.target, frozenset(rank_of)), {})
        ranks = within_ranks([rank_of[image] for image in sorted(rank_of)])
        people.setdefault(ranking.participant, []).append(ranks)
    return found


def spearman_or_count(one: Array, other: Array, left_out: Counter[str]) -> float | None:
    """Spearman of two orders of a board; where undefined, ``None`` and the reason is counted."""
    if len(one) < MIN_IMAGES:
        left_out[f"fewer than {MIN_IMAGES} images"] += 1
        return None
    try:
        return spearman(one, other)
    except UndefinedStatistic:
        left_out["all ranks of one of the two are equal"] += 1
        return None


def over_boards(values: Mapping[Board, float], *, seed: int) -> Estimate:
    """The mean of one person's boards."""
    known = np.array(list(values.values()))
    return Estimate(float(known.mean()), bootstrap_interval([known], seed=seed), len(known))


def over_people(values: ByPerson, *, seed: int) -> Estimate:
    """The mean over people of their means over boards; every person weighs the same.

    The interval is over boards. A board's part in the mean is what its values would change in
    it, so a board that many people ranked is one unit, not many.
    """
    boards = {
        board: number
        for number, board in enumerate(
            dict.fromkeys(board for one in values.values() for board in one)
        )
    }
    mean = float(np.mean([np.mean(list(one.values())) for one in values.values()]))
    parts = np.full(len(boards), mean)
    for one in values.values():
        for board, value in one.items():
            parts[boards[board]] += len(boards) * (value - mean) / (len(values) * len(one))
    # Parts can lie outside Spearman's range where people ranked different boards.
    bounds = (-1.0, 1.0) if np.abs(parts).max() <= 1 else (-np.inf, np.inf)
    interval = bootstrap_interval([parts], seed=seed, bounds=bounds)
    if interval is not None:
        interval = max(-1.0, interval[0]), min(1.0, interval[1])
    return Estimate(mean, interval, len(boards))
