"""How weights are learnt: the settings of a fit and the spreads of its prior.

Established (Trinh et al., arXiv 2604.01234): only the layer-combination weights are trained, by
a margin ranking loss over pairs ordered by a person's ranking. Everything else here is this
project's own default: the margin, the shrinkage, its units and the solver. The numbers were
chosen by leaving targets out of training rankings and on planted weights; see docs/method.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

from clpips.errors import InputError
from clpips.types import GRANULARITIES, Granularity

CHANNEL_SPREAD = 0.7
"""Prior standard deviation of one weight, as a multiple of (itself + its block's mean)."""
BLOCK_SPREAD = 1.0
"""Prior standard deviation of a block's multiplier, whose prior value is 1."""
LEAST_SPREAD = 0.05
"""A weight that the pooled fit made 0 may still move by this share of its stock spread."""

Start = Literal["stock", "pooled"]
STARTS: tuple[Start, ...] = get_args(Start)


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How weights are learnt. ``None`` is selected by :mod:`clpips.metric.hyperparameters`.

    Args:
        granularity: ``channel`` or ``layer``.
        margin: how much farther the farther image must be, in units of the mean stock gap
            (the mean of |stock distance of one − of the other| over all comparisons).
        shrinkage: strength of the pull towards the prior weights, against the loss summed over
            rankings: with more rankings the same shrinkage pulls relatively less.
        start: the prior weights: ``stock``, or ``pooled``, fitted to all participants.
        seed: written into the result; the fit itself draws nothing at random.

    Raises:
        InputError: a value outside its range.
    """

    granularity: Granularity | None = None
    margin: float | None = None
    shrinkage: float | None = None
    start: Start | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.granularity not in (None, *GRANULARITIES):
            raise InputError(
                f"granularity must be one of {GRANULARITIES}, got {self.granularity!r}"
            )
        if self.start not in (None, *STARTS):
            raise InputError(f"start must be one of {STARTS}, got {self.start!r}")
        for name, value in (("margin", self.margin), ("shrinkage", self.shrinkage)):
            if value is not None and not (math.isfinite(value) and value > 0):
                raise InputError(f"{name} must be a positive number, got {value!r}")

    def filled(self, *, start: Start = "stock") -> FitSettings:
        """The same settings, with the default in place of every ``None``."""
        return replace(
            self,
            granularity=self.granularity or "channel",
            margin=self.margin or 1.0,
            shrinkage=self.shrinkage or 0.02,
            start=self.start or start,
        )

    def margin_and_shrinkage(self) -> tuple[float, float]:
        """Both numbers of a problem that can be solved.

        Raises:
            InputError: one of them is still ``None``.
        """
        if self.margin is None or self.shrinkage is None:
            raise InputError(f"a fit needs a margin and a shrinkage, got {self}")
        return self.margin, self.shrinkage
