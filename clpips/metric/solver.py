"""The convex problem behind a personal metric, and the solver that is right for it.

Solved, for difference vectors d, comparisons p (nearer n, farther f), weights w ≥ 0 in blocks b
and one multiplier m_b per block:

    minimise  Σ_p c_p · max(0, margin − w·(d_f − d_n))
              + ½ · shrinkage · [ Σ_c (w_c − m_b(c)·μ_c)² / σ_c²  +  Σ_b (m_b − 1)² / τ² ]

The first term is the margin ranking loss; ``c_p`` makes every ranking weigh the same. The second
pulls towards prior weights μ: single weights deviate from m·μ by about σ (``spread``), and a
whole block grows or fades together by about τ (``block_spread``).

Its dual has one variable α_p in [0, c_p] per comparison. For given α the best w and m are found
in closed form but for one number per block: w = max(0, m·μ + σ²·f/shrinkage) with f = Δᵀα, and m
is the root of a rising piecewise-linear function, by Newton steps. So the dual is a smooth
concave function over a box, and is maximised by accelerated projected gradient steps with
restart (Nesterov 1983; O'Donoghue and Candès 2015), each variable in units of its own curvature.
Any number of problems that differ in ``c``, μ, margin or shrinkage (folds, and settings to choose
from) are solved side by side, one matrix product per step for all. A problem is done when its
*duality gap*, an upper bound of the error in the objective, falls below the tolerance: no epochs,
no learning rate.
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
NEWTON_STEPS = 1
"""Per gradient step, from the last step's multipliers; the gap is measured after many more."""
CHECK_EVERY = 15
LEAST_CURVATURE = 1e-3
"""Comparisons of nearly equal images are stepped as if they had this share of the median's."""
ROWS_AT_ONCE = 4096
POWER_STEPS = 20


@dataclass(frozen=True, slots=True)
class Prior:
    """Where weights are expected to lie before any ranking was seen.

    Args:
        mean: μ, (channels,) or (channels, problems), ≥ 0.
        spread: σ, of the same shape: standard deviation of each weight's own deviation, > 0.
        block: (channels,) which block each weight belongs to, from 0, rising.
        block_spread: τ, standard deviation of a block's common multiplier, > 0.
    """

    mean: Array
    spread: Array
    block: np.ndarray[Any, np.dtype[np.intp]]
    block_spread: float

    def of_each(self, problems: int) -> tuple[Array, Array]:
        """Mean and spread of every problem: two (channels, problems)."""
        wide = [each if each.ndim == 2 else each[:, None] for each in (self.mean, self.spread)]
        mean, spread = (np.broadcast_to(each, (len(each), problems)) for each in wide)
        return mean, spread


@dataclass(frozen=True, slots=True)
class Solution:
    """The weights of each problem and how exactly they were found.

    Args:
        weights: (channels, problems), all ≥ 0.
        multipliers: (blocks, problems) how much each block grew.
        gap: (problems,) the duality gap as a share of the objective, in double precision.
        steps: gradient steps taken.
        alpha: (comparisons, problems) dual variables, from which a similar problem can start.
    """

    weights: Array
    multipliers: Array
    gap: Array
    steps: int
    alpha: Array


@dataclass(frozen=True, slots=True)
class MarginRankingProblem:
    """The data of the problem above.

    Args:
        vectors: (images, channels) difference vectors, rankings one after the other.
        differences: (comparisons, images) sparse: +1 at the farther image, −1 at the nearer.
        prior: prior weights and spreads.
    """

    vectors: Array
    differences: sparse.csr_matrix
    prior: Prior

    def solve(
        self,
        loss_weights: Array,
        margins: Array,
        shrinkages: Array,
        *,
        start: Array | None = None,
        tolerance: float = TOLERANCE,
        max_steps: int = 2000,
        check: Callable[[float], None] = lambda fraction: None,
    ) -> Solution:
        """Solve one problem per column of ``loss_weights``.

        Args:
            loss_weights: (comparisons, problems), ≥ 0; 0 leaves a comparison out.
            margins: (problems,) how much farther the farther image must be.
            shrinkages: (problems,) strength of the pull towards the prior weights, > 0.
            start: dual variables (comparisons, problems) of similar problems.
            tolerance: largest relative duality gap.
            max_steps: give up refining here; ``Solution.gap`` tells what was reached.
            check: called now and then with the share of ``max_steps`` taken; may raise.
        """
        state = _Ascent(self, loss_weights, margins, shrinkages, start)
        weights, multipliers, gap = state.primal()
        steps, open_ = 0, np.flatnonzero(np.abs(gap) > tolerance)
        while len(open_) and steps < max_steps:
            part = state.only(open_)
            for _ in range(CHECK_EVERY):
                part.step()
            steps += CHECK_EVERY
            state.take(part, open_)
            weights[:, open_], multipliers[:, open_], gap[open_] = part.primal()
            open_ = open_[np.abs(gap[open_]) > tolerance]
            check(steps / max_steps)
        return Solution(weights, multipliers, gap, steps, state.alpha)


