"""Confidence intervals of means over rankings, with measured coverage.

Values of one ranking each (Spearman, Kendall's tau, a share, a gain) are bounded, skewed near
the bound, coarse and few. The percentile bootstrap and BCa are too short for that: at five
rankings they cover the true mean in 75–85 % instead of 95 %. What is used instead was chosen by
simulation (``python benchmarks/calibration.py --part coverage`` prints the table):

* for an agreement, a **bootstrap-t** whose weights are drawn from Beta(½, 3/2) (Owen 2025, arXiv
  2508.10083: second-order accurate, never of infinite length on small discrete samples), on
  Fisher's z scale, which steadies the spread near ±1, and never narrower than Student's interval
  on the same scale;
* for a gain, the same bootstrap-t over targets on the plain scale. Gains are skewed, with a few
  large ones, so its end towards 0 is nearer than Student's and finds a gain sooner; that end is
  kept at no less than 0.9 of Student's reach, and the other end at no less than all of it.

Student's interval always has the bias-reduced cluster-robust error and degrees of freedom (CR2;
Bell and McCaffrey 2002), which for clusters of one size are the ordinary ones.

Rankings of one target share the target and the weights that score it, so both take *clusters*.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from scipy import stats

from clpips.errors import InputError
from clpips.stats.cluster_robust import Array, Clustered, Clusters

Interval: TypeAlias = tuple[float, float]

LEVEL = 0.95
RESAMPLES = 2000
EDGE = 1e-5
"""Means are kept this far from a bound, where Fisher's z would be infinite."""
HELD_OUT_REACH = (1.0, 1.35)
"""How far down and up the interval of a *held-out* gain reaches, as multiples. Folds share
rankings, so their gains are no independent draws (Bengio and Grandvalet 2004), and a metric fitted
to all rankings is better than the folds: plain intervals lay below the gain on new boards in 5–8 %
of studies and above it in 3 %."""
NEAREST = 0.9
"""A gain's interval reaches towards 0 by at least this share of Student's reach."""
AT_ONCE = 1_000_000
"""Random weights held in memory at a time."""


def bootstrap_interval(
    groups: Sequence[Array],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    clusters: Sequence[Clusters] | None = None,
    bounds: Interval = (-1.0, 1.0),
    level: float = LEVEL,
) -> Interval | None:
    """Bootstrap interval of the mean of the groups' means, values redrawn within groups.

    Args:
        groups: each person's values, one a ranking; within ``bounds``.
        seed: of the bootstrap.
        resamples: of the bootstrap.
        clusters: for each group, what each value belongs to (its target): values of one cluster
            are redrawn together. By default every value stands alone.
        bounds: where the values can lie. With an infinite bound the interval is found on the
            plain scale; it is clipped to the bounds in any case.
        level: of the interval, in (0, 1).

    Returns:
        (low, high), or ``None`` when a group has fewer than two values (or clusters), or when no
        group's values differ: then their spread is unknown.

    Raises:
        InputError: values beyond ``bounds`` or not finite, clusters of another length, a level
            outside (0, 1).

    >>> low, high = bootstrap_interval([np.array([0.7, 0.9, 0.8, 0.95, 0.6])])
    >>> -1 <= low < 0.79 < high <= 1
    True
    """
    labels: Sequence[Clusters | None] = [None] * len(groups) if clusters is None else clusters
    if len(labels) != len(groups):
        raise InputError(f"clusters must be given for each of {len(groups)} groups, got {labels}")
    check_level(level)
    scale = _Scale.of(bounds)
    units = [
        Clustered.of(_checked(np.asarray(values, dtype=np.float64), bounds), label)
        for values, label in zip(groups, labels, strict=True)
    ]
    if not units or min(len(one.sums) for one in units) < 2:
        return None
    centre = float(np.mean([one.mean for one in units]))
    error, freedom = _over_groups([one.error() for one in units])
    if not error > 1e-12:
        return None
    tail = (1 - level) / 2
    reach = float(stats.t.ppf(1 - tail, freedom))
    lowest, highest = np.quantile(
        _pivots(units, scale, seed=seed, resamples=resamples), [tail, 1 - tail]
    )
    # Redrawn spreads have divisor n; the factor makes up for it once more, as measured.
    widened, _ = _over_groups([(one.error()[0] * one.small_sample, 1.0) for one in units])
    at, slope = scale.forward(centre), scale.slope(centre)
    low = scale.backward(at - slope * max(reach * error, highest * widened))
    high = scale.backward(at + slope * max(reach * error, -lowest * widened))
    return max(float(low), bounds[0]), min(float(high), bounds[1])


