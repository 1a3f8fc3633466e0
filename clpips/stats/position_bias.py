"""Position bias of the board: does an image's rank depend on where it was shown?

The board shows candidates in a random order, so a person who looks at the images alone gives
every position the same ranks on average. Each test below takes that as its null hypothesis.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clpips.errors import InputError, UndefinedStatistic
from clpips.stats.concordance import kendalls_w
from clpips.stats.correlation import MIN_IMAGES, Array, Numbers, checked_pair, within_ranks
from clpips.stats.intervals import Interval, bootstrap_interval
from clpips.stats.permutation import permutation_p

LEVEL = 0.05
"""The sentence speaks of a bias below half of this, because it looks at two p-values."""
ELSEWHERE = "shown in other positions (left out of the ranks by position)"


@dataclass(frozen=True, slots=True)
class PositionRank:
    """Mean within-ranking rank of the images shown in one position; smaller is nearer."""

    position: int
    mean_rank: float
    ci: Interval | None


@dataclass(frozen=True, slots=True)
class PositionBias:
    """The effect of position on the ranks.

    Args:
        positions: each position of the commonest board, with its mean rank and 95 % interval
            over rankings.
        friedman_chi2, friedman_df, friedman_p: do the positions' ranks differ at all? Friedman's
            test over the rankings of the commonest board.
        n_same_board: rankings of that board.
        spearman: mean over all rankings of Spearman between position and rank; above 0, images
            shown early ranked nearer.
        spearman_p: its two-sided permutation p-value.
        n_rankings: rankings behind ``spearman``.
        left_out: reasons and how many rankings each took, from either part.
    """

    positions: tuple[PositionRank, ...]
    friedman_chi2: float
    friedman_df: int
    friedman_p: float
    n_same_board: int
    spearman: float
    spearman_p: float
    n_rankings: int
    left_out: dict[str, int]

    @property
    def sentence(self) -> str:
        """The result in plain words."""
        middle = (len(self.positions) + 1) / 2
        most = max(self.positions, key=lambda one: abs(one.mean_rank - middle))
        off = abs(most.mean_rank - middle)
        where = "nearer" if most.mean_rank < middle else "farther"
        tests = (
            f"Friedman p = {self.friedman_p:.2g} over {self.n_same_board} rankings, "
            f"trend {self.spearman:+.2f} Spearman, p = {self.spearman_p:.2g} "
            f"over {self.n_rankings}"
        )
        if min(self.friedman_p, self.spearman_p) >= LEVEL / 2:
            return f"No sign that position on the board sways the ranks ({tests})."
        if self.spearman_p < LEVEL / 2:
            order = "early" if self.spearman > 0 else "late"
            return f"Images shown {order} on the board were ranked nearer ({tests})."
        return (
            f"Images shown in position {most.position} were ranked {off:.1f} places {where} than "
            f"the middle ({tests})."
        )


def position_bias(
    ranks: Sequence[Numbers], positions: Sequence[Sequence[int]], *, seed: int = 0
) -> PositionBias:
    """Position bias over some rankings, of one person or of many.

    Args:
        ranks: for each ranking, the images' ranks; 1 is nearest.
        positions: for each ranking, where each image was shown, in the same order: whole
            numbers, no two the same.
        seed: of the intervals and of the permutation test.

    >>> order = [1, 2, 3, 4]
    >>> biased = position_bias([order] * 6, [order] * 6)
    >>> biased.spearman, round(biased.friedman_chi2, 6)
    (1.0, 18.0)

    Raises:
        InputError: lists that do not match, or a position given twice in one ranking.
        UndefinedStatistic: fewer than two rankings of one board that tell images apart.
    """
    if len(ranks) != len(positions):
        raise InputError(
            f"ranks and positions must be of as many rankings, got {len(ranks)} and "
            f"{len(positions)}"
        )
    left_out: Counter[str] = Counter()
    used = _usable([_shown(*pair) for pair in zip(ranks, positions, strict=True)], left_out)
    board, table = _commonest_board(used)
    if len(used) > len(table):
        left_out[ELSEWHERE] = len(used) - len(table)
    friedman, trend = kendalls_w(table), permutation_p(used, seed=seed, alternative="two-sided")
    return PositionBias(
        positions=tuple(
            PositionRank(
                place,
                float(column.mean()),
                bootstrap_interval([column], seed=seed, bounds=(1, len(board))),
            )
            for place, column in zip(board, table.T, strict=True)
        ),
        friedman_chi2=friedman.chi2,
        friedman_df=friedman.df,
        friedman_p=friedman.p,
        n_same_board=len(table),
        spearman=trend.statistic,
        spearman_p=trend.p,
        n_rankings=len(used),
        left_out=dict(left_out),
    )


def _shown(ranks: Numbers, positions: Sequence[int]) -> tuple[Array, Array]:
    x, y = checked_pair(ranks, positions)
    if (y != np.floor(y)).any() or len(np.unique(y)) != len(y):
        raise InputError(
            f"positions must be whole numbers, no two the same in a ranking, got {list(positions)}"
        )
    return x, y


def _usable(
    pairs: Sequence[tuple[Array, Array]], left_out: Counter[str]
) -> list[tuple[Array, Array]]:
    """The rankings that have a Spearman with position; the reasons of the others are counted."""
    used = []
    for ranks, positions in pairs:
        if len(ranks) < MIN_IMAGES:
            left_out[f"fewer than {MIN_IMAGES} images"] += 1
        elif (ranks == ranks[0]).all():
            left_out["all ranks are equal"] += 1
        else:
            used.append((ranks, positions))
    return used


def _commonest_board(used: Sequence[tuple[Array, Array]]) -> tuple[list[int], Array]:
    """The set of positions that most rankings share, and their ranks (rankings, positions)."""
    tables: dict[tuple[float, ...], list[Array]] = {}
    for ranks, positions in used:
        order = np.argsort(positions)
        tables.setdefault(tuple(positions[order].tolist()), []).append(within_ranks(ranks[order]))
    board, rows = max(tables.items(), key=lambda one: len(one[1]), default=((), []))
    if len(rows) < 2:
        raise UndefinedStatistic(
            f"position bias needs two rankings with the same positions, got {len(rows)}"
        )
    return [int(place) for place in board], np.stack(rows)
