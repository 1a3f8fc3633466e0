"""Agreement of a metric with rankings, and held-out agreement of a fit.

``evaluate`` scores a metric on rankings as they are. ``held_out`` evaluates a fit on unseen
targets: each target's rankings are scored by weights that were fitted without that target, and the
stock metric is scored on the same rankings. Training agreement is never reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from clpips.errors import InputError, UndefinedStatistic
from clpips.evaluation.verdict import (
    MIN_RANKINGS,
    MIN_TARGETS,
    Verdict,
    agreement_interval,
    metric_in_use,
    sentence_of,
    verdict_of,
)
from clpips.features.lpips import Vectors
from clpips.metric.clpips import CLPIPS
from clpips.metric.fit import FittedWeights, fit_weights
from clpips.metric.observations import Known, Observation, by_participant
from clpips.metric.participants import rankings_to_fit
from clpips.metric.pooled import PooledPrior
from clpips.metric.ranking_problem import RankingProblem
from clpips.progress import Watch
from clpips.stats.agreement import Agreement, over_people, over_rankings
from clpips.stats.held_out_gain import held_out_gain_p
from clpips.stats.intervals import HELD_OUT_REACH, gain_interval
from clpips.types import Ranking

__all__ = [
    "MIN_RANKINGS",
    "MIN_TARGETS",
    "Evaluation",
    "HeldOut",
    "TargetAgreement",
    "Verdict",
    "check_targets",
    "evaluate",
    "fit_and_hold_out",
    "held_out",
    "held_out_agreement",
    "verdict_of",
]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Agreement of each participant, and over all of them with equal weights."""

    participants: Mapping[str, Agreement]
    overall: Agreement

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        people = {name: agreement.to_dict() for name, agreement in self.participants.items()}
        return {"participants": people, "overall": self.overall.to_dict()}


