"""Rankings → weights: from observations to fitted weights, in one function.

:func:`fit_weights` sets up the problem (:mod:`clpips.metric.ranking_problem`), selects what the
settings leave open (:mod:`clpips.metric.hyperparameters`) and solves it
(:mod:`clpips.metric.solver`). Its result holds all three, so that an evaluation can fit the same
rankings with targets left out and repeats none of the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clpips.features.base import Space
from clpips.features.lpips import Vectors
from clpips.metric.hyperparameters import HyperParameters, select_hyperparameters
from clpips.metric.observations import Observation
from clpips.metric.pooled import PooledPrior
from clpips.metric.ranking_problem import HELD_OUT_TOLERANCE, RankingProblem
from clpips.metric.settings import FitSettings
from clpips.metric.solver import TO_THE_END, Solution
from clpips.progress import Watch


@dataclass(frozen=True, slots=True)
class FittedWeights:
    """The result of a fit, with its problem and settings.

    Args:
        problem: the comparisons.
        prior: the pooled weights, if others took part.
        hyperparameters: the settings, and how they were selected.
        solution: of all rankings.
    """

    problem: RankingProblem
    prior: PooledPrior | None
    hyperparameters: HyperParameters
    solution: Solution

    @property
    def weights(self) -> Vectors:
        """(channels,) fitted to all rankings."""
        weights: Vectors = self.problem.channel_weights(self.solution)[:, 0]
        return weights

    @property
    def gap(self) -> float:
        """The duality gap as a share of the objective."""
        return float(self.solution.gap[0])

    @property
    def settings(self) -> FitSettings:
        """The settings of the fit to all rankings."""
        return self.hyperparameters.settings

    def without_each_target(self, watch: Watch) -> Vectors:
        """(channels, targets) weights fitted with each target left out.

        A target's settings were selected without its group's rankings, and the pooled weights
        under them were fitted without any participant's rankings of its group.
        """
        targets, selected = self.problem.targets, self.hyperparameters
        weights = np.zeros((len(self.problem.stock), len(targets)))
        settings_of = [selected.for_target(target) for target in targets]
        for settings in dict.fromkeys(settings_of):
            own = [number for number, each in enumerate(settings_of) if each == settings]
            some = [targets[number] for number in own]
            left_out = [frozenset([target]) for target in some]
            weights[:, own] = self.fold_weights(left_out, some, settings, watch)
        return weights

    def fold_weights(
        self,
        left_out: Sequence[frozenset[str]],
        scored: Sequence[str],
        settings: FitSettings,
        watch: Watch,
    ) -> Vectors:
        """(channels, folds) weights of some folds, to the tolerance of a held-out report.

        Args:
            left_out: the targets that each fold leaves out, the scored one among them.
            scored: the target that each fold scores. The prior was fitted without any
                participant's rankings of its group, and the solver starts from such a fit.
            settings: one of those that were selected for these targets.
            watch: progress and cancel.
        """
        selected, means = self.hyperparameters, None
        if settings.start == "pooled" and self.prior is not None:
            groups = [selected.group_with(target) for target in scored]
            means = self.prior.weights(groups, watch)
        solution = self.problem.solve(
            left_out,
            settings,
            prior_means=means,
            start=selected.dual_start(settings, scored),
            tolerance=HELD_OUT_TOLERANCE,
            check=lambda share: watch.report(share, "Fitting with targets left out"),
        )
        return self.problem.channel_weights(solution)

    def pooled_without_each_target(self, watch: Watch) -> Vectors | None:
        """(channels, targets) pooled weights without each target's group, if there are any."""
        if self.prior is None:
            return None
        groups = [self.hyperparameters.group_with(target) for target in self.problem.targets]
        return self.prior.weights(groups, watch)


def fit_weights(
    observations: Sequence[Observation],
    space: Space | str,
    settings: FitSettings,
    *,
    prior: PooledPrior | None = None,
    watch: Watch | None = None,
) -> FittedWeights:
    """Learn weights from rankings whose difference vectors are at hand.

    Args:
        observations: of one person, or of several for a pooled metric.
        space: their feature space, or its name.
        settings: how; what is ``None`` in them is selected from the rankings.
        prior: pooled weights of all participants; ``None`` without others.
        watch: progress and cancel.

    Raises:
        InputError: no ranking makes a comparison, or difference vectors of another space.
        Cancelled: the caller cancelled.
    """
    watch = watch or Watch()
    problem = RankingProblem.of(observations, space)
    selected = select_hyperparameters(problem, settings, prior, watch)
    means = None
    if selected.settings.start == "pooled" and prior is not None:
        means = prior.weights([frozenset()], watch)
    solution = problem.solve(
        [frozenset()],
        selected.settings,
        prior_means=means,
        max_steps=TO_THE_END,
        check=lambda share: watch.report(share, "Fitting weights"),
    )
    return FittedWeights(problem, prior, selected, solution)
