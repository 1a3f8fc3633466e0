"""Agreement of a metric with rankings, and held-out agreement of a fit.

``evaluate`` scores a metric on rankings as they are. ``held_out`` is the honest report of a
fit: each target's rankings are scored by weights that were fitted without that target, and the
stock metric is scored on the same rankings beside it. Training agreement is never reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import stats

from clpips.agreement import (
    Agreement,
    Numbers,
    over_people,
    over_rankings,
)
from clpips.errors import InputError, UndefinedStatistic
from clpips.fitting import RankingFit
from clpips.metric import CLPIPS
from clpips.observations import Known, Observation, by_participant
from clpips.solver import Solution
from clpips.types import Ranking
from clpips.watch import Watch

Verdict = Literal["better", "not better yet", "worse", "too early"]
MIN_RANKINGS, MIN_TARGETS = 5, 3
"""With fewer of either the report says that it is too early, whatever the interval."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Agreement of each participant and over all of them, who weigh the same."""

    participants: Mapping[str, Agreement]
    overall: Agreement

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        people = {name: agreement.to_dict() for name, agreement in self.participants.items()}
        return {"participants": people, "overall": self.overall.to_dict()}


@dataclass(frozen=True, slots=True)
class TargetAgreement:
    """Mean Spearman on one target's rankings, by weights that never saw the target."""

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
        gain_ci: its 95 % interval over targets (:func:`gain_interval`); ``None`` for one target.
        targets: each target's own result.
        n_targets: targets with at least one ranking that counts.
        verdict: what the interval of the gain says.
    """

    stock: Agreement
    personal: Agreement
    gain: float | None
    gain_ci: tuple[float, float] | None
    targets: tuple[TargetAgreement, ...]
    n_targets: int
    verdict: Verdict

    @property
    def sentence(self) -> str:
        """The result in plain words."""
        n = self.personal.n_rankings
        counted = f"{n} ranking{'s' if n != 1 else ''} of {self.n_targets} target"
        counted += "s" if self.n_targets != 1 else ""
        if self.gain is None or self.gain_ci is None or self.verdict == "too early":
            return f"Too early to tell: {counted} are not enough to compare the two metrics."
        low, high = self.gain_ci
        gain = f"{self.gain:+.2f} Spearman (95 % interval {low:+.2f} to {high:+.2f}, {counted})"
        if self.verdict == "better":
            return f"The personal metric agrees better than stock LPIPS on unseen targets: {gain}."
        if self.verdict == "worse":
            return f"The personal metric agrees worse than stock LPIPS on unseen targets: {gain}."
        return f"Not better than stock yet on unseen targets: {gain}. More rankings may tell."

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "stock": self.stock.to_dict(),
            "personal": self.personal.to_dict(),
            "gain": self.gain,
            "gain_ci": self.gain_ci,
            "targets": [
                {
                    "target": one.target,
                    "n_rankings": one.n_rankings,
                    "stock": one.stock,
                    "personal": one.personal,
                }
                for one in self.targets
            ],
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
        metric: one metric for everybody, or each participant's own by name.
        rankings: images as paths, or observations.
        known: difference vectors at hand.
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
        people[name] = over_rankings([_pair(one, one.vectors @ weights) for one in group])
    return Evaluation(people, over_people(people))


def held_out(
    metric: CLPIPS,
    rankings: Sequence[Ranking | Observation],
    *,
    known: Known | None = None,
    watch: Watch | None = None,
) -> HeldOut:
    """Leave-one-target-out agreement of a fit with ``metric``'s settings, beside stock.

    Raises:
        UndefinedStatistic: rankings of fewer than two targets.
        InputError: no ranking makes a comparison.
        Cancelled: the watch asked to stop.
    """
    observations = metric.observe(rankings, known=known, watch=watch)
    fit = RankingFit(observations, metric.backbone, metric.settings)
    return _left_out(fit, fit.all_of_it(watch or Watch()), watch or Watch())


def fit_and_hold_out(
    metric: CLPIPS,
    rankings: Sequence[Ranking | Observation],
    *,
    known: Known | None = None,
    watch: Watch | None = None,
) -> HeldOut | None:
    """``metric.fit`` and :func:`held_out` in one go, sharing the work; ``metric`` is fitted.

    Returns:
        the held-out agreement, or ``None`` for rankings of a single target, which can be fitted
        but say nothing about unseen targets.
    """
    observations = metric.observe(rankings, known=known, watch=watch)
    fit = RankingFit(observations, metric.backbone, metric.settings)
    solution = fit.all_of_it(watch or Watch())
    try:
        result = _left_out(fit, solution, watch or Watch())
    except UndefinedStatistic:
        result = None
    metric.adopt(fit, solution)
    return result


def _left_out(fit: RankingFit, solution: Solution, watch: Watch) -> HeldOut:
    observations = fit.observations
    targets = list(dict.fromkeys(one.ranking.target for one in observations))
    if len(targets) < 2:
        raise UndefinedStatistic(
            f"held-out agreement needs rankings of at least two targets, got {len(targets)}"
        )
    groups = [
        [number for number, one in enumerate(observations) if one.ranking.target == target]
        for target in targets
    ]
    folds = fit.channel_weights(fit.without(groups, solution, watch))
    fold_of = {number: fold for fold, group in enumerate(groups) for number in group}
    stock = over_rankings([_pair(one, one.vectors @ fit.stock) for one in observations])
    personal = over_rankings(
        [_pair(o, o.vectors @ folds[:, fold_of[n]]) for n, o in enumerate(observations)]
    )
    return _compare(stock, personal, targets, groups)


def _compare(
    stock: Agreement, personal: Agreement, targets: Sequence[str], groups: Sequence[Sequence[int]]
) -> HeldOut:
    gains = [
        None if mine is None or theirs is None else mine - theirs
        for mine, theirs in zip(personal.per_ranking, stock.per_ranking, strict=True)
    ]
    by_target = [[gains[n] for n in group if gains[n] is not None] for group in groups]
    gain, interval = gain_interval([np.array(one) for one in by_target if one])
    per_target = tuple(
        TargetAgreement(
            target,
            len(group),
            _mean_of(stock.per_ranking[number] for number in group),
            _mean_of(personal.per_ranking[number] for number in group),
        )
        for target, group in zip(targets, groups, strict=True)
    )
    n_targets = sum(1 for one in by_target if one)
    verdict = verdict_of(interval, sum(map(len, by_target)), n_targets)
    return HeldOut(stock, personal, gain, interval, per_target, n_targets, verdict)


def gain_interval(
    gains: Sequence[np.ndarray[Any, Any]],
) -> tuple[float | None, tuple[float, float] | None]:
    """Mean gain over rankings and its 95 % interval, with each target's rankings as one cluster.

    Rounds of one target share the target and the weights that score it, so they are not
    independent: the interval is Student's, with the cluster-robust standard error (CR1) and one
    degree of freedom fewer than targets.

    Args:
        gains: for each target, its rankings' gains; none empty.

    >>> gain_interval([np.array([0.1, 0.3]), np.array([0.2])])[0]
    0.2
    """
    count, total = len(gains), sum(map(len, gains))
    if not total:
        return None, None
    mean = float(sum(one.sum() for one in gains) / total)
    if count < 2:
        return mean, None
    squares = sum(float((one - mean).sum()) ** 2 for one in gains)
    error = np.sqrt(count / (count - 1) * squares) / total
    reach = float(stats.t.ppf(0.975, count - 1) * error)
    return mean, (mean - reach, mean + reach)


def verdict_of(interval: tuple[float, float] | None, n_rankings: int, n_targets: int) -> Verdict:
    """What the interval of a gain says, and whether there is enough to say anything."""
    if interval is None or n_rankings < MIN_RANKINGS or n_targets < MIN_TARGETS:
        return "too early"
    if interval[0] > 0:
        return "better"
    return "worse" if interval[1] < 0 else "not better yet"


def _mean_of(values: Any) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _pair(one: Observation, distances: Numbers) -> tuple[Numbers, Numbers]:
    return one.ranking.ranks, distances
