"""How well distances agree with rankings.

Every statistic compares, within one ranking, human ranks (1 is nearest) with distances (smaller
is nearer), so perfect agreement is +1. Over several rankings of one person the *mean* is
reported with an interval bootstrapped over rankings, and the *pooled* value beside it.

The intraclass correlation is **ICC(A,1)** (two-way, absolute agreement, single rater) between
two raters, the person and the metric, on **within-ranking ranks**, rows pooled over rankings.
On ranks without ties ICC(C,1), the consistency form, equals Spearman exactly, so it would be the
same number under another name. ICC(A,1) on ranks differs from it by a term of order 1/n only:
both raters use the same ranks, so there is no offset to penalise. What it adds is that it
also counts a *difference in spread*, which appears as soon as one of the two makes ties: a
metric that calls everything equal, or a person who does. Read it as a check, not as independent
evidence. (As an estimator it can fall below −1 when the two disagree completely.) It is stated
with pingouin's F test and interval, which take rows to be independent; the rows of one ranking
are not, so the interval to quote is the bootstrap over rankings or targets, ``icc_ci``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from clpips.errors import InputError, UndefinedStatistic
from clpips.stats.cluster_robust import Clusters
from clpips.stats.correlation import (
    MIN_IMAGES,
    Numbers,
    RankingAgreement,
    checked_pair,
    kendall,
    on_ranking,
    on_rankings,
    pairwise_accuracy,
    spearman,
    within_ranks,
)
from clpips.stats.icc import (
    intraclass,
    intraclass_report,
    jackknifed_two_rater_icc,
    two_rater_sums,
)
from clpips.stats.intervals import RESAMPLES, Interval, bootstrap_interval

__all__ = [
    "ICC_FORM",
    "ICC_TRANSFORM",
    "MIN_IMAGES",
    "Agreement",
    "Interval",
    "Numbers",
    "RankingAgreement",
    "bootstrap_interval",
    "icc",
    "kendall",
    "on_ranking",
    "on_rankings",
    "over_people",
    "over_rankings",
    "pairwise_accuracy",
    "spearman",
]

ICC_FORM = "ICC(A,1)"
ICC_TRANSFORM = "within-ranking ranks"
BOUNDS: Mapping[str, Interval] = {
    "spearman": (-1, 1),
    "kendall": (-1, 1),
    "pairwise_accuracy": (0, 1),
}
"""Where the values of the means can lie."""
TRACED = ("kendall", "pairwise_accuracy", "icc")
"""The statistics beside Spearman whose value for each ranking is kept."""
EDGE = 0.999
"""An ICC beyond this, or its negative, has its interval found on the plain scale."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement over some rankings of one person, or over people.

    Args:
        spearman, kendall, pairwise_accuracy: means over rankings (over people: of their means).
        icc: ICC(A,1) on within-ranking ranks, pooled over rankings.
        n_rankings: rankings that count.
        spearman_ci: 95 % interval of ``spearman``, bootstrapped over rankings.
        pooled: the three statistics over all rankings together.
        n_left_out: rankings that have no Spearman.
        left_out: the reasons, and how many rankings each took.
        per_ranking: Spearman of each ranking, ``None`` where left out.
        kendall_ci, pairwise_accuracy_ci, icc_ci: 95 % intervals, bootstrapped over rankings.
        icc_f, icc_df1, icc_df2, icc_p, icc_f_ci: F test of ``icc`` and the 95 % interval from it
            (:class:`clpips.stats.icc.IntraclassReport`); ``None`` over people.
        contributions: for kendall, pairwise_accuracy and icc, what each ranking adds: numbers
            whose mean is the statistic, ``None`` where left out. For the ICC these are jackknife
            contributions, which may lie outside its range.
        icc_form, icc_transform: which ICC, and of what.
        targets: the target of each ranking, where given; the intervals then redraw whole targets.
        seed: of the bootstrap.

    A value that does not exist for these data is ``None``, never 0.
    """

    spearman: float | None
    kendall: float | None
    pairwise_accuracy: float | None
    icc: float | None
    n_rankings: int
    spearman_ci: Interval | None = None
    pooled: Mapping[str, float | None] = field(default_factory=dict)
    n_left_out: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    per_ranking: tuple[float | None, ...] = ()
    kendall_ci: Interval | None = None
    pairwise_accuracy_ci: Interval | None = None
    icc_ci: Interval | None = None
    contributions: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    icc_form: str = ICC_FORM
    icc_transform: str = ICC_TRANSFORM
    targets: tuple[str, ...] = ()
    seed: int = 0
    icc_f: float | None = None
    icc_df1: int | None = None
    icc_df2: int | None = None
    icc_p: float | None = None
    icc_f_ci: Interval | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def icc_note(values: Iterable[float | None], form: str = ICC_FORM) -> str:
    """What to add where an ICC below −1 is shown; empty where there is none.

    >>> icc_note([0.4, None]), icc_note([-1.2])
    ('', 'ICC(A,1) can fall below −1, unlike a correlation; negative values mean no agreement.')
    """
    if all(value is None or value >= -1 for value in values):
        return ""
    return f"{form} can fall below −1, unlike a correlation; negative values mean no agreement."


def icc(ratings: Sequence[tuple[Numbers, Numbers]], *, form: str = ICC_FORM) -> float:
    """Intraclass correlation of two raters over the rows of some rankings.

    Args:
        ratings: for each ranking (human ranks, distances); both become within-ranking ranks.
        form: ``ICC(A,1)`` (absolute agreement) or ``ICC(C,1)`` (consistency), as McGraw and
            Wong (1996) name them.

    >>> round(icc([([1, 2, 3, 4, 5], [1, 3, 2, 5, 4])]), 4), spearman([1, 2, 3], [1, 3, 2])
    (0.8333, 0.5)

    Raises:
        UndefinedStatistic: fewer than three rows, or nothing varies.
    """
    if form not in ("ICC(A,1)", "ICC(C,1)"):
        raise InputError(f"form must be one of ('ICC(A,1)', 'ICC(C,1)'), got {form!r}")
    columns = [np.concatenate(side) for side in zip(*map(_ranked, ratings), strict=True)]
    if not columns or len(columns[0]) < 3:
        raise UndefinedStatistic("an intraclass correlation needs at least three rows")
    if all(np.ptp(column) == 0 for column in columns):
        raise UndefinedStatistic("an intraclass correlation needs ranks that differ")
    return intraclass(np.stack(columns, axis=1), form=form)


def over_rankings(
    ratings: Sequence[tuple[Numbers, Numbers]],
    *,
    targets: Sequence[str] = (),
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Agreement:
    """Agreement over several rankings of one person.

    Args:
        ratings: for each ranking (human ranks, distances).
        targets: for each ranking, its target. Rankings of one target are not independent, so
            with them the intervals redraw whole targets; without, whole rankings.
        seed: of the bootstrap.
        resamples: of the bootstrap.
    """
    if targets and len(targets) != len(ratings):
        raise InputError(
            f"targets must name one target per ranking, got {len(targets)} for {len(ratings)}"
        )
    found, reasons = on_rankings(ratings)
    counted = [one for one in found if one is not None]
    used = [pair for pair, one in zip(ratings, found, strict=True) if one is not None]
    ranked = [(within_ranks(ranks), within_ranks(distances)) for ranks, distances in used]
    values = _per_ranking(counted, ranked)
    labels, groups = [_labels(found, targets)], {name: [one] for name, one in values.items()}
    return Agreement(
        spearman=_mean(values["spearman"]),
        kendall=_mean(values["kendall"]),
        pairwise_accuracy=_mean(values["pairwise_accuracy"]),
        n_rankings=len(counted),
        **_icc_entries(ranked),
        **_intervals(groups, labels, seed, resamples),
        pooled=_pooled(counted, ranked),
        n_left_out=len(found) - len(counted),
        left_out=reasons,
        per_ranking=tuple(None if one is None else one.spearman for one in found),
        contributions={name: _in_place(values[name], found) for name in TRACED if name in values},
        targets=tuple(targets),
        seed=seed,
    )


def over_people(people: Mapping[str, Agreement], *, seed: int = 0) -> Agreement:
    """The mean of some people's agreement; every person weighs the same.

    The intervals are bootstrapped over the rankings of each person, people held fixed, so they
    apply to these people and not to others.
    """
    counted = [one for one in people.values() if one.spearman is not None]
    groups = {
        "spearman": [_known(one.per_ranking) for one in counted],
        **{
            name: [_known(one.contributions[name]) for one in counted if name in one.contributions]
            for name in TRACED
        },
    }
    labels = [_labels(one.per_ranking, one.targets) for one in counted]
    reasons: Counter[str] = Counter()
    for one in people.values():
        reasons.update(one.left_out)
    return Agreement(
        spearman=_mean([one.spearman for one in counted]),
        kendall=_mean([one.kendall for one in counted]),
        pairwise_accuracy=_mean([one.pairwise_accuracy for one in counted]),
        icc=_mean([one.icc for one in counted if one.icc is not None]),
        n_rankings=sum(one.n_rankings for one in people.values()),
        **_intervals(groups, labels, seed, RESAMPLES),
        n_left_out=sum(one.n_left_out for one in people.values()),
        left_out=dict(reasons),
        seed=seed,
    )


def _per_ranking(
    counted: Sequence[RankingAgreement], ranked: Sequence[tuple[np.ndarray[Any, Any], ...]]
) -> dict[str, np.ndarray[Any, Any]]:
    """For each statistic one value per ranking, whose mean is the statistic."""
    values = {
        "spearman": np.array([one.spearman for one in counted]),
        "kendall": np.array([one.kendall for one in counted]),
        "pairwise_accuracy": np.array([one.pairwise_accuracy for one in counted]),
    }
    if ranked:
        sums = np.stack([two_rater_sums(*pair) for pair in ranked])
        _, values["icc"] = jackknifed_two_rater_icc(sums)
    return values


def _icc_entries(ranked: Sequence[tuple[np.ndarray[Any, Any], ...]]) -> dict[str, Any]:
    """The ICC over all rows with its F test, by the names of :class:`Agreement`."""
    if not ranked:
        return {"icc": None}
    table = np.stack([np.concatenate(side) for side in zip(*ranked, strict=True)], axis=1)
    found = intraclass_report(table, form=ICC_FORM)
    return {
        "icc": found.icc,
        "icc_f": found.f,
        "icc_df1": found.df1,
        "icc_df2": found.df2,
        "icc_p": found.p,
        "icc_f_ci": found.ci95,
    }


def _intervals(
    groups: Mapping[str, Sequence[np.ndarray[Any, Any]]],
    clusters: Sequence[Clusters],
    seed: int,
    resamples: int,
) -> dict[str, Any]:
    """``<statistic>_ci`` for each statistic; none where a person's values are not known."""
    groups = {name: some for name, some in groups.items() if len(some) == len(clusters) > 0}
    how: dict[str, Any] = {"seed": seed, "resamples": resamples, "clusters": clusters}
    found: dict[str, Any] = {
        f"{name}_ci": bootstrap_interval(groups[name], bounds=ends, **how)
        for name, ends in BOUNDS.items()
        if name in groups
    }
    if "icc" in groups:
        found["icc_ci"] = _icc_interval(groups["icc"], **how)
    return found


