"""Rankings → weights: how the convex problem of :mod:`clpips.solver` is set up.

Established (Trinh et al., arXiv 2604.01234): only the layer-combination weights are trained, by
a margin ranking loss over pairs ordered by a person's ranking. Everything else here is this
project's own default: the margin, the shrinkage, its units and the solver. The numbers were
chosen by leaving targets out of training rankings and on planted weights; see the README.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from clpips.errors import InputError
from clpips.features import Vectors
from clpips.observations import Observation
from clpips.solver import Array, MarginRankingProblem, Prior, Solution
from clpips.types import GRANULARITIES, Backbone, Granularity
from clpips.watch import Watch
from clpips.weights import spec_of, stock_weights

CHANNEL_SPREAD = 0.7
"""Prior standard deviation of one weight, as a multiple of (itself + its layer's mean)."""
LAYER_SPREAD = 1.0
"""Prior standard deviation of a layer's multiplier, whose stock value is 1."""
HELD_OUT_TOLERANCE = 5e-3
"""Relative duality gap of the many fits of a held-out report."""


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How weights are learnt.

    Args:
        granularity: ``channel`` or ``layer``.
        margin: how much farther the farther image must be, in units of the mean stock gap
            (the mean of |stock distance of one − of the other| over all comparisons).
        shrinkage: strength of the pull towards the stock weights, against the loss summed over
            rankings: with more rankings the same shrinkage pulls relatively less.
        seed: written into the result; the fit itself draws nothing at random.

    Raises:
        InputError: a value outside its range.
    """

    granularity: Granularity = "channel"
    margin: float = 1.0
    shrinkage: float = 0.02
    seed: int = 0

    def __post_init__(self) -> None:
        if self.granularity not in GRANULARITIES:
            raise InputError(
                f"granularity must be one of {GRANULARITIES}, got {self.granularity!r}"
            )
        for name, value in (("margin", self.margin), ("shrinkage", self.shrinkage)):
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"{name} must be a positive number, got {value!r}")


class RankingFit:
    """All comparisons of some observations, ready to be fitted with any of them left out.

    Args:
        observations: at least one with two images of different rank.
        backbone: whose stock weights are the starting point.
        settings: how.

    Raises:
        InputError: no comparison, or difference vectors of another backbone.
    """

    def __init__(
        self, observations: Sequence[Observation], backbone: Backbone, settings: FitSettings
    ) -> None:
        self.observations, self.settings = observations, settings
        self.stock, channels = stock_weights(backbone), spec_of(backbone).channels
        self.layer = np.repeat(np.arange(len(channels)), channels)
        for one in observations:
            if one.vectors.shape[1] != len(self.stock):
                raise InputError(
                    f"difference vectors of {backbone} must have {len(self.stock)} channels, "
                    f"got {one.vectors.shape[1]}"
                )
        if not observations:
            raise InputError("a fit needs at least one ranking, got none")
        self.share, self.owner, differences = _comparisons([o.ranking.ranks for o in observations])
        if not len(self.share):
            raise InputError(
                "a fit needs at least one ranking in which two images have different ranks"
            )
        # Only differences within a ranking count; without their mean, single precision keeps them.
        vectors = np.concatenate([o.vectors - o.vectors.mean(axis=0) for o in observations])
        self.stock_gaps = np.abs(differences @ (vectors @ self.stock))
        # In units of the mean stock gap, margin and shrinkage mean the same on any images.
        self.unit = float(self.stock_gaps.mean()) or 1.0
        if settings.granularity == "layer":
            vectors, prior = self._per_layer(vectors), self._layer_prior()
        else:
            prior = self._channel_prior()
        self.problem = MarginRankingProblem(
            vectors / self.unit, differences, prior, settings.margin, settings.shrinkage
        )

    def _per_layer(self, vectors: Vectors) -> Vectors:
        """(images, channels) → (images, layers): the stock distance of each layer."""
        starts = np.flatnonzero(np.diff(self.layer, prepend=-1))
        per_layer: Vectors = np.add.reduceat(vectors * self.stock, starts, axis=1)
        return per_layer

    def _layer_prior(self) -> Prior:
        layers = int(self.layer[-1]) + 1
        return Prior(np.ones(layers), np.full(layers, LAYER_SPREAD), np.arange(layers), 0.0)

    def _channel_prior(self) -> Prior:
        sums = np.bincount(self.layer, weights=self.stock)
        means = (sums / np.bincount(self.layer))[self.layer]
        return Prior(self.stock, CHANNEL_SPREAD * (self.stock + means), self.layer, LAYER_SPREAD)

    def all_of_it(self, watch: Watch) -> Solution:
        """Fit every comparison: one problem."""
        return self.problem.solve(
            self.share[:, None], check=lambda fraction: watch.report(fraction, "Fitting weights")
        )

    def without(self, groups: Sequence[Sequence[int]], like: Solution, watch: Watch) -> Solution:
        """Fit once per group with its observations left out, starting from a full fit.

        Args:
            groups: indices of observations to leave out, one group a problem.
            like: the solution with nothing left out.
            watch: progress and cancel.
        """
        kept = np.stack([~np.isin(self.owner, group) for group in groups], axis=1)
        # Each fold has the unit of its own comparisons: nothing of what is left out is used.
        counts = np.maximum(kept.sum(axis=0), 1)
        units = (kept * self.stock_gaps[:, None]).sum(axis=0) / counts / self.unit
        units = np.where(units > 0, units, 1.0)
        return self.problem.solve(
            kept * self.share[:, None] / units,
            margins=self.settings.margin * units,
            start=(like.alpha, like.beta),
            tolerance=HELD_OUT_TOLERANCE,
            check=lambda fraction: watch.report(fraction, "Fitting with each target left out"),
        )

    def channel_weights(self, solution: Solution) -> Array:
        """A solution's weights as (channels, problems), whatever the granularity."""
        if self.settings.granularity == "layer":
            return self.stock[:, None] * solution.weights[self.layer]
        return solution.weights


def _comparisons(
    rankings: Sequence[Sequence[int]],
) -> tuple[Array, np.ndarray[tuple[int], np.dtype[np.intp]], sparse.csr_matrix]:
    """All comparisons of rankings laid end to end.

    Returns:
        each comparison's share of the loss (a ranking's shares sum to 1), the ranking it came
        from, and the matrix (comparisons, images) that turns scores into farther − nearer.
    """
    nearer, farther, share, owner, offset = [], [], [], [], 0
    for number, ranks in enumerate(rankings):
        values = np.asarray(ranks)
        near, far = np.nonzero(values[:, None] < values[None, :])
        nearer.append(near + offset)
        farther.append(far + offset)
        share.append(np.full(len(near), 1 / max(len(near), 1)))
        owner.append(np.full(len(near), number))
        offset += len(values)
    rows = np.arange(sum(map(len, nearer)))
    signs = np.concatenate([np.ones(len(rows)), -np.ones(len(rows))])
    columns = np.concatenate([*farther, *nearer])
    matrix = sparse.csr_matrix((signs, (np.tile(rows, 2), columns)), shape=(len(rows), offset))
    return np.concatenate(share), np.concatenate(owner), matrix
