"""The convex problem behind a personal metric, and the solver that is right for it.

Solved, for difference vectors d, comparisons p (nearer n, farther f) and weights w ≥ 0:

    minimise   Σ_p c_p · max(0, margin − w·(d_f − d_n))  +  ½ · shrinkage · ‖w − w0‖²_Σ⁻¹

The first term is the margin ranking loss; ``c_p`` makes every ranking weigh the same. The second
pulls towards the stock weights w0 in the units of a prior covariance Σ: independent deviations
of single weights (``spread``) plus one common multiplier per layer (``layer_spread``).

Its dual is a smooth concave function over a box — one variable α_p in [0, c_p] per comparison,
one β_c ≥ 0 per weight for w ≥ 0 — with w = w0 + Σ(Δᵀα + β)/shrinkage. It is maximised by
accelerated projected gradient steps with adaptive restart (Nesterov 1983; O'Donoghue and Candès
2015). Any number of problems that differ only in ``c`` (the folds of a held-out report) are
solved side by side as one matrix product per step. It stops when the *duality gap*, an upper
bound of the error in the objective, falls below the tolerance: no epochs, no learning rate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from scipy import sparse

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

TOLERANCE = 2e-3
"""Relative duality gap at which a fit is done."""


@dataclass(frozen=True, slots=True)
class Prior:
    """Where weights are expected to lie before any ranking was seen.

    Args:
        mean: (channels,) the stock weights, ≥ 0.
        spread: (channels,) standard deviation of each weight's own deviation, > 0.
        layer: (channels,) which layer each weight belongs to, from 0.
        layer_spread: standard deviation of a layer's common multiplier, ≥ 0.
    """

    mean: Array
    spread: Array
    layer: np.ndarray[Any, np.dtype[np.intp]]
    layer_spread: float

    def _loadings(self) -> Array:
        """(channels, layers): the direction in which each layer's multiplier moves weights."""
        loadings = np.zeros((len(self.mean), int(self.layer.max()) + 1))
        loadings[np.arange(len(self.mean)), self.layer] = self.layer_spread * self.mean
        return loadings

    def covariance(self, precision: type[np.floating[Any]]) -> Callable[[Array], Array]:
        """The function x (channels, n) → Σx, computed in the given precision."""
        variance = (self.spread[:, None] ** 2).astype(precision)
        loadings = self._loadings().astype(precision)
        return lambda x: variance * x + loadings @ (loadings.T @ x)

    def squared_length(self, deviation: Array) -> Array:
        """‖deviation‖²_Σ⁻¹ of each column: (channels, n) → (n,), by Sherman–Morrison."""
        scaled = deviation / self.spread[:, None] ** 2
        loadings = self._loadings()
        inner = 1 + (loadings**2 / self.spread[:, None] ** 2).sum(axis=0)  # (layers,)
        common = loadings.T @ scaled  # (layers, n)
        total: Array = (deviation * scaled).sum(axis=0) - (common**2 / inner[:, None]).sum(axis=0)
        return total


@dataclass(frozen=True, slots=True)
class Solution:
    """The weights of each problem and how exactly they were found.

    Args:
        weights: (channels, problems), all ≥ 0.
        gap: (problems,) the duality gap as a share of the objective, in double precision.
        steps: gradient steps taken.
        alpha, beta: the dual variables, from which a similar problem can start.
    """

    weights: Array
    gap: Array
    steps: int
    alpha: Array
    beta: Array


@dataclass(frozen=True, slots=True)
class MarginRankingProblem:
    """The data of the problem above.

    Args:
        vectors: (images, channels) difference vectors, rankings one after the other.
        differences: (comparisons, images) sparse: +1 at the farther image, −1 at the nearer.
        prior: stock weights and spreads.
        margin: how much farther the farther image must be, in the distance's unit.
        shrinkage: strength of the pull towards the stock weights, > 0.
    """

    vectors: Array
    differences: sparse.csr_matrix
    prior: Prior
    margin: float
    shrinkage: float

    def solve(
        self,
        loss_weights: Array,
        *,
        margins: Array | None = None,
        start: tuple[Array, Array] | None = None,
        tolerance: float = TOLERANCE,
        max_steps: int = 3000,
        check: Callable[[float], None] = lambda fraction: None,
    ) -> Solution:
        """Solve one problem per column of ``loss_weights``.

        Args:
            loss_weights: (comparisons, problems), ≥ 0; 0 leaves a comparison out.
            margins: (problems,) each problem's own margin; by default all have ``margin``.
            start: dual variables (alpha, beta) of a similar problem.
            tolerance: largest relative duality gap.
            max_steps: give up refining here; ``Solution.gap`` tells what was reached.
            check: called now and then with the share of ``max_steps`` taken; may raise.
        """
        own = np.full(loss_weights.shape[1], self.margin) if margins is None else margins
        state = _Ascent(self, loss_weights, own, start)
        steps, gap = 0, np.full(loss_weights.shape[1], np.inf)
        while steps < max_steps:
            for _ in range(20):
                state.step()
            steps += 20
            weights, gap = state.primal()
            if np.abs(gap).max(initial=0.0) <= tolerance:
                break
            check(steps / max_steps)
        return Solution(weights, gap, steps, state.alpha, state.beta)


