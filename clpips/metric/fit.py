"""Rankings → weights: how the convex problem of :mod:`clpips.metric.solver` is set up.

Established (Trinh et al., arXiv 2604.01234): only the layer-combination weights are trained, by
a margin ranking loss over pairs ordered by a person's ranking. Everything else here is this
project's own default: the margin, the shrinkage, its units and the solver. The numbers were
chosen by leaving targets out of training rankings and on planted weights; see docs/method.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from scipy import sparse

from clpips.errors import InputError
from clpips.features.base import Space
from clpips.features.lpips import Vectors
from clpips.features.registry import space_of
from clpips.metric.centering import centred
from clpips.metric.comparisons import Comparisons, kept_weights, ranking_weights
from clpips.metric.observations import Observation
from clpips.metric.solver import TOLERANCE, Array, MarginRankingProblem, Prior, Solution
from clpips.progress import Watch
from clpips.types import GRANULARITIES, Granularity

CHANNEL_SPREAD = 0.7
"""Prior standard deviation of one weight, as a multiple of (itself + its block's mean)."""
BLOCK_SPREAD = 1.0
"""Prior standard deviation of a block's multiplier, whose prior value is 1."""
LEAST_SPREAD = 0.05
"""A weight that everybody's rankings made 0 may still move by this share of its stock spread."""
HELD_OUT_TOLERANCE = 1e-2
"""Relative duality gap of the many fits of a held-out report."""

Start = Literal["stock", "everyone"]
STARTS: tuple[Start, ...] = get_args(Start)


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How weights are learnt. What is ``None`` is chosen by :mod:`clpips.metric.hyperparameters`.

    Args:
        granularity: ``channel`` or ``layer``.
        margin: how much farther the farther image must be, in units of the mean stock gap
            (the mean of |stock distance of one − of the other| over all comparisons).
        shrinkage: strength of the pull towards the prior weights, against the loss summed over
            rankings: with more rankings the same shrinkage pulls relatively less.
        start: the prior weights: ``stock``, or ``everyone``'s, fitted to all participants.
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


PriorMeans = Callable[[Sequence[frozenset[str]]], Vectors]
"""Sets of targets to leave out → (channels, sets) weights to start from."""


class RankingFit:
    """All comparisons of some observations, ready to be fitted with any targets left out.

    Args:
        observations: at least one with two images of different rank.
        space: whose stock weights are the starting point, or its name.
        settings: how; ``None`` in them means the default here.

    Attributes:
        table: (rows, channels) each difference vector once, less what all that it is compared
            with share, in units of the mean stock gap.
        rows: (images,) the row of each ranked image, rankings one after the other.

    Raises:
        InputError: no comparison, or difference vectors of another space.
    """

    def __init__(
        self, observations: Sequence[Observation], space: Space | str, settings: FitSettings
    ) -> None:
        self.space = space_of(space) if isinstance(space, str) else space
        self.observations, self.settings = list(observations), settings
        self.stock = self.space.stock
        for each in self.observations:
            if each.table.shape[1] != len(self.stock):
                raise InputError(
                    f"difference vectors of {self.space.name} must have {len(self.stock)} "
                    f"channels, got {each.table.shape[1]}"
                )
        rankings = [each.ranking for each in self.observations]
        self.comparisons = Comparisons.of(rankings, ranking_weights(rankings))
        self.table, self.rows = centred(self.observations)
        matrix = self.comparisons.matrix
        self._differences = sparse.csr_matrix(
            (matrix.data, self.rows[matrix.indices], matrix.indptr),
            shape=(matrix.shape[0], len(self.table)),
        )
        self.stock_gaps = np.abs(self._differences @ (self.table @ self.stock))
        # In units of the mean stock gap, margin and shrinkage mean the same on any images.
        self.unit = float(self.stock_gaps.mean()) or 1.0
        self.table /= self.unit

    @property
    def share(self) -> Array:
        """(comparisons,) each comparison's share of the loss."""
        return self.comparisons.share

    @property
    def owner(self) -> Array:
        """(comparisons,) the observation that each comparison came from."""
        return self.comparisons.owner

    @property
    def vectors(self) -> Vectors:
        """(images, channels) less what its comparisons share, rankings one after the other.

        Made anew each time, and large: :meth:`distances` needs no such copy.
        """
        vectors: Vectors = self.table[self.rows] * self.unit
        return vectors

    def distances(self, weights: Array) -> Array:
        """(channels, …) weights → (images, …) distances, up to what each ranking shares."""
        return np.asarray((self.table @ weights)[self.rows] * self.unit)

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """The targets, in the order in which they appear."""
        return tuple(dict.fromkeys(each.ranking.target for each in self.observations))

    def all_of_it(self, watch: Watch) -> Solution:
        """Fit every comparison: one problem."""
        told = _telling(watch, "Fitting weights")
        return self.solve([frozenset()], self.settings.filled(), check=told)

    def without(self, groups: Sequence[Sequence[int]], like: Solution, watch: Watch) -> Solution:
        """Fit once per group with its observations left out, with the default settings.

        Args:
            groups: indices of observations to leave out, one group a problem.
            like: the solution with nothing left out. Nothing is taken from it: a start from it
                would leave the rest leaning against what is left out.
            watch: progress and cancel.
        """
        numbers = np.arange(len(self.observations))
        kept = np.stack([~np.isin(numbers, group) for group in groups], axis=1)
        told = _telling(watch, "Fitting with each target left out")
        return self._solve(kept, self.settings.filled(), None, None, HELD_OUT_TOLERANCE, told)

    def solve(
        self,
        left_out: Sequence[frozenset[str]],
        settings: FitSettings,
        *,
        means: Vectors | None = None,
        alpha: Array | None = None,
        tolerance: float = TOLERANCE,
        check: Callable[[float], None] = lambda fraction: None,
    ) -> Solution:
        """Fit once per set of targets, with the rankings of these targets left out.

        Args:
            left_out: sets of targets.
            settings: without ``None`` in it.
            means: (channels, sets) weights to start from; ``None`` for stock.
            alpha: dual variables of similar problems, (comparisons, sets or 1).
            tolerance: relative duality gap.
            check: told the share of steps taken; may raise.
        """
        target = np.array([each.ranking.target for each in self.observations], dtype=object)
        kept = np.stack(
            [
                ~np.isin(target, list(each)) if each else np.ones(len(target), bool)
                for each in left_out
            ],
            axis=1,
        )
        return self._solve(kept, settings, means, alpha, tolerance, check)

    def channel_weights(self, solution: Solution) -> Array:
        """A solution's weights as (channels, problems), whatever the granularity.

        Rankings that contradict every weight drive them all to 0, which orders nothing: such a
        problem keeps the stock weights.
        """
        weights, stock = solution.weights, self.stock[:, None]
        if len(weights) != len(stock):
            weights = stock * np.repeat(weights, self.space.channels, axis=0)
        return np.where(weights.any(axis=0), weights, stock)

    def _solve(
        self,
        kept: Array,
        settings: FitSettings,
        means: Vectors | None,
        alpha: Array | None,
        tolerance: float,
        check: Callable[[float], None],
    ) -> Solution:
        # Each fold has the weights of its own rankings and the unit of its own comparisons:
        # nothing of what is left out is used.
        rankings = [each.ranking for each in self.observations]
        shares = self.comparisons.shares(kept_weights(rankings, kept))
        kept = kept[self.owner]
        counts = np.maximum(kept.sum(axis=0), 1)
        units = (kept * self.stock_gaps[:, None]).sum(axis=0) / counts / self.unit
        units = np.where(units > 0, units, 1.0)
        problems = kept.shape[1]
        by_layer = settings.granularity == "layer"
        problem = MarginRankingProblem(
            self._per_layer if by_layer else self.table,
            self._differences,
            self._layer_prior(means) if by_layer else self._channel_prior(means),
        )
        assert settings.margin is not None and settings.shrinkage is not None
        return problem.solve(
            shares / units,
            settings.margin * units,
            np.full(problems, settings.shrinkage),
            start=None if alpha is None else np.broadcast_to(alpha, kept.shape),
            tolerance=tolerance,
            check=check,
        )

    @cached_property
    def _per_layer(self) -> Vectors:
        """(rows of the table, blocks): the stock distance of each block."""
        starts = np.flatnonzero(np.diff(self.space.block_of, prepend=-1))
        per_layer: Vectors = np.add.reduceat(self.table * self.stock, starts, axis=1)
        return per_layer

    def _layer_prior(self, means: Vectors | None) -> Prior:
        blocks = len(self.space.blocks)
        mean = np.ones((blocks, 1))
        if means is not None:
            mean = self._sums(means) / self._sums(self.stock[:, None])
        # One multiplier per block is all there is, so the block's own is held at 1.
        return Prior(mean, np.full_like(mean, BLOCK_SPREAD), np.arange(blocks), 1e-3)

    def _channel_prior(self, means: Vectors | None) -> Prior:
        stock = self.stock[:, None]
        mean = stock if means is None else means
        least = LEAST_SPREAD * self._spread(stock)
        return Prior(mean, np.maximum(self._spread(mean), least), self.space.block_of, BLOCK_SPREAD)

    def _spread(self, weights: Vectors) -> Vectors:
        sizes = np.array(self.space.channels)
        typical = np.repeat(self._sums(weights) / sizes[:, None], sizes, axis=0)
        spread: Vectors = CHANNEL_SPREAD * (weights + typical)
        return spread

    def _sums(self, weights: Vectors) -> Vectors:
        starts = np.cumsum([0, *self.space.channels[:-1]])
        sums: Vectors = np.add.reduceat(weights, starts, axis=0)
        return sums


def _telling(watch: Watch, words: str) -> Callable[[float], None]:
    return lambda fraction: watch.report(fraction, words)
