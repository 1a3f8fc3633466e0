"""Confidence intervals of shares: how many of some trials were won, trials by independent unit."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from scipy import stats

from clpips.errors import InputError
from clpips.stats.intervals import LEVEL, RESAMPLES, Interval, bootstrap_interval, check_level

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


def wilson_interval(wins: float, trials: int, *, level: float = LEVEL) -> Interval:
    """Wilson's score interval of a share of independent trials (Wilson 1927).

    Unlike the bootstrap it has a length where every trial was won, or none.

    Raises:
        InputError: no trial, or more wins than trials.

    >>> low, high = wilson_interval(10, 10)
    >>> round(low, 3), high
    (0.722, 1.0)
    """
    check_level(level)
    if not 0 <= wins <= trials or not trials:
        raise InputError(
            f"a share needs at least one trial and at most as many wins, got {wins} of {trials}"
        )
    z = float(stats.norm.ppf((1 + level) / 2))
    share, weight = wins / trials, z * z / trials
    centre = (share + weight / 2) / (1 + weight)
    half = z * math.sqrt(share * (1 - share) / trials + weight / (4 * trials)) / (1 + weight)
    # At the ends rounding must not keep the share itself outside.
    low = 0.0 if wins == 0 else max(0.0, centre - half)
    high = 1.0 if wins == trials else min(1.0, centre + half)
    return low, high


def share_interval(
    wins: Array,
    trials: Array,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Interval | None:
    """Interval of Σ wins / Σ trials over units that vary independently of each other.

    Wilson's interval where every unit has one trial. Else the bootstrap-t over units of
    :func:`clpips.stats.intervals.bootstrap_interval`; where all trials were won, or none, there is
    nothing to redraw, and Wilson's interval counts each unit as one trial.

    Args:
        wins, trials: (units,), whole numbers, wins ≤ trials; units without a trial are passed
            over.
        seed, resamples: of the bootstrap.
        level: of the interval, in (0, 1).

    Returns:
        (low, high) within [0, 1]; ``None`` without a trial, or for one unit of mixed trials.

    >>> share_interval(np.array([3, 4]), np.array([4, 4]))[1] <= 1
    True
    """
    tried = trials > 0
    wins, trials = wins[tried].astype(np.int64), trials[tried].astype(np.int64)
    total, units = int(wins.sum()), len(trials)
    if not units:
        return None
    if (trials == 1).all() or total in (0, int(trials.sum())):
        return wilson_interval(0 if not total else int((wins > 0).sum()), units, level=level)
    values = np.repeat(np.tile([1.0, 0.0], units), np.stack([wins, trials - wins], axis=1).ravel())
    labels = np.repeat(np.arange(units), trials).tolist()
    return bootstrap_interval(
        [values],
        clusters=[labels],
        bounds=(0.0, 1.0),
        seed=seed,
        resamples=resamples,
        level=level,
    )