class _Ascent:
    """Accelerated projected gradient ascent on the dual, all problems side by side.

    Steps are taken in single precision: the gap, not the last digit, decides when to stop.
    """

    def __init__(
        self,
        problem: MarginRankingProblem,
        loss_weights: Array,
        margins: Array,
        start: tuple[Array, Array] | None,
    ) -> None:
        self.problem, self.loss_weights, self.margins = problem, loss_weights, margins
        self.vectors = problem.vectors.astype(np.float32)
        self.differences = problem.differences.astype(np.float32).tocsr()
        self.transposed = self.differences.T.tocsr()
        self.upper = loss_weights.astype(np.float32)
        self.mean = problem.prior.mean[:, None].astype(np.float32)
        self.covariance = problem.prior.covariance(np.float32)
        self.unit = self._unit()
        self.rate = np.float32(problem.shrinkage / self._steepness())
        shape = (len(self.mean), loss_weights.shape[1])
        if start is None:
            self.alpha, self.beta = np.zeros_like(self.upper), np.zeros(shape, np.float32)
        else:
            self.alpha = np.minimum(start[0], self.upper)
            self.beta = np.broadcast_to(start[1], shape).astype(np.float32)
        self.ahead, self.momentum = (self.alpha, self.beta), 1.0

    def _unit(self) -> Array:
        """The unit of β: 1/σ(w), times a factor that makes its block about as steep as α's."""
        prior = self.problem.prior
        sigma = np.sqrt(prior.spread**2 + (prior.layer_spread * prior.mean) ** 2)
        sigma = sigma[:, None].astype(np.float32)

        def beta_block(x: Array) -> Array:
            return self.covariance(x / sigma) / sigma

        def alpha_block(x: Array) -> Array:
            pulled = self.covariance(self.vectors.T @ (self.transposed @ x))
            return np.asarray(self.differences @ (self.vectors @ pulled))

        alpha = _largest(alpha_block, self.differences.shape[0])
        beta = _largest(beta_block, len(prior.mean))
        # Half as steep took the fewest steps on photographs and on drawn scenes.
        return np.float32(0.5 * np.sqrt(alpha / beta)) / sigma

    def _steepness(self) -> float:
        """Largest curvature of both blocks together, over ``shrinkage``."""
        comparisons = self.differences.shape[0]

        def both(x: Array) -> Array:
            alpha, beta = x[:comparisons], x[comparisons:]
            pulled = self.covariance(self.force(alpha, beta))
            return np.concatenate([self.gaps(pulled), self.unit * pulled])

        return _largest(both, comparisons + len(self.mean))

    def force(self, alpha: Array, beta: Array) -> Array:
        """Δᵀα + β: (channels, problems)."""
        return np.asarray(self.vectors.T @ (self.transposed @ alpha) + self.unit * beta)

    def weights(self, alpha: Array, beta: Array) -> Array:
        """w = w0 + Σ(Δᵀα + β)/shrinkage: (channels, problems); may dip below 0 on the way."""
        pulled = self.covariance(self.force(alpha, beta))
        return self.mean + pulled / np.float32(self.problem.shrinkage)

    def gaps(self, weights: Array) -> Array:
        """w·(d_f − d_n) of every comparison: (comparisons, problems)."""
        return np.asarray(self.differences @ (self.vectors @ weights))

    def step(self) -> None:
        """One projected step from the extrapolated point, with restart when it turns back."""
        alpha, beta = self.ahead
        weights = self.weights(alpha, beta)
        uphill = self.margins.astype(np.float32) - self.gaps(weights)
        new_alpha = np.clip(alpha + self.rate * uphill, 0, self.upper)
        new_beta = np.maximum(0, beta - self.rate * self.unit * weights)
        moved = (new_alpha - self.alpha, new_beta - self.beta)
        backwards = np.vdot(alpha - new_alpha, moved[0]) + np.vdot(beta - new_beta, moved[1])
        if backwards > 0:
            self.momentum, pull = 1.0, np.float32(0)
        else:
            grown = (1 + np.sqrt(1 + 4 * self.momentum**2)) / 2
            pull, self.momentum = np.float32((self.momentum - 1) / grown), grown
        self.alpha, self.beta = new_alpha, new_beta
        self.ahead = (new_alpha + pull * moved[0], new_beta + pull * moved[1])

    def primal(self) -> tuple[Array, Array]:
        """The feasible weights, and the duality gap as a share of the objective.

        In double precision: where candidates are nearly alike, single precision loses the
        small differences that the objective is made of.
        """
        problem, prior = self.problem, self.problem.prior
        alpha, beta = self.alpha.astype(np.float64), (self.unit * self.beta).astype(np.float64)
        alpha = np.minimum(alpha, self.loss_weights)
        force = problem.vectors.T @ (problem.differences.T @ alpha) + beta
        away = prior.covariance(np.float64)(force) / problem.shrinkage
        raw = prior.mean[:, None] + away
        feasible, half = np.maximum(raw, 0), problem.shrinkage / 2

        def short(weights: Array) -> Array:
            gaps = problem.differences @ (problem.vectors @ weights)
            return np.asarray(self.margins - gaps)

        loss = (self.loss_weights * np.maximum(short(feasible), 0)).sum(axis=0)
        primal = loss + half * prior.squared_length(feasible - prior.mean[:, None])
        pulled, held = (alpha * short(raw)).sum(axis=0), (beta * raw).sum(axis=0)
        dual = half * prior.squared_length(away) + pulled - held
        return feasible, (primal - dual) / np.maximum(np.abs(primal), 1e-12)


def _largest(operator: Callable[[Array], Array], size: int) -> float:
    """A little more than the largest eigenvalue of a positive operator, by power iteration."""
    x = np.random.default_rng(0).normal(size=(size, 1)).astype(np.float32)
    length = float(np.linalg.norm(x))
    for _ in range(30):
        x = operator(x / length) if length > 0 else x
        length = float(np.linalg.norm(x))
    return 1.05 * max(length, 1e-12)
