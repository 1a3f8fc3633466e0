"""The convex problem behind a personal metric, and its solver.

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
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from scipy import sparse

from clpips.errors import InputError

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

TOLERANCE = 2e-3
"""Relative duality gap at which a fit is done."""
MAX_STEPS = 2000
"""With which the many fits of a selection or a held-out report are content."""
TO_THE_END = 40_000
"""Steps of the one fit whose weights are kept: the few that need more than 2000 get there."""
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

    @property
    def is_shared(self) -> bool:
        """Whether all problems have the same mean."""
        return self.mean.ndim == 1 or self.mean.shape[1] == 1

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
        max_steps: int = MAX_STEPS,
        check: Callable[[float], None] = lambda fraction: None,
    ) -> Solution:
        """Solve one problem per column of ``loss_weights``.

        Args:
            loss_weights: (comparisons, problems), ≥ 0; 0 leaves a comparison out.
            margins: (problems,) how much farther the farther image must be.
            shrinkages: (problems,) strength of the pull towards the prior weights, > 0.
            start: dual variables (comparisons, problems) of similar problems.
            tolerance: largest relative duality gap.
            max_steps: give up refining here; ``Solution.gap`` is the gap reached.
            check: called now and then with the share of ``max_steps`` taken; may raise.
        """
        # Some BLAS kernels signal an invalid operation on finite numbers: the result is checked.
        with np.errstate(invalid="ignore"):
            solution = self._solved(
                _Dual.of(self, loss_weights, margins, shrinkages),
                start,
                tolerance=tolerance,
                max_steps=max_steps,
                check=check,
            )
        if not (np.isfinite(solution.weights).all() and np.isfinite(solution.gap).all()):
            raise InputError("a fit must have finite difference vectors, got NaN or infinity")
        return solution

    def _solved(
        self,
        dual: _Dual,
        start: Array | None,
        *,
        tolerance: float,
        max_steps: int,
        check: Callable[[float], None],
    ) -> Solution:
        iterate = _Iterate.first(dual, start)
        weights, multipliers, gap = dual.primal(iterate)
        iterate = replace(iterate, multipliers=multipliers.astype(np.float32))
        steps, open_ = 0, np.flatnonzero(np.abs(gap) > tolerance)
        while len(open_) and steps < max_steps:
            part, moved = dual.only(open_), iterate.only(open_)
            for _ in range(CHECK_EVERY):
                moved = part.step(moved)
            steps += CHECK_EVERY
            iterate = iterate.with_columns(open_, moved)
            weights[:, open_], multipliers[:, open_], gap[open_] = part.primal(moved)
            open_ = open_[np.abs(gap[open_]) > tolerance]
            check(steps / max_steps)
        return Solution(weights, multipliers, gap, steps, iterate.alpha)


@dataclass(frozen=True, slots=True)
class _Iterate:
    """Where the ascent is; one column a problem.

    Args:
        alpha: (comparisons, problems) dual variables.
        ahead: (comparisons, problems) the extrapolated point of the next step.
        momentum: (problems,) Nesterov's sequence, from 1.
        multipliers: (blocks, problems) the last step's, from which Newton's method goes on.
    """

    alpha: Array
    ahead: Array
    momentum: Array
    multipliers: Array

    @classmethod
    def first(cls, dual: _Dual, start: Array | None) -> _Iterate:
        """The start: no dual variable, or those of similar problems within these bounds."""
        upper = dual.upper
        alpha = np.zeros_like(upper)
        if start is not None:
            alpha = np.minimum(start.astype(np.float32), upper)
        problems = upper.shape[1]
        multipliers = np.ones((len(dual.shared.starts), problems), np.float32)
        return cls(alpha, alpha, np.ones(problems, np.float32), multipliers)

    def only(self, chosen: Array) -> _Iterate:
        """The same for some of the problems."""
        return _Iterate(
            _columns(self.alpha, chosen),
            _columns(self.ahead, chosen),
            _columns(self.momentum, chosen),
            _columns(self.multipliers, chosen),
        )

    def with_columns(self, chosen: Array, part: _Iterate) -> _Iterate:
        """The same with some of the problems replaced."""
        return _Iterate(
            _replaced(self.alpha, chosen, part.alpha),
            _replaced(self.ahead, chosen, part.ahead),
            _replaced(self.momentum, chosen, part.momentum),
            _replaced(self.multipliers, chosen, part.multipliers),
        )


@dataclass(frozen=True, slots=True)
class _Shared:
    """What all problems share, in single precision.

    Args:
        vectors: (images, channels).
        differences, transposed: (comparisons, images) and (images, comparisons), sparse.
        starts, sizes: (blocks,) each block's first channel and its number of channels.
        block_spread: τ.
    """

    vectors: Array
    differences: sparse.csr_matrix
    transposed: sparse.csr_matrix
    starts: Array
    sizes: Array
    block_spread: float

    @classmethod
    def of(cls, problem: MarginRankingProblem) -> _Shared:
        """Vectors and differences of a problem as single-precision numbers."""
        differences = problem.differences.astype(np.float32).tocsr()
        block = problem.prior.block
        starts = np.flatnonzero(np.diff(block, prepend=-1))
        return cls(
            problem.vectors.astype(np.float32),
            differences,
            differences.T.tocsr(),
            starts,
            np.diff(np.append(starts, len(block))),
            problem.prior.block_spread,
        )

    def force(self, alpha: Array) -> Array:
        """Δᵀα: (comparisons, problems) → (channels, problems)."""
        return np.asarray(self.vectors.T @ (self.transposed @ alpha))

    def gaps(self, weights: Array) -> Array:
        """w·(d_f − d_n) of every comparison: (channels, problems) → (comparisons, problems)."""
        return np.asarray(self.differences @ (self.vectors @ weights))

    def block_sums(self, values: Array) -> Array:
        """(channels, problems) → (blocks, problems)."""
        return np.asarray(np.add.reduceat(values, self.starts, axis=0))

    def by_channel(self, values: Array) -> Array:
        """(blocks, problems) → (channels, problems)."""
        return np.repeat(values, self.sizes, axis=0)

    def curvature(self, mean: Array, variance: Array) -> Array:
        """(comparisons, 1): the dual's curvature along each variable, relative to the median's.

        Args:
            mean, variance: (channels,) of the prior.
        """
        tau = np.float32(self.block_spread**2)
        found = np.zeros((self.differences.shape[0], 1), np.float32)
        for start in range(0, len(found), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            apart = self.differences[rows] @ self.vectors
            common = np.add.reduceat(apart * mean, self.starts, axis=1)
            found[rows, 0] = apart**2 @ variance + tau * (common**2).sum(axis=1)
        typical = float(np.median(found)) or 1.0
        return np.asarray(np.maximum(found / np.float32(typical), np.float32(LEAST_CURVATURE)))

    def steepness(self, curvature: Array, upper: Array, mean: Array, variance: Array) -> Array:
        """Largest curvature of each problem's dual, times its shrinkage, by power iteration.

        In units of :meth:`curvature`; one a column of ``upper``, ``mean`` and ``variance``.
        """
        tau = np.float32(self.block_spread**2)
        root = 1 / np.sqrt(curvature)
        # Begun in the channels: the step must not depend on which of two images was farther.
        x = np.random.default_rng(0).normal(size=(len(mean), 1)).astype(np.float32)
        x = np.where(upper > 0, root * self.gaps(x), 0).astype(np.float32)
        length = np.ones(x.shape[1], np.float32)
        for _ in range(POWER_STEPS):
            x /= np.maximum(np.linalg.norm(x, axis=0), 1e-20)
            force = self.force(root * x)
            common = tau * self.by_channel(self.block_sums(mean * force))
            moved = self.gaps(variance * force + common * mean)
            x = np.where(upper > 0, root * moved, 0)
            length = np.linalg.norm(x, axis=0)
        return np.asarray(np.maximum(np.float32(1.1) * length, np.float32(1e-12)))


@dataclass(frozen=True, slots=True)
class _Dual:
    """The dual of several problems, for accelerated projected gradient ascent side by side.

    Steps are taken in single precision: the gap, not the last digit, decides when to stop.

    Args:
        problem: the data in double precision.
        shared: the data in single precision.
        curvature: (comparisons, 1) of the dual along each variable.
        loss_weights, upper: (comparisons, problems) bounds of the dual variables, in double and
            in single precision.
        margins, shrinkages, rate: (problems,); ``rate`` is the step length.
        mean, variance, pull: (channels, problems) of the prior; ``pull`` is mean / variance.
    """

    problem: MarginRankingProblem
    shared: _Shared
    curvature: Array
    loss_weights: Array
    upper: Array
    margins: Array
    shrinkages: Array
    rate: Array
    mean: Array
    variance: Array
    pull: Array

    @classmethod
    def of(
        cls, problem: MarginRankingProblem, loss_weights: Array, margins: Array, shrinkages: Array
    ) -> _Dual:
        """The dual of one problem per column of ``loss_weights``."""
        shared, upper = _Shared.of(problem), loss_weights.astype(np.float32)
        mean, spread = problem.prior.of_each(loss_weights.shape[1])
        mean, variance = mean.astype(np.float32), spread.astype(np.float32) ** 2
        # Which images a comparison is between matters more than the fold, so one serves all.
        curvature = shared.curvature(mean.mean(axis=1), variance.mean(axis=1))
        if problem.prior.is_shared:
            # Leaving comparisons out makes it smaller: all comparisons together bound every fold.
            most = upper.max(axis=1, keepdims=True)
            steepness = shared.steepness(curvature, most, mean[:, :1], variance[:, :1])
        else:
            steepness = shared.steepness(curvature, upper, mean, variance)
        strength = shrinkages.astype(np.float32)
        return cls(
            problem=problem,
            shared=shared,
            curvature=curvature,
            loss_weights=loss_weights,
            upper=upper,
            margins=margins.astype(np.float32),
            shrinkages=strength,
            rate=strength / steepness,
            mean=mean,
            variance=variance,
            pull=mean / variance,
        )

    def only(self, chosen: Array) -> _Dual:
        """The same for some of the problems."""
        return replace(
            self,
            loss_weights=_columns(self.loss_weights, chosen),
            upper=_columns(self.upper, chosen),
            margins=_columns(self.margins, chosen),
            shrinkages=_columns(self.shrinkages, chosen),
            rate=_columns(self.rate, chosen),
            mean=_columns(self.mean, chosen),
            variance=_columns(self.variance, chosen),
            pull=_columns(self.pull, chosen),
        )

    def best_weights(
        self, alpha: Array, multipliers: Array, *, newton_steps: int
    ) -> tuple[Array, Array]:
        """The best weights ≥ 0 for given dual variables, and the blocks' multipliers.

        Args:
            alpha: (comparisons, problems) dual variables.
            multipliers: (blocks, problems) where Newton's method starts.
            newton_steps: how many steps it takes.
        """
        shared, mean = self.shared, self.mean
        moved = self.variance * shared.force(alpha) / self.shrinkages
        stiffness = np.float32(1 / shared.block_spread**2)
        for _ in range(newton_steps):
            centre = shared.by_channel(multipliers) * mean
            stuck = moved < -centre  # these weights are held at 0
            own = np.where(stuck, -centre, moved) * self.pull
            slope = stiffness * (multipliers - 1) - shared.block_sums(own)
            bend = stiffness + shared.block_sums(np.where(stuck, self.pull * mean, 0))
            multipliers = multipliers - slope / bend
        return np.maximum(shared.by_channel(multipliers) * mean + moved, 0), multipliers

    def step(self, at: _Iterate) -> _Iterate:
        """One projected step from the extrapolated point; a problem that turns back restarts."""
        weights, multipliers = self.best_weights(
            at.ahead, at.multipliers, newton_steps=NEWTON_STEPS
        )
        uphill = self.margins - self.shared.gaps(weights)
        new: Array = np.clip(at.ahead + self.rate * uphill / self.curvature, 0, self.upper)
        moved = new - at.alpha
        backwards = ((at.ahead - new) * moved * self.curvature).sum(axis=0) > 0
        grown = (1 + np.sqrt(1 + 4 * at.momentum**2)) / 2
        pull = np.where(backwards, 0, (at.momentum - 1) / grown).astype(np.float32)
        momentum = np.where(backwards, 1, grown).astype(np.float32)
        return _Iterate(new, new + pull * moved, momentum, multipliers)

    def primal(self, at: _Iterate) -> tuple[Array, Array, Array]:
        """Feasible weights, multipliers, and the duality gap as a share of the objective.

        In double precision: where candidates are nearly alike, single precision loses the
        small differences that the objective is made of.
        """
        single = self.best_weights(at.alpha, at.multipliers, newton_steps=10)
        weights, multipliers = (each.astype(np.float64) for each in single)
        vectors, differences = self.problem.vectors, self.problem.differences
        short = self.margins - differences @ (vectors @ weights)
        alpha = np.minimum(at.alpha.astype(np.float64), self.loss_weights)
        loss = (self.loss_weights * np.maximum(short, 0)).sum(axis=0)
        centre = self.shared.by_channel(multipliers) * self.mean
        penalty = ((weights - centre) ** 2 / self.variance).sum(axis=0)
        penalty += ((multipliers - 1) ** 2).sum(axis=0) / self.shared.block_spread**2
        objective = loss + self.shrinkages / 2 * penalty
        gap = loss - (alpha * short).sum(axis=0)
        return weights, multipliers, gap / np.maximum(objective, 1e-12)


def _columns(values: Array, chosen: Array) -> Array:
    """Some of the problems, which are the last axis; the array itself where it is all of them."""
    whole = len(chosen) == values.shape[-1]
    return values if whole else np.ascontiguousarray(values[..., chosen])


def _replaced(values: Array, chosen: Array, new: Array) -> Array:
    """A copy with some of the problems replaced."""
    copy = values.copy()
    copy[..., chosen] = new
    return copy