class _Ascent:
    """Accelerated projected gradient ascent on the dual, all problems side by side.

    Steps are taken in single precision: the gap, not the last digit, decides when to stop.
    """

    # What belongs to single problems, by axis: these are cut down as problems get done.
    PER_PROBLEM: tuple[str, ...] = (
        "loss_weights",
        "upper",
        "margins",
        "shrinkages",
        "rate",
        "mean",
        "alpha",
    )
    PER_PROBLEM += ("ahead", "momentum", "multipliers", "variance", "pull")

    def __init__(
        self,
        problem: MarginRankingProblem,
        loss_weights: Array,
        margins: Array,
        shrinkages: Array,
        start: Array | None,
    ) -> None:
        self.problem, prior = problem, problem.prior
        problems = loss_weights.shape[1]
        self.vectors = problem.vectors.astype(np.float32)
        self.differences = problem.differences.astype(np.float32).tocsr()
        self.transposed = self.differences.T.tocsr()
        self.loss_weights, self.upper = loss_weights, loss_weights.astype(np.float32)
        self.margins = margins.astype(np.float32)
        self.shrinkages = shrinkages.astype(np.float32)
        mean, spread = prior.of_each(problems)
        self.mean, self.variance = mean.astype(np.float32), spread.astype(np.float32) ** 2
        self.pull = self.mean / self.variance
        self.starts = np.flatnonzero(np.diff(prior.block, prepend=-1))
        self.sizes = np.diff(np.append(self.starts, len(prior.block)))
        self.multipliers = np.ones((len(self.starts), problems), np.float32)
        if start is None:
            self.alpha = np.zeros_like(self.upper)
        else:
            self.alpha = np.minimum(start.astype(np.float32), self.upper)
        self.ahead, self.momentum = self.alpha, np.ones(problems, np.float32)
        self.curvature = self._curvature()
        self.rate = self.shrinkages / self._steepness()

    def only(self, chosen: Array) -> _Ascent:
        """The same state for some of the problems."""
        part = object.__new__(_Ascent)
        part.__dict__.update(self.__dict__)
        if len(chosen) < self.alpha.shape[-1]:
            for name in self.PER_PROBLEM:
                setattr(part, name, np.ascontiguousarray(getattr(self, name)[..., chosen]))
        return part

    def take(self, part: _Ascent, chosen: Array) -> None:
        """Take over what the steps of some problems changed."""
        for name in ("alpha", "ahead", "momentum", "multipliers"):
            whole = getattr(self, name).copy()
            whole[..., chosen] = getattr(part, name)
            setattr(self, name, whole)

    def _sums(self, values: Array) -> Array:
        """(channels, problems) → (blocks, problems)."""
        return np.asarray(np.add.reduceat(values, self.starts, axis=0))

    def _curvature(self) -> Array:
        """(comparisons, 1): the dual's curvature along each variable, relative to the median's.

        Which images a comparison is between matters more than the fold, so one serves all.
        """
        mean, variance = self.mean.mean(axis=1), self.variance.mean(axis=1)
        tau = np.float32(self.problem.prior.block_spread**2)
        found = np.zeros((self.differences.shape[0], 1), np.float32)
        for start in range(0, len(found), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            apart = self.differences[rows] @ self.vectors
            common = np.add.reduceat(apart * mean, self.starts, axis=1)
            found[rows, 0] = apart**2 @ variance + tau * (common**2).sum(axis=1)
        typical = float(np.median(found)) or 1.0
        return np.asarray(np.maximum(found / np.float32(typical), np.float32(LEAST_CURVATURE)))

    def _steepness(self) -> Array:
        """Largest curvature of each problem's dual, times its shrinkage, by power iteration.

        In units of :meth:`_curvature`. Leaving comparisons out makes it smaller, so where all
        problems have one prior it is found once, for all comparisons together.
        """
        one = self
        if self.problem.prior.mean.ndim == 1 or self.problem.prior.mean.shape[1] == 1:
            one = self._first()
            one.upper = self.upper.max(axis=1, keepdims=True)
        tau = np.float32(self.problem.prior.block_spread**2)
        root = 1 / np.sqrt(self.curvature)
        # Begun in the channels: the step must not depend on which of two images was farther.
        x = np.random.default_rng(0).normal(size=(len(self.mean), 1)).astype(np.float32)
        x = np.where(one.upper > 0, root * self.gaps(x), 0).astype(np.float32)
        length = np.ones(x.shape[1], np.float32)
        for _ in range(POWER_STEPS):
            x /= np.maximum(np.linalg.norm(x, axis=0), 1e-20)
            force = one.force(root * x)
            common = tau * np.repeat(one._sums(one.mean * force), one.sizes, axis=0)
            moved = one.gaps(one.variance * force + common * one.mean)
            x = np.where(one.upper > 0, root * moved, 0)
            length = np.linalg.norm(x, axis=0)
        return np.asarray(np.maximum(np.float32(1.1) * length, np.float32(1e-12)))

    def _first(self) -> _Ascent:
        """What all problems share, as one problem."""
        part = object.__new__(_Ascent)
        part.__dict__.update(self.__dict__)
        part.mean, part.variance = self.mean[:, :1], self.variance[:, :1]
        return part

    def force(self, alpha: Array) -> Array:
        """Δᵀα: (comparisons, problems) → (channels, problems)."""
        return np.asarray(self.vectors.T @ (self.transposed @ alpha))

    def gaps(self, weights: Array) -> Array:
        """w·(d_f − d_n) of every comparison: (channels, problems) → (comparisons, problems)."""
        return np.asarray(self.differences @ (self.vectors @ weights))

    def weights(self, alpha: Array, *, newton_steps: int = NEWTON_STEPS) -> Array:
        """The best weights ≥ 0 for given dual variables; ``self.multipliers`` follow."""
        moved = self.variance * self.force(alpha) / self.shrinkages
        stiffness = np.float32(1 / self.problem.prior.block_spread**2)
        for _ in range(newton_steps):
            centre = np.repeat(self.multipliers, self.sizes, axis=0) * self.mean
            stuck = moved < -centre  # these weights are held at 0
            own = np.where(stuck, -centre, moved) * self.pull
            slope = stiffness * (self.multipliers - 1) - self._sums(own)
            bend = stiffness + self._sums(np.where(stuck, self.pull * self.mean, 0))
            self.multipliers = self.multipliers - slope / bend
        centre = np.repeat(self.multipliers, self.sizes, axis=0) * self.mean
        return np.maximum(centre + moved, 0)

    def step(self) -> None:
        """One projected step from the extrapolated point; a problem that turns back restarts."""
        uphill = self.margins - self.gaps(self.weights(self.ahead))
        new: Array = np.clip(self.ahead + self.rate * uphill / self.curvature, 0, self.upper)
        moved = new - self.alpha
        backwards = ((self.ahead - new) * moved * self.curvature).sum(axis=0) > 0
        grown = (1 + np.sqrt(1 + 4 * self.momentum**2)) / 2
        pull = np.where(backwards, 0, (self.momentum - 1) / grown).astype(np.float32)
        self.momentum = np.where(backwards, 1, grown).astype(np.float32)
        self.alpha, self.ahead = new, new + pull * moved

    def primal(self) -> tuple[Array, Array, Array]:
        """Feasible weights, multipliers, and the duality gap as a share of the objective.

        In double precision: where candidates are nearly alike, single precision loses the
        small differences that the objective is made of.
        """
        weights = self.weights(self.alpha, newton_steps=10).astype(np.float64)
        vectors, differences = self.problem.vectors, self.problem.differences
        short = self.margins - differences @ (vectors @ weights)
        alpha = np.minimum(self.alpha.astype(np.float64), self.loss_weights)
        loss = (self.loss_weights * np.maximum(short, 0)).sum(axis=0)
        multipliers = self.multipliers.astype(np.float64)
        centre = np.repeat(multipliers, self.sizes, axis=0) * self.mean
        penalty = ((weights - centre) ** 2 / self.variance).sum(axis=0)
        penalty += ((multipliers - 1) ** 2).sum(axis=0) / self.problem.prior.block_spread**2
        objective = loss + self.shrinkages / 2 * penalty
        gap = loss - (alpha * short).sum(axis=0)
        return weights, multipliers, gap / np.maximum(objective, 1e-12)
