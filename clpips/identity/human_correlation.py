"""MH: how well a metric agrees with people's ratings of generated images (DreamBench++).

For each of several methods that generated images, Pearson's r of the metric with each of two
groups of people, over the keys that both rated; the mean of the two; and over the methods the mean
on Fisher's z scale, r clipped to ±.999. Ratings are aligned by key. An undefined r counts as 0, as
in the released evaluation of NearID (arXiv 2604.01973), and is counted.

The published MH is that of the category ``object``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np

from clpips.errors import InputError, UndefinedStatistic
from clpips.identity.human_ratings import CATEGORIES, Ratings, category_of, subject_of
from clpips.stats.intervals import LEVEL, Interval
from clpips.stats.pearson import EDGE, fisher_mean, pearson

Array: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
Groups: TypeAlias = tuple[Ratings, Ratings]

RESAMPLES = 1000
MIN_SUBJECTS = 5
"""With fewer subjects a percentile bootstrap says nothing."""


@dataclass(frozen=True, slots=True)
class MethodCorrelation:
    """One method's.

    Args:
        r: mean of the two groups', an undefined one counted as 0.
        r_groups: Pearson's r with each group; ``None`` where it is undefined.
        n_groups: keys behind each.
        n_unmatched: keys that only people, or only the metric, rated.
    """

    r: float
    r_groups: tuple[float | None, float | None]
    n_groups: tuple[int, int]
    n_unmatched: int


@dataclass(frozen=True, slots=True)
class HumanCorrelation:
    """A metric's agreement with people.

    Args:
        mh: mean over methods on Fisher's z scale, in [−1, 1].
        mh_ci: 95 % interval, a percentile bootstrap in which subjects are redrawn, each with its
            prompts, for all methods at once; ``None`` with fewer than 5 subjects.
        methods: each method's.
        n_undefined: correlations that are undefined and counted as 0.
    """

    mh: float
    mh_ci: Interval | None
    methods: Mapping[str, MethodCorrelation]
    n_undefined: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def human_correlation(
    people: Mapping[str, Groups],
    scores: Mapping[str, Ratings],
    *,
    category: str = "",
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> HumanCorrelation:
    """MH of a metric.

    Args:
        people: by method, both groups' ratings.
        scores: by method, the metric's; larger is more similar.
        category: count only keys that begin with it; all by default.
        seed, resamples: of the bootstrap.

    Raises:
        InputError: no method, a method without scores, or one without a common key.

    >>> rated = {f"object_{n:02}_cup-0": float(n) for n in range(6)}
    >>> found = human_correlation({"a": (rated, rated)}, {"a": rated})
    >>> round(found.mh, 3)
    0.999
    """
    if not people:
        raise InputError("a correlation with people needs at least one method, got none")
    pairs = {method: _aligned(method, people, scores, category) for method in people}
    methods = {method: _method(*pair) for method, pair in pairs.items()}
    undefined = sum(r is None for one in methods.values() for r in one.r_groups)
    return HumanCorrelation(
        fisher_mean([one.r for one in methods.values()]),
        _interval([pair[:2] for pair in pairs.values()], seed, resamples),
        methods,
        undefined,
    )


def human_agreement(people: Mapping[str, Groups], *, category: str = "") -> float:
    """Agreement of the two groups with each other, in the same way: what a metric can reach.

    Raises:
        InputError: no method, or one without a common key.
    """
    alike = {method: (one, one) for method, (one, _) in people.items()}
    others = {method: two for method, (_, two) in people.items()}
    return human_correlation(alike, others, category=category, resamples=0).mh


def categories_in(people: Mapping[str, Groups]) -> list[str]:
    """The categories of DreamBench++ that people's keys have."""
    there = {category_of(key) for groups in people.values() for one in groups for key in one}
    return [category for category in CATEGORIES if category in there]


def _aligned(
    method: str, people: Mapping[str, Groups], scores: Mapping[str, Ratings], category: str
) -> tuple[list[str], Array, int]:
    """Keys, (keys, 3) ratings of the groups and the metric, and how many keys match nothing."""
    if method not in scores:
        raise InputError(f"scores must have every rated method, got none of {method!r}")
    one, two, own = (
        {key: value for key, value in each.items() if key.startswith(category)}
        for each in (*people[method], scores[method])
    )
    rated = one.keys() | two.keys()
    keys = sorted(rated & own.keys())
    if not keys:
        raise InputError(
            f"people and metric must have rated the same keys of {method!r}, "
            f"got {len(rated)} and {len(own)} without a common one"
        )
    table = [[each.get(key, np.nan) for each in (one, two, own)] for key in keys]
    return keys, np.array(table), len(rated ^ own.keys())


def _method(keys: Sequence[str], table: Array, unmatched: int) -> MethodCorrelation:
    del keys
    found: list[float | None] = []
    for group in (0, 1):
        try:
            found.append(pearson(table[:, 2], table[:, group]))
        except UndefinedStatistic:
            found.append(None)
    counts = [int(np.isfinite(table[:, [group, 2]]).all(axis=1).sum()) for group in (0, 1)]
    mean = sum(r or 0.0 for r in found) / 2
    return MethodCorrelation(mean, (found[0], found[1]), (counts[0], counts[1]), unmatched)


def _interval(
    pairs: Sequence[tuple[Sequence[str], Array]], seed: int, resamples: int
) -> Interval | None:
    """Subjects are drawn again, the same ones for every method."""
    subjects = sorted({subject_of(key) for keys, _ in pairs for key in keys})
    if len(subjects) < MIN_SUBJECTS or not resamples:
        return None
    number = {subject: index for index, subject in enumerate(subjects)}
    share = np.full(len(subjects), 1 / len(subjects))
    drawn = np.random.default_rng(seed).multinomial(len(subjects), share, size=resamples)
    z = np.zeros(resamples)
    for keys, table in pairs:
        weights = drawn[:, [number[subject_of(key)] for key in keys]].astype(np.float64)
        r = sum(_weighted_pearson(table[:, 2], table[:, group], weights) for group in (0, 1)) / 2
        z += np.arctanh(np.clip(r, -EDGE, EDGE)) / len(pairs)
    low, high = np.quantile(np.tanh(z), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _weighted_pearson(x: Array, y: Array, weights: Array) -> Array:
    """(resamples,) correlations of complete pairs under weights (resamples, pairs); else 0."""
    both = np.isfinite(x) & np.isfinite(y)
    if both.sum() < 2:
        return np.zeros(len(weights))
    x, y, weights = x[both] - x[both].mean(), y[both] - y[both].mean(), weights[:, both]
    total = np.maximum(weights.sum(axis=1), 1)
    sums = weights @ np.stack([x, y, x * x, y * y, x * y], axis=1) / total[:, None]
    mean_x, mean_y, xx, yy, xy = sums.T
    spread = np.maximum(xx - mean_x**2, 0) * np.maximum(yy - mean_y**2, 0)
    tiny = 1e-18 * max(float((x * x).mean() * (y * y).mean()), 1e-300)
    there = spread > tiny
    return np.where(there, (xy - mean_x * mean_y) / np.sqrt(np.where(there, spread, 1)), 0.0)
