"""Forecast the held-out agreement with more rankings, and the precision they give.

The forecast adds to today's held-out agreement the expected effect of further rankings,
``gain · (h(N) − h(n))`` with ``h(n) = n / (n + half)``: a saturating curve of three parameters
(stock, final gain, and the rankings at which half of it is reached). Gain and half are
integrated out under a weak prior. The boards to come are not the boards so far: that
is most of the interval's width. Chosen and measured with ``benchmarks/calibration.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import stats

from clpips.errors import InputError, UndefinedStatistic
from clpips.evaluation.learning_curve import LearningCurve
from clpips.stats.cluster_robust import Array, Clustered, Clusters
from clpips.stats.intervals import LEVEL, Interval, check_level

LEAST_TARGETS = 4
"""With fewer targets a curve cannot be extrapolated."""
GAIN_SPREAD = 0.3
"""Prior standard deviation of the final gain over stock, in Spearman."""
HALVES = np.geomspace(0.5, 100, 40)
"""Numbers of rankings at which half of the final gain may be reached; equally likely before."""
MIXED = 0.2
"""Share of the diagonal in the covariance of the points, poorly estimated from few targets."""
FLOOR = 1e-5
"""Variance added to each point, for the subsets that were not drawn."""
MOST_RANKINGS = 100_000
"""The largest number of rankings that is searched."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Held-out agreement expected once there are more rankings.

    Args:
        n_rankings: rankings in all that the forecast is for.
        now_rankings: rankings so far.
        now: held-out agreement so far.
        spearman: the agreement expected, in [−1, 1].
        interval: where the report will find it, with probability ``level``.
        level: of the interval.
    """

    n_rankings: int
    now_rankings: int
    now: float
    spearman: float
    interval: Interval
    level: float

    @property
    def sentence(self) -> str:
        """The result in plain words."""
        low, high = self.interval
        more = self.n_rankings - self.now_rankings
        return (
            f"With {more} more ranking{'s' if more > 1 else ''} held-out agreement is expected "
            f"to go from {self.now:.2f} to {self.spearman:.2f} "
            f"({100 * self.level:.0f} % interval {low:.2f} to {high:.2f})."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {**asdict(self), "sentence": self.sentence}


@dataclass(frozen=True, slots=True)
class RankingsNeeded:
    """How many more rankings would narrow an interval, if they vary as those so far did.

    Args:
        more: further rankings needed; 0 when the interval is narrow enough already.
        n_rankings: rankings so far.
        wanted: the half-width wanted.
        now, then: half-widths of Student's interval with the rankings so far, and with ``more``.
        level: of the interval.
    """

    more: int
    n_rankings: int
    wanted: float
    now: float
    then: float
    level: float = LEVEL

    @property
    def sentence(self) -> str:
        """The result in plain words."""
        if self.more == 0:
            return (
                f"The interval is ±{self.now:.2f} already, with {self.n_rankings} rankings: "
                f"no more are needed for ±{self.wanted:.2f}."
            )
        rankings = "ranking" if self.more == 1 else "rankings"
        return (
            f"With {self.more} more {rankings} the interval would shrink "
            f"from ±{self.now:.2f} to ±{self.then:.2f}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {**asdict(self), "sentence": self.sentence}


def forecast(curve: LearningCurve, n_rankings: int, *, level: float = LEVEL) -> Forecast:
    """The held-out agreement that the report will find once there are ``n_rankings`` in all.

    Args:
        curve: of the rankings so far.
        n_rankings: rankings in all, more than so far, in the same proportion to targets.
        level: of the interval, in (0, 1).

    Raises:
        UndefinedStatistic: fewer than four targets, or rankings that all agree equally.
        InputError: no more rankings than there are already.
    """
    check_level(level)
    if n_rankings <= curve.n_rankings:
        raise InputError(
            f"a forecast needs more rankings than the {curve.n_rankings} so far, got {n_rankings}"
        )
    if curve.n_targets < LEAST_TARGETS:
        raise UndefinedStatistic(
            f"a forecast needs rankings of at least {LEAST_TARGETS} targets, got {curve.n_targets}"
        )
    now = curve.points[-1].spearman
    error, freedom = Clustered.of(curve.values[-1], curve.targets).error()
    if not error > 1e-12:
        raise UndefinedStatistic("there is no forecast from rankings that all agree equally")
    taught, taught_variance = _to_learn(curve, n_rankings)
    expected = float(np.clip(now + taught, -0.999, 0.999))
    # The mean over all N boards differs from that over the first n by error² · (1 − n/N).
    boards_to_come = error**2 * (1 - curve.n_rankings / n_rankings)
    # Fisher's z: near 1 there is more room below than above.
    spread = math.sqrt(boards_to_come + taught_variance) / (1 - expected**2)
    reach = float(stats.t.ppf((1 + level) / 2, freedom)) * spread
    low, high = np.tanh(np.arctanh(expected) + np.array([-reach, reach]))
    interval = (float(low), float(high))
    return Forecast(n_rankings, curve.n_rankings, now, expected, interval, level)


def rankings_needed(
    values: Array, wanted: float, *, clusters: Clusters | None = None, level: float = LEVEL
) -> RankingsNeeded:
    """How many more rankings narrow the interval of their mean to ``wanted`` on either side.

    Student's interval with the spread between the rankings at hand: half of all further
    samples will need a little more, half a little less.

    Args:
        values: one a ranking, for example ``agreement.per_ranking`` without the left-out ones.
        wanted: half-width, > 0.
        clusters: what each value belongs to (its target). Further rankings are then taken to
            come in the same proportion of rankings to targets.
        level: of the interval, in (0, 1).

    Raises:
        UndefinedStatistic: fewer than two values (or clusters), or values that do not differ.
        InputError: a width that is not positive.
    """
    if not (math.isfinite(wanted) and wanted > 0):
        raise InputError(f"the half-width wanted must be a positive number, got {wanted!r}")
    check_level(level)
    units = Clustered.of(np.asarray(values, dtype=np.float64), clusters)
    count, n = len(units.sums), int(units.sizes.sum())
    if count < 2:
        raise UndefinedStatistic(
            f"the number of rankings needed is defined from rankings of two targets on, got {count}"
        )
    error, _ = units.error()
    if not error > 1e-12:
        raise UndefinedStatistic(
            "the number of rankings needed is undefined for rankings that all agree equally"
        )

    def half_width(more: int) -> float:
        grown = (n + more) / n
        quantile = stats.t.ppf((1 + level) / 2, max(count * grown - 1, 1.0))
        return float(quantile * error / math.sqrt(grown))

    more = _first(lambda extra: half_width(extra) <= wanted, MOST_RANKINGS)
    if more is None:
        raise UndefinedStatistic(
            f"a half-width of {wanted:g} would need more than {MOST_RANKINGS} rankings"
        )
    return RankingsNeeded(more, n, wanted, half_width(0), half_width(more), level)


def _to_learn(curve: LearningCurve, n_rankings: int) -> tuple[float, float]:
    """Mean and variance of what further rankings add, under all curves weighed by the points."""
    sizes = np.array([point.n_rankings for point in curve.points[1:]])
    gains = np.array([point.gain for point in curve.points[1:]])
    inverse = np.linalg.inv(_covariance(curve))
    # No curve ends above perfect agreement.
    room = max(1 - curve.points[0].spearman, 0.02)
    finals = np.linspace(-GAIN_SPREAD, min(room, 3 * GAIN_SPREAD), 121)
    now, then = curve.n_rankings, n_rankings
    shapes = sizes / (sizes + HALVES[:, None])  # (halves, points)
    away = gains - finals[:, None, None] * shapes  # (finals, halves, points)
    fits = -0.5 * np.einsum("fhp,pq,fhq->fh", away, inverse, away)
    fits -= 0.5 * (finals[:, None] / GAIN_SPREAD) ** 2
    weight = np.exp(fits - fits.max())
    weight /= weight.sum()
    added = finals[:, None] * (then / (then + HALVES) - now / (now + HALVES))
    mean = float((weight * added).sum())
    return mean, float((weight * (added - mean) ** 2).sum())


def _covariance(curve: LearningCurve) -> Array:
    """Of the points' gains over stock, from how they differ between targets: (points, points)."""
    rows = [Clustered.of(row, curve.targets) for row in curve.values[1:] - curve.values[0]]
    residuals = np.stack([row.sums - row.mean * row.sizes for row in rows])
    targets = curve.n_targets
    covariance = residuals @ residuals.T * targets / (targets - 1) / curve.n_rankings**2
    mixed: Array = (
        (1 - MIXED) * covariance + MIXED * np.diag(np.diag(covariance)) + FLOOR * np.eye(len(rows))
    )
    return mixed


def _first(holds: Callable[[int], bool], limit: int) -> int | None:
    """The smallest number from 0 on for which ``holds``; it must go on to hold from there."""
    low, high = 0, 1
    if holds(0):
        return 0
    while not holds(high):
        low, high = high, 2 * high
        if low > limit:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