def _icc_interval(groups: Sequence[np.ndarray[Any, Any]], **how: Any) -> Interval | None:
    """The interval of a mean of contributions, which unlike the ICC itself are unbounded.

    It is found on Fisher's z scale, to first order around the ICC: there the spread hardly
    depends on the ICC, which matters near 1.
    """
    at = float(np.mean([values.mean() for values in groups]))
    fisher = abs(at) < EDGE
    moved = [np.arctanh(at) + (v - at) / (1 - at**2) if fisher else v for v in groups]
    interval = bootstrap_interval(moved, bounds=(-np.inf, np.inf), **how)
    if interval is None:
        return None
    low, high = np.tanh(interval) if fisher else interval
    return float(low), min(float(high), 1.0)


def _labels(found: Sequence[object], targets: Sequence[str]) -> Clusters:
    """What each ranking that counts is redrawn with: its target, else itself alone."""
    labels: Clusters = targets or range(len(found))
    return [label for label, one in zip(labels, found, strict=True) if one is not None]


def _ranked(pair: tuple[Numbers, Numbers]) -> tuple[np.ndarray[Any, Any], ...]:
    return tuple(within_ranks(side) for side in checked_pair(*pair))


def _pooled(
    counted: Sequence[RankingAgreement], ranked: Sequence[tuple[np.ndarray[Any, Any], ...]]
) -> dict[str, float | None]:
    if not counted:
        return {"spearman": None, "kendall": None, "pairwise_accuracy": None}
    ranks = [np.concatenate(side) for side in zip(*ranked, strict=True)]
    total = sum(one.n_comparisons for one in counted)
    right = sum(one.pairwise_accuracy * one.n_comparisons for one in counted)
    return {
        "spearman": _or_none(lambda: spearman(*ranks)),
        "kendall": _or_none(lambda: kendall(*ranks)),
        "pairwise_accuracy": right / total,
    }


def _in_place(
    values: np.ndarray[Any, Any], found: Sequence[RankingAgreement | None]
) -> tuple[float | None, ...]:
    """The values of the rankings that count, back among those that were left out."""
    rest = iter(values.tolist())
    return tuple(None if one is None else next(rest) for one in found)


def _known(values: Sequence[float | None]) -> np.ndarray[Any, Any]:
    return np.array([value for value in values if value is not None])


def _mean(values: Any) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _or_none(statistic: Callable[[], float]) -> float | None:
    try:
        return float(statistic())
    except UndefinedStatistic:
        return None
