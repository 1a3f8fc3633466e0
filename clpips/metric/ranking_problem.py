"""Rankings as a convex problem: comparisons of difference vectors, in units of the stock gap.

:class:`RankingProblem` is everything about some rankings that does not depend on how they are
fitted, so one serves every fold and every setting. The mathematics of a fit is in
:mod:`clpips.metric.solver`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from clpips.errors import InputError
from clpips.features.base import Space
from clpips.features.lpips import Vectors
from clpips.features.registry import space_of
from clpips.metric.centering import centred
from clpips.metric.comparisons import Comparisons, kept_weights, ranking_weights
from clpips.metric.fittable import nothing_to_learn
from clpips.metric.observations import Observation, Rows
from clpips.metric.settings import BLOCK_SPREAD, CHANNEL_SPREAD, LEAST_SPREAD, FitSettings
from clpips.metric.solver import MAX_STEPS, TOLERANCE, Array, MarginRankingProblem, Prior, Solution

HELD_OUT_TOLERANCE = 1e-2
"""Relative duality gap of the many fits of a held-out report."""


@dataclass(frozen=True)
class RankingProblem:
    """All comparisons of some observations, ready to be fitted with any targets left out.

    Args:
        space: whose stock weights are the unit and, by default, the prior.
        observations: the rankings.
        comparisons: every pair that they order.
        table: (rows, channels) each difference vector once, less what all that it is compared
            with share, in units of the mean stock gap.
        rows: (images,) the row of each ranked image, rankings one after the other.
        differences: (comparisons, rows) sparse: +1 at the farther image, −1 at the nearer.
        stock_gaps: (comparisons,) |farther − nearer| by stock weights, in no unit.
        unit: the mean stock gap.
    """

    space: Space
    observations: tuple[Observation, ...]
    comparisons: Comparisons
    table: Vectors
    rows: Rows
    differences: sparse.csr_matrix
    stock_gaps: Array
    unit: float

    @classmethod
    def of(cls, observations: Sequence[Observation], space: Space | str) -> RankingProblem:
        """The problem of some observations, at least one with two images of different rank.

        Raises:
            InputError: no comparison, every distance equal, or difference vectors of another
                space.
        """
        space = space_of(space) if isinstance(space, str) else space
        _check_channels(observations, space)
        rankings = [each.ranking for each in observations]
        comparisons = Comparisons.of(rankings, ranking_weights(rankings))
        reason = nothing_to_learn(observations)
        if reason is not None:
            raise InputError(reason)
        table, rows = centred(observations)
        matrix = comparisons.matrix
        differences = sparse.csr_matrix(
            (matrix.data, rows[matrix.indices], matrix.indptr),
            shape=(matrix.shape[0], len(table)),
        )
        stock_gaps = np.abs(differences @ (table @ space.stock))
        # In units of the mean stock gap, margin and shrinkage mean the same on any images.
        unit = float(stock_gaps.mean()) or 1.0
        table /= unit
        return cls(
            space, tuple(observations), comparisons, table, rows, differences, stock_gaps, unit
        )

    @property
    def stock(self) -> Vectors:
        """(channels,) the stock weights of the space."""
        return self.space.stock

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

        Computed on each access, and large: :meth:`distances` needs no such copy.
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

    def solve(
        self,
        left_out: Sequence[frozenset[str]],
        settings: FitSettings,
        *,
        prior_means: Vectors | None = None,
        start: Array | None = None,
        tolerance: float = TOLERANCE,
        max_steps: int = MAX_STEPS,
        check: Callable[[float], None] = lambda fraction: None,
    ) -> Solution:
        """Fit once per set of targets, with everything that was ranked about them left out.

        Each fold has the weights of its own rankings and the unit of its own comparisons:
        nothing of what is left out is used.

        Args:
            left_out: sets of targets.
            settings: granularity, margin and shrinkage, none of them ``None``.
            prior_means: (channels, sets) prior weights; ``None`` for stock.
            start: dual variables of similar problems, (comparisons, sets or 1).
            tolerance: relative duality gap.
            max_steps: of the solver; ``Solution.gap`` is the gap that it reached.
            check: called with the share of steps taken; may raise.

        Raises:
            InputError: settings that leave margin or shrinkage open.
        """
        margin, shrinkage = settings.margin_and_shrinkage()
        shares = self.shares_without(left_out)
        units = self._units(shares > 0)
        return self._margin_problem(settings, prior_means).solve(
            shares / units,
            margin * units,
            np.full(len(left_out), shrinkage),
            start=None if start is None else np.broadcast_to(start, shares.shape),
            tolerance=tolerance,
            max_steps=max_steps,
            check=check,
        )

    def channel_weights(self, solution: Solution) -> Array:
        """A solution's weights as (channels, problems), whatever the granularity.

        Rankings that contradict every weight drive them all to 0, which orders nothing: such a
        problem keeps the stock weights.
        """
        weights, stock = solution.weights, self.stock[:, None]
        if len(weights) != len(stock):
            weights = stock * np.repeat(weights, self.space.channels, axis=0)
        return np.where(weights.any(axis=0), weights, stock)

    def shares_without(self, left_out: Sequence[frozenset[str]]) -> Array:
        """(comparisons, problems) shares of the loss, 0 for what says anything of a set of targets.

        That is every ranking *of* one of them, and in other rankings every comparison that has
        one of them as a *candidate*.

        Args:
            left_out: sets of targets.
        """
        rankings = [each.ranking for each in self.observations]
        kept = np.array([[each.target not in some for some in left_out] for each in rankings])
        images = [image for each in rankings for image in each.images]
        ranked = np.array([[image in some for some in left_out] for image in images])
        dropped = self.comparisons.with_images(ranked) if ranked.any() else None
        return self.comparisons.shares(kept_weights(rankings, kept), dropped)

    def _units(self, kept: Array) -> Array:
        """(comparisons, problems) kept ones → (problems,) each problem's own mean stock gap."""
        counts = np.maximum(kept.sum(axis=0), 1)
        units = (kept * self.stock_gaps[:, None]).sum(axis=0) / counts / self.unit
        return np.where(units > 0, units, 1.0)

    def _margin_problem(
        self, settings: FitSettings, prior_means: Vectors | None
    ) -> MarginRankingProblem:
        if settings.granularity == "layer":
            prior = layer_prior(self.space, prior_means)
            return MarginRankingProblem(self._per_layer, self.differences, prior)
        prior = channel_prior(self.space, prior_means)
        return MarginRankingProblem(self.table, self.differences, prior)

    @cached_property
    def _per_layer(self) -> Vectors:
        """(rows of the table, blocks): the stock distance of each block."""
        starts = np.flatnonzero(np.diff(self.space.block_of, prepend=-1))
        per_layer: Vectors = np.add.reduceat(self.table * self.stock, starts, axis=1)
        return per_layer


