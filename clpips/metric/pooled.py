"""Pooled weights: the prior of a person's fit if others took part too.

The pooled metric is fitted to all participants' rankings, each person weighing the same, with a
strong pull towards stock. A person's own fit is then pulled towards it instead of towards stock.
Held-out scores stay unbiased: for a left-out target the pooled weights are fitted without *any*
participant's rankings of it, and without comparisons that have it as a candidate.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clpips.features.base import Space
from clpips.features.lpips import Vectors
from clpips.metric.observations import Observation
from clpips.metric.ranking_problem import HELD_OUT_TOLERANCE, RankingProblem
from clpips.metric.settings import FitSettings
from clpips.progress import Watch

POOLED_SETTINGS = FitSettings(granularity="channel", margin=1.0, shrinkage=2.0, start="stock")
"""How the pooled weights under personal ones are fitted."""


class PooledPrior:
    """Pooled weights with any targets left out, each set fitted once.

    Args:
        observations: of all participants.
        space: their feature space.
    """

    def __init__(self, observations: Sequence[Observation], space: Space | str) -> None:
        self.problem = RankingProblem.of(observations, space)
        self._known: dict[frozenset[str], Vectors] = {}

    @property
    def targets(self) -> tuple[str, ...]:
        """All targets, in the order in which they appear."""
        return self.problem.targets

    def weights(self, left_out: Sequence[frozenset[str]], watch: Watch) -> Vectors:
        """(channels, sets) pooled weights, each without the rankings of a set of targets."""
        missing = [each for each in dict.fromkeys(left_out) if each not in self._known]
        if missing:
            solution = self.problem.solve(
                missing,
                POOLED_SETTINGS,
                tolerance=HELD_OUT_TOLERANCE,
                check=lambda share: watch.report(share, "Fitting pooled weights"),
            )
            found = self.problem.channel_weights(solution)
            self._known.update(zip(missing, found.T, strict=True))
        return np.stack([self._known[each] for each in left_out], axis=1)