@dataclass(frozen=True, slots=True)
class TargetAgreement:
    """Mean Spearman on one target's rankings, by weights fitted without the target."""

    target: str
    n_rankings: int
    stock: float | None
    personal: float | None


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Leave-one-target-out agreement, stock and personal on the same rankings.

    Args:
        stock, personal: agreement on rankings of targets that were left out of the fit.
        gain: mean over rankings of personal − stock Spearman.
        gain_ci: its 95 % interval over targets (:func:`clpips.stats.intervals.gain_interval`);
            ``None`` for one target.
        targets: each target's own result.
        n_targets: targets with at least one ranking that counts.
        verdict: the verdict on the gain (:mod:`clpips.evaluation.verdict`).
        pooled: agreement of the pooled weights on the same rankings, where others took part; for
            a left-out target they are fitted without any participant's rankings of it.
        p: that the mean gain is no more than chance
            (:func:`clpips.stats.held_out_gain.held_out_gain_p`).
        folds: (channels, targets) the weights that scored each target, in their order.
    """

    stock: Agreement
    personal: Agreement
    gain: float | None
    gain_ci: tuple[float, float] | None
    targets: tuple[TargetAgreement, ...]
    n_targets: int
    verdict: Verdict
    pooled: Agreement | None = None
    p: float | None = None
    folds: Vectors | None = field(default=None, repr=False, compare=False)

    @property
    def in_use(self) -> Literal["personal", "stock"]:
        """The metric to use: the personal one only if its gain is proven."""
        return metric_in_use(self.verdict)

    @property
    def sentence(self) -> str:
        """The result in plain words."""
        return sentence_of(
            self.verdict,
            self.gain,
            self.gain_ci,
            self.personal.spearman_ci,
            stock_ci=agreement_interval(self.stock.spearman, self.stock.spearman_ci),
            p=self.p,
            n_rankings=self.personal.n_rankings,
            n_targets=self.n_targets,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "stock": self.stock.to_dict(),
            "personal": self.personal.to_dict(),
            "pooled": None if self.pooled is None else self.pooled.to_dict(),
            "p": self.p,
            "in_use": self.in_use,
            "gain": self.gain,
            "gain_ci": self.gain_ci,
            "targets": [asdict(one) for one in self.targets],
            "n_targets": self.n_targets,
            "verdict": self.verdict,
            "sentence": self.sentence,
        }


def evaluate(
    metric: CLPIPS | Mapping[str, CLPIPS],
    rankings: Sequence[Ranking | Observation],
    *,
    known: Known | None = None,
    watch: Watch | None = None,
) -> Evaluation:
    """How well a metric agrees with rankings, per participant and overall.

    Args:
        metric: one metric for all participants, or each participant's own by name.
        rankings: images as paths, or observations.
        known: difference vectors already computed.
        watch: progress and cancel.

    Raises:
        InputError: no ranking, or a participant without a metric.
        ImageError: an image that cannot be used.
    """
    if not rankings:
        raise InputError("an evaluation needs at least one ranking, got none")
    if not isinstance(metric, CLPIPS) and not metric:
        raise InputError("an evaluation needs at least one metric, got none")
    any_metric = metric if isinstance(metric, CLPIPS) else next(iter(metric.values()))
    observations = any_metric.observe(rankings, known=known, watch=watch)
    people: dict[str, Agreement] = {}
    for name, group in by_participant(observations).items():
        if not isinstance(metric, CLPIPS) and name not in metric:
            raise InputError(f"participant {name!r} has rankings but no metric")
        own = metric if isinstance(metric, CLPIPS) else metric[name]
        weights = own.weights
        people[name] = _agreement(group, [weights] * len(group))
    return Evaluation(people, over_people(people))


def held_out(
    metric: CLPIPS,
    rankings: Sequence[Ranking | Observation],
    *,
    participant: str | None = None,
    pooled: bool = False,
    prior: PooledPrior | None = None,
    known: Known | None = None,
    watch: Watch | None = None,
) -> HeldOut:
    """Leave-one-target-out agreement of a fit with ``metric``'s settings, beside stock.

    ``metric`` itself stays as it is.

    Args:
        metric, rankings, participant, pooled, prior, known, watch: as
            :meth:`clpips.metric.clpips.CLPIPS.fit` takes them.

    Raises:
        UndefinedStatistic: rankings of fewer than two targets.
        InputError: no ranking makes a comparison, or several people's rankings without
            ``participant`` or ``pooled``.
        Cancelled: the caller cancelled.
    """
    rankings = rankings_to_fit(rankings, participant=participant, pooled=pooled)
    observations = metric.observe(rankings, known=known, watch=watch)
    fitted = fit_weights(observations, metric.space, metric.settings, prior=prior, watch=watch)
    return _with_each_target_left_out(fitted, metric.settings.seed, watch)


def fit_and_hold_out(
    metric: CLPIPS,
    rankings: Sequence[Ranking | Observation],
    *,
    participant: str | None = None,
    pooled: bool = False,
    prior: PooledPrior | None = None,
    known: Known | None = None,
    watch: Watch | None = None,
) -> HeldOut | None:
    """``metric.fit`` and :func:`held_out` in one go, sharing the work; ``metric`` is fitted.

    Args:
        metric, rankings, participant, pooled, prior, known, watch: as
            :meth:`clpips.metric.clpips.CLPIPS.fit` takes them.

    Returns:
        the held-out agreement, or ``None`` for rankings of a single target, which can be fitted
        but say nothing about unseen targets.
    """
    whose: dict[str, Any] = {"participant": participant, "pooled": pooled}
    metric.fit(rankings, **whose, prior=prior, known=known, watch=watch)
    try:
        return _with_each_target_left_out(metric.fit_, metric.settings.seed, watch)
    except UndefinedStatistic:
        return None


def _with_each_target_left_out(fitted: FittedWeights, seed: int, watch: Watch | None) -> HeldOut:
    check_targets(fitted.problem)
    watch = watch or Watch()
    weights = fitted.without_each_target(watch)
    pooled = fitted.pooled_without_each_target(watch)
    return held_out_agreement(fitted.problem, weights, pooled, seed=seed)


def check_targets(problem: RankingProblem) -> None:
    """Raise :class:`UndefinedStatistic` where no target can be left out."""
    if (n := len(problem.targets)) < 2:
        raise UndefinedStatistic(
            f"held-out agreement needs rankings of at least two targets, got {n}"
        )


def held_out_agreement(
    problem: RankingProblem,
    weights: Vectors,
    pooled_weights: Vectors | None = None,
    *,
    stock: Agreement | None = None,
    seed: int = 0,
) -> HeldOut:
    """Held-out agreement of weights that were fitted with each target left out.

    Args:
        problem: the rankings that are scored.
        weights: (channels, targets), one column for each of ``problem.targets``; "personal" in
            the result.
        pooled_weights: the pooled weights for each target, where there are any.
        stock: agreement of the stock weights on the same rankings, where it is known.
        seed: of the permutation test.
    """
    check_targets(problem)
    observations, targets = problem.observations, problem.targets
    number = {target: fold for fold, target in enumerate(targets)}
    fold_of = [number[one.ranking.target] for one in observations]
    stock = stock or stock_agreement(problem)
    personal = _agreement(observations, [weights[:, fold] for fold in fold_of])
    pooled = None
    if pooled_weights is not None:
        pooled = _agreement(observations, [pooled_weights[:, fold] for fold in fold_of])
    groups = [[n for n, fold in enumerate(fold_of) if fold == each] for each in range(len(targets))]
    gains = _gains(personal, stock, groups)
    gain, interval = gain_interval(gains, reach=HELD_OUT_REACH)
    p = held_out_gain_p(gains, seed=seed) if gains else None
    stock_ci, counted = agreement_interval(stock.spearman, stock.spearman_ci), sum(map(len, gains))
    return HeldOut(
        stock=stock,
        personal=personal,
        pooled=pooled,
        gain=gain,
        gain_ci=interval,
        p=p,
        targets=tuple(
            TargetAgreement(
                target,
                len(group),
                _mean_of(stock.per_ranking[n] for n in group),
                _mean_of(personal.per_ranking[n] for n in group),
            )
            for target, group in zip(targets, groups, strict=True)
        ),
        n_targets=len(gains),
        verdict=verdict_of(interval, counted, len(gains), stock_ci=stock_ci, p=p),
        folds=weights,
    )


def stock_agreement(problem: RankingProblem) -> Agreement:
    """Agreement of the stock weights with some rankings."""
    return _agreement(problem.observations, [problem.stock] * len(problem.observations))


def _gains(
    personal: Agreement, stock: Agreement, groups: Sequence[Sequence[int]]
) -> list[NDArray[np.float64]]:
    """For each target with a ranking that counts, personal − stock Spearman of its rankings."""
    gains = [
        None if mine is None or theirs is None else mine - theirs
        for mine, theirs in zip(personal.per_ranking, stock.per_ranking, strict=True)
    ]
    by_target = [np.array([gains[n] for n in g if gains[n] is not None]) for g in groups]
    return [each for each in by_target if len(each)]


def _mean_of(values: Any) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _agreement(observations: Sequence[Observation], weights: Sequence[Vectors]) -> Agreement:
    """Agreement of each observation with distances by its own weights."""
    return over_rankings(
        [
            (one.ranking.ranks, one.vectors @ its)
            for one, its in zip(observations, weights, strict=True)
        ],
        targets=[one.ranking.target for one in observations],
    )