def layer_prior(space: Space, means: Vectors | None = None) -> Prior:
    """The prior of one multiplier per block; its means are 1 from stock weights.

    Args:
        space: the feature space.
        means: (channels, problems) prior weights; ``None`` for stock.
    """
    blocks = len(space.blocks)
    mean = np.ones((blocks, 1))
    if means is not None:
        mean = _block_sums(means, space) / _block_sums(space.stock[:, None], space)
    # One multiplier per block is all there is, so the block's own is held at 1.
    return Prior(mean, np.full_like(mean, BLOCK_SPREAD), np.arange(blocks), 1e-3)


def channel_prior(space: Space, means: Vectors | None = None) -> Prior:
    """The prior of every channel's weight, with a common multiplier per block.

    Args:
        space: the feature space.
        means: (channels, problems) prior weights; ``None`` for stock.
    """
    stock = space.stock[:, None]
    mean = stock if means is None else means
    least = LEAST_SPREAD * _spread(stock, space)
    return Prior(mean, np.maximum(_spread(mean, space), least), space.block_of, BLOCK_SPREAD)


def _spread(weights: Vectors, space: Space) -> Vectors:
    sizes = np.array(space.channels)
    typical = np.repeat(_block_sums(weights, space) / sizes[:, None], sizes, axis=0)
    spread: Vectors = CHANNEL_SPREAD * (weights + typical)
    return spread


def _block_sums(weights: Vectors, space: Space) -> Vectors:
    starts = np.cumsum([0, *space.channels[:-1]])
    sums: Vectors = np.add.reduceat(weights, starts, axis=0)
    return sums


def _check_channels(observations: Sequence[Observation], space: Space) -> None:
    for each in observations:
        if each.table.shape[1] != len(space.stock):
            raise InputError(
                f"difference vectors of {space.name} must have {len(space.stock)} "
                f"channels, got {each.table.shape[1]}"
            )
