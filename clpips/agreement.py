"""How well distances agree with rankings.

Every statistic compares, within one ranking, human ranks (1 is nearest) with distances (smaller
is nearer), so perfect agreement is +1. Over several rankings of one person the *mean* is
reported with an interval bootstrapped over rankings, and the *pooled* value beside it.

The intraclass correlation is **ICC(A,1)** (two-way, absolute agreement, single rater) between
two raters, the person and the metric, on **within-ranking ranks**, rows pooled over rankings
(pingouin). On ranks without ties ICC(C,1), the consistency form, equals Spearman exactly, so it
would be the same number under another name. ICC(A,1) on ranks differs from it by a term of order
1/n only: both raters hand out the same ranks, so there is no offset to punish. What it adds is
that it also counts a *difference in spread*, which appears as soon as one of the two makes ties:
a metric that calls everything equal, or a person who does. Read it as a check, not as
independent evidence. (As an estimator it can fall below −1 when the two disagree completely.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

import numpy as np
from scipy import stats

from clpips.errors import InputError, UndefinedStatistic

Numbers: TypeAlias = Sequence[float] | np.ndarray[Any, Any]

ICC_FORM = "ICC(A,1)"
MIN_IMAGES = 3
"""Rankings of fewer images are left out of a mean: their Spearman is ±1 whatever happens."""
RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class RankingAgreement:
    """Agreement on one ranking."""

    spearman: float
    kendall: float
    pairwise_accuracy: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement over some rankings of one person, or over people.

    Args:
        spearman, kendall, pairwise_accuracy: means over rankings (over people: of their means).
        icc: ICC(A,1) on within-ranking ranks, pooled over rankings.
        n_rankings: rankings that count.
        spearman_ci: 95 % interval of ``spearman``, bootstrapped over rankings.
        pooled: the three statistics with all rankings thrown together.
        n_left_out: rankings that have no Spearman, with the reasons.
        per_ranking: Spearman of each ranking, ``None`` where left out.

    A value that does not exist for these data is ``None``, never 0.
    """

    spearman: float | None
    kendall: float | None
    pairwise_accuracy: float | None
    icc: float | None
    n_rankings: int
    spearman_ci: tuple[float, float] | None
    pooled: Mapping[str, float | None] = field(default_factory=dict)
    n_left_out: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    per_ranking: tuple[float | None, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


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
    right, total = _comparisons_won(*_arrays(ranks, distances))
    if total == 0:
        raise UndefinedStatistic("pairwise accuracy needs two images with different ranks")
    return right / total


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
    import pandas as pd
    import pingouin

    if form not in ("ICC(A,1)", "ICC(C,1)"):
        raise InputError(f"form must be one of ('ICC(A,1)', 'ICC(C,1)'), got {form!r}")
    columns = [np.concatenate(side) for side in zip(*map(_within_ranks, ratings), strict=True)]
    if not columns or len(columns[0]) < 3:
        raise UndefinedStatistic("an intraclass correlation needs at least three rows")
    if all(np.ptp(column) == 0 for column in columns):
        raise UndefinedStatistic("an intraclass correlation needs ranks that differ")
    rows = len(columns[0])
    frame = pd.DataFrame(
        {
            "row": np.tile(np.arange(rows), 2),
            "rater": np.repeat(["person", "metric"], rows),
            "rank": np.concatenate(columns),
        }
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        table = pingouin.intraclass_corr(frame, targets="row", raters="rater", ratings="rank")
    return float(table.set_index("Type")["ICC"][form])


def on_ranking(ranks: Numbers, distances: Numbers) -> RankingAgreement:
    """All three statistics of one ranking.

    Raises:
        UndefinedStatistic: fewer than three images, or all ranks or all distances equal.
    """
    if len(ranks) < MIN_IMAGES:
        raise UndefinedStatistic(f"fewer than {MIN_IMAGES} images")
    return RankingAgreement(
        spearman(ranks, distances), kendall(ranks, distances), pairwise_accuracy(ranks, distances)
    )


def over_rankings(
    ratings: Sequence[tuple[Numbers, Numbers]], *, seed: int = 0, resamples: int = RESAMPLES
) -> Agreement:
    """Agreement over several rankings of one person.

    Args:
        ratings: for each ranking (human ranks, distances).
        seed: of the bootstrap.
        resamples: of the bootstrap.
    """
    found: list[RankingAgreement | None] = []
    reasons: dict[str, int] = {}
    for ranks, distances in ratings:
        try:
            found.append(on_ranking(ranks, distances))
        except UndefinedStatistic as reason:
            found.append(None)
            reasons[str(reason)] = reasons.get(str(reason), 0) + 1
    counted = [one for one in found if one is not None]
    used = [pair for pair, one in zip(ratings, found, strict=True) if one is not None]
    values = np.array([one.spearman for one in counted])
    return Agreement(
        spearman=_mean(values),
        kendall=_mean([one.kendall for one in counted]),
        pairwise_accuracy=_mean([one.pairwise_accuracy for one in counted]),
        icc=_or_none(lambda: icc(used)),
        n_rankings=len(counted),
        spearman_ci=bootstrap_interval([values], seed=seed, resamples=resamples),
        pooled=_pooled(used),
        n_left_out=len(found) - len(counted),
        left_out=reasons,
        per_ranking=tuple(None if one is None else one.spearman for one in found),
    )


def over_people(people: Mapping[str, Agreement], *, seed: int = 0) -> Agreement:
    """The mean of some people's agreement; every person weighs the same.

    The interval is bootstrapped over the rankings of each person, people held fixed, so it
    speaks of these people and not of others.
    """
    counted = [one for one in people.values() if one.spearman is not None]
    per_person = [
        np.array([value for value in one.per_ranking if value is not None]) for one in counted
    ]
    return Agreement(
        spearman=_mean([one.spearman for one in counted]),
        kendall=_mean([one.kendall for one in counted]),
        pairwise_accuracy=_mean([one.pairwise_accuracy for one in counted]),
        icc=_mean([one.icc for one in counted if one.icc is not None]),
        n_rankings=sum(one.n_rankings for one in people.values()),
        spearman_ci=bootstrap_interval(per_person, seed=seed),
        n_left_out=sum(one.n_left_out for one in people.values()),
    )


def bootstrap_interval(
    groups: Sequence[np.ndarray[Any, Any]], *, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float] | None:
    """95 % percentile interval of the mean of the groups' means, values redrawn within groups.

    ``None`` when any group has fewer than two values: nothing can be said of its spread.
    """
    if not groups or min(len(values) for values in groups) < 2:
        return None
    generator = np.random.default_rng(seed)
    total = np.zeros(resamples)
    for values in groups:
        drawn = generator.integers(0, len(values), size=(resamples, len(values)))
        total += np.asarray(values)[drawn].mean(axis=1)
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(total / len(groups), [tail, 100 - tail])
    return float(low), float(high)


def _arrays(
    ranks: Numbers, distances: Numbers
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    x, y = np.asarray(ranks, dtype=np.float64), np.asarray(distances, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise InputError(
            f"ranks and distances must be two lists of one length, got {x.shape} and {y.shape}"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError("ranks and distances must be finite numbers, got NaN or infinity")
    return x, y


def _checked(
    ranks: Numbers, distances: Numbers, name: str
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    x, y = _arrays(ranks, distances)
    if len(x) < 2:
        raise UndefinedStatistic(f"{name} needs at least two images")
    for values, what in ((x, "ranks"), (y, "distances")):
        if np.ptp(values) == 0:
            raise UndefinedStatistic(f"{name} does not exist when all {what} are equal")
    return x, y


def _comparisons_won(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> tuple[float, int]:
    nearer, farther = np.nonzero(x[:, None] < x[None, :])
    gaps = y[farther] - y[nearer]
    return float((gaps > 0).sum() + 0.5 * (gaps == 0).sum()), len(gaps)


def _within_ranks(pair: tuple[Numbers, Numbers]) -> tuple[np.ndarray[Any, Any], ...]:
    return tuple(stats.rankdata(side) for side in _arrays(*pair))


def _pooled(ratings: Sequence[tuple[Numbers, Numbers]]) -> dict[str, float | None]:
    if not ratings:
        return {"spearman": None, "kendall": None, "pairwise_accuracy": None}
    ranks = [np.concatenate(side) for side in zip(*map(_within_ranks, ratings), strict=True)]
    won = [_comparisons_won(*_arrays(*pair)) for pair in ratings]
    return {
        "spearman": _or_none(lambda: spearman(*ranks)),
        "kendall": _or_none(lambda: kendall(*ranks)),
        "pairwise_accuracy": sum(right for right, _ in won) / sum(total for _, total in won),
    }


def _mean(values: Any) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _or_none(statistic: Any) -> float | None:
    try:
        return float(statistic())
    except UndefinedStatistic:
        return None