def gain_interval(
    gains: Sequence[Array],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    reach: tuple[float, float] = (1.0, 1.0),
    bounds: Interval = (-2.0, 2.0),
) -> tuple[float | None, Interval | None]:
    """Mean gain over rankings and its interval, with each target's rankings as one cluster.

    Args:
        gains: for each target, its rankings' gains; none empty. Several people's rankings of one
            target belong to one cluster.
        seed: of the bootstrap.
        resamples: of the bootstrap.
        level: of the interval, in (0, 1).
        reach: lengthens the parts below and above the mean; :data:`HELD_OUT_REACH` for held-out
            gains.
        bounds: where gains can lie; those of correlations by default. The interval is clipped.

    Returns:
        the mean (``None`` without any gain) and (low, high). No interval for fewer than two
        targets, nor where all gains are the same number other than 0. Gains that are all exactly
        0 have (0, 0): then both metrics order every board alike.

    >>> gain_interval([np.array([0.1, 0.3]), np.array([0.2])])[0]
    0.2
    """
    check_level(level)
    if not sum(map(len, gains)):
        return None, None
    units = Clustered.of_groups(gains)
    mean = units.mean
    if len(gains) < 2:
        return mean, None
    error, freedom = units.error()
    if not error > 1e-12:
        return mean, (0.0, 0.0) if mean == 0 else None
    student = float(stats.t.ppf((1 + level) / 2, freedom)) * error
    tail, plain = (1 - level) / 2, _Scale.of((-math.inf, math.inf))
    pivots = _pivots([units], plain, seed=seed, resamples=resamples)
    lowest, highest = np.quantile(pivots, [tail, 1 - tail]) * error * units.small_sample
    # Real gains are skewed away from 0: many small ones, a few large. There the interval must
    # reach far, and towards 0 it may be shorter than Student's, but not by much.
    down, up = (highest, -lowest) if mean > 0 else (-lowest, highest)
    near = max(down, NEAREST * student)
    far = max(up * units.small_sample**2, student)
    low, high = (mean - near, mean + far) if mean > 0 else (mean - far, mean + near)
    low, high = mean + reach[0] * (low - mean), mean + reach[1] * (high - mean)
    return mean, (max(float(low), bounds[0]), min(float(high), bounds[1]))


@dataclass(frozen=True, slots=True)
class _Scale:
    """The scale on which a mean's spread hardly depends on the mean, or the plain one."""

    forward: Callable[[Any], Any]
    backward: Callable[[Any], Any]
    slope: Callable[[Any], Any]

    @classmethod
    def of(cls, bounds: Interval) -> _Scale:
        low, high = bounds
        if not low < high:
            raise InputError(f"bounds must be two rising numbers, got {bounds}")
        if not (math.isfinite(low) and math.isfinite(high)):
            return cls(lambda x: x, lambda z: z, np.ones_like)
        middle, half = (low + high) / 2, (high - low) / 2

        def unit(x: Any) -> Any:
            return np.clip((x - middle) / half, EDGE - 1, 1 - EDGE)

        return cls(
            lambda x: np.arctanh(unit(x)),
            lambda z: middle + half * np.tanh(z),
            lambda x: 1 / (half * (1 - unit(x) ** 2)),
        )


def _pivots(units: Sequence[Clustered], scale: _Scale, *, seed: int, resamples: int) -> Array:
    """(resamples,): how many standard errors each redrawn mean lies from the mean."""
    generator = np.random.default_rng(seed)
    means, variances = np.zeros(resamples), np.zeros(resamples)
    for one in units:
        drawn = [one.redrawn(w) for w in _beta_weights(generator, resamples, len(one.sums))]
        means += np.concatenate([mean for mean, _ in drawn]) / len(units)
        variances += np.concatenate([error for _, error in drawn]) ** 2 / len(units) ** 2
    centre = float(np.mean([one.mean for one in units]))
    away = scale.forward(means) - scale.forward(centre)
    spread = scale.slope(means) * np.sqrt(variances)
    return np.asarray(away / np.maximum(spread, 1e-12))


def _beta_weights(generator: np.random.Generator, resamples: int, units: int) -> Iterator[Array]:
    """Weights from Beta(½, 3/2), a few resamples at a time: each (some resamples, units).

    A Beta(½, ½) variable is cos²(πU) and times a uniform one it is Beta(½, 3/2).
    """
    rows = max(1, AT_ONCE // units)
    for start in range(0, resamples, rows):
        shape = (min(rows, resamples - start), units)
        angle = generator.random(shape, dtype=np.float32)
        yield np.cos(np.float32(np.pi) * angle) ** 2 * generator.random(shape, dtype=np.float32)


def _over_groups(errors: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Standard error of the mean of groups, and Welch and Satterthwaite's freedom."""
    squares = np.array([error**2 for error, _ in errors])
    freedoms = np.array([freedom for _, freedom in errors])
    total = float(squares.sum())
    spread = float((squares**2 / freedoms).sum())
    return math.sqrt(total) / len(errors), total**2 / spread if spread > 0 else 1.0


def _checked(values: Array, bounds: Interval) -> Array:
    if not np.isfinite(values).all():
        raise InputError("the values of an interval must be finite numbers, got NaN or infinity")
    if values.size and not (bounds[0] - 1e-9 <= values.min() and values.max() <= bounds[1] + 1e-9):
        raise InputError(
            f"the values of an interval must lie within {bounds}, "
            f"got {values.min():g} to {values.max():g}"
        )
    return values


def check_level(level: float) -> None:
    """Check that a level lies between 0 and 1.

    Raises:
        InputError: it does not.
    """
    if not 0 < level < 1:
        raise InputError(f"the level of an interval must lie between 0 and 1, got {level!r}")
