"""Baselines for a personal metric, learnt and scored in the same way.

| name | what is fitted |
| --- | --- |
| ``unregularised`` | every channel weight ≥ 0, hardly pulled to stock (:data:`LEAST_PULL`) |
| ``layer`` | one multiplier per layer, with the default settings, from stock |
| ``pooled`` | pooled weights, the same for all people |
| ``tilt`` | one parameter: late layers gain on early ones, or lose |

For a left-out target all of them are learnt without its rankings, on the same rankings as the
personal metric and scored on the same ones, so their gains over stock compare.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, get_args

import numpy as np

from clpips.errors import InputError
from clpips.evaluation.held_out import (
    HeldOut,
    check_targets,
    held_out_agreement,
    stock_agreement,
)
from clpips.features.base import Space
from clpips.features.lpips import Vectors
from clpips.features.names import Backbone
from clpips.metric.card import Card
from clpips.metric.clpips import CLPIPS
from clpips.metric.fit import FittedWeights
from clpips.metric.hyperparameters import HyperParameters, select_hyperparameters
from clpips.metric.observations import Observation
from clpips.metric.pooled import POOLED_SETTINGS, PooledPrior
from clpips.metric.ranking_problem import HELD_OUT_TOLERANCE, RankingProblem
from clpips.metric.settings import FitSettings
from clpips.metric.solver import Array
from clpips.progress import Watch

Baseline = Literal["unregularised", "layer", "pooled", "tilt"]
BASELINES: tuple[Baseline, ...] = get_args(Baseline)

LEAST_PULL = 1e-3
"""Shrinkage of the unregularised fit, a twentieth of the default. Without any pull many weights
share the least loss; with however little the problem has one solution. This is about the least
with which the solver still comes within its tolerance on real people's rankings."""
SETTINGS: Mapping[Baseline, FitSettings] = {
    "unregularised": FitSettings("channel", 1.0, LEAST_PULL, "stock"),
    "layer": FitSettings("layer").filled(),
    "pooled": POOLED_SETTINGS,
    "tilt": FitSettings("layer").filled(),
}
"""The settings of each; nothing is left to select. A tilt has a margin only, no shrinkage."""

STEEPEST = 6.0
"""Largest tilt that is tried: the last layer then gains e⁶ ≈ 400 on the first."""
COARSE, FINE = 0.25, 1 / 64
"""Steps of the search for the tilt: first over all of it, then around the best."""

SAME = 1e-9
"""Losses closer than this count as equal but for rounding."""


def hold_out_baselines(
    fitted: FittedWeights, names: Sequence[Baseline] = BASELINES, watch: Watch | None = None
) -> dict[str, HeldOut]:
    """Each baseline's held-out agreement, on the rankings and folds of one person's fit.

    Args:
        fitted: the personal fit.
        names: which baselines; ``pooled`` is left out where no one else took part.
        watch: progress and cancel.

    Returns:
        by name; "personal" in it is the baseline, "stock" is stock, the gain is between them.

    Raises:
        UndefinedStatistic: rankings of fewer than two targets.
        InputError: another name.
        Cancelled: the caller cancelled.
    """
    problem, prior = fitted.problem, fitted.prior
    check_targets(problem)
    for name in names:
        _check(name)
    there = [name for name in names if name != "pooled" or prior is not None]
    watch, stock, found = watch or Watch(), stock_agreement(problem), dict[str, HeldOut]()
    for number, name in enumerate(there):
        part = watch.part(number / len(there), 1 / len(there))
        weights = _without_each_target(name, problem, prior, fitted.hyperparameters, part)
        found[name] = held_out_agreement(problem, weights, stock=stock, seed=fitted.settings.seed)
    return found


def fit_baseline(
    name: Baseline,
    observations: Sequence[Observation],
    space: Space | str,
    prior: PooledPrior | None = None,
    watch: Watch | None = None,
) -> Vectors:
    """A baseline learnt from all rankings: (channels,) weights ≥ 0.

    Args:
        name: which.
        observations: of one person, or of several.
        space: their feature space.
        prior: pooled weights of all participants; ``pooled`` needs them.
        watch: progress and cancel.

    Raises:
        InputError: another name, ``pooled`` without others, or no ranking makes a comparison.
        Cancelled: the caller cancelled.
    """
    _check(name)
    problem = RankingProblem.of(observations, space)
    return _learnt(name, problem, prior, watch or Watch())[0]


def fit_and_hold_out_baseline(
    name: Baseline,
    observations: Sequence[Observation],
    backbone: Backbone,
    prior: PooledPrior | None = None,
    watch: Watch | None = None,
) -> tuple[CLPIPS, HeldOut | None]:
    """:func:`fit_baseline` as a metric that can be saved, and its held-out agreement.

    The card of ``pooled`` names all participants, from whose rankings it was learnt. The
    agreement is ``None`` for rankings of a single target.
    """
    _check(name)
    watch, settings = watch or Watch(), SETTINGS[name]
    problem = RankingProblem.of(observations, backbone)
    weights, gap = _learnt(name, problem, prior, watch.part(0.0, 0.5))
    learnt_from = problem if name != "pooled" or prior is None else prior.problem
    rankings = [one.ranking for one in learnt_from.observations]
    card = Card.of_fit(problem.space, rankings, settings, gap)
    metric = CLPIPS.of_weights(weights, card)
    if len(problem.targets) < 2:
        return metric, None
    # Nothing is left to select: this only defines the groups of targets.
    selected = select_hyperparameters(problem, settings, prior, watch)
    folds = _without_each_target(name, problem, prior, selected, watch.part(0.5, 0.5))
    return metric, held_out_agreement(problem, folds, seed=settings.seed)


def tilted(space: Space, theta: float) -> Vectors:
    """Stock weights, each layer's times exp(θ·x), x rising evenly from −½ to ½ over the layers.

    θ = 0 is stock; a positive θ makes late layers count more. A space of one layer has no tilt.
    """
    weights: Vectors = space.stock * np.exp(theta * _places(space))[space.block_of]
    return weights


def best_tilts(
    problem: RankingProblem, left_out: Sequence[frozenset[str]], watch: Watch
) -> list[float]:
    """The tilt with the least mean margin ranking loss, without the rankings of some targets.

    The loss is taken with distances in units of their own mean gap, so that a tilt is not
    preferred for making all distances larger.

    Args:
        problem: the comparisons.
        left_out: sets of targets; one tilt is found for each.
        watch: progress and cancel.
    """
    shares = problem.shares_without(left_out)
    starts = np.flatnonzero(np.diff(problem.space.block_of, prepend=-1))
    per_layer = np.add.reduceat(problem.table * problem.stock, starts, axis=1)
    gaps = problem.comparisons.gaps(per_layer[problem.rows] * problem.unit)
    coarse = np.arange(-STEEPEST, STEEPEST + COARSE / 2, COARSE)
    tilts = []
    for number, all_shares in enumerate(shares.T):
        watch.report(number / len(left_out), "Fitting the tilt of the layers")
        there = all_shares > 0
        own_gaps, own_shares = gaps[there], all_shares[there]
        near = _least(coarse, own_gaps, own_shares, problem.space)
        fine = np.clip(near + np.arange(-COARSE, COARSE + FINE / 2, FINE), -STEEPEST, STEEPEST)
        tilts.append(_least(fine, own_gaps, own_shares, problem.space))
    return tilts


def _least(thetas: Array, gaps: Array, share: Array, space: Space) -> float:
    """The tilt of least loss, among equals the nearest to 0: gaps (comparisons, layers)."""
    thetas = thetas[np.argsort(np.abs(thetas), kind="stable")]
    if not len(gaps):
        return 0.0
    farther = gaps @ np.exp(np.outer(_places(space), thetas))  # (comparisons, thetas)
    unit = np.abs(farther).mean(axis=0)
    loss = share @ np.maximum(1 - farther / np.where(unit > 0, unit, 1.0), 0)
    return float(thetas[np.flatnonzero(loss <= loss.min() + SAME)[0]])


def _places(space: Space) -> Array:
    """(layers,) where each layer is, evenly from −½ to ½."""
    count = len(space.blocks)
    return np.linspace(-0.5, 0.5, count) if count > 1 else np.zeros(1)


def _learnt(
    name: Baseline, problem: RankingProblem, prior: PooledPrior | None, watch: Watch
) -> tuple[Vectors, float]:
    """Weights from all rankings, and their duality gap."""
    if name == "tilt":
        return tilted(problem.space, best_tilts(problem, [frozenset()], watch)[0]), 0.0
    if name == "pooled":
        problem = _needed(prior).problem
    solution = problem.solve([frozenset()], SETTINGS[name], check=_reporting(name, watch))
    return problem.channel_weights(solution)[:, 0], float(solution.gap[0])


def _without_each_target(
    name: Baseline,
    problem: RankingProblem,
    prior: PooledPrior | None,
    selected: HyperParameters,
    watch: Watch,
) -> Vectors:
    """(channels, targets) a baseline's weights, learnt with each target left out."""
    left_out = [frozenset([target]) for target in problem.targets]
    if name == "pooled":
        # As under a personal metric: without any participant's rankings of the target's group.
        groups = [selected.group_with(target) for target in problem.targets]
        return _needed(prior).weights(groups, watch)
    if name == "tilt":
        tilts = best_tilts(problem, left_out, watch)
        return np.stack([tilted(problem.space, theta) for theta in tilts], axis=1)
    solution = problem.solve(
        left_out,
        SETTINGS[name],
        tolerance=HELD_OUT_TOLERANCE,
        check=_reporting(name, watch),
    )
    return problem.channel_weights(solution)


def _needed(prior: PooledPrior | None) -> PooledPrior:
    if prior is None:
        raise InputError("the baseline 'pooled' needs the rankings of several participants")
    return prior


def _reporting(name: Baseline, watch: Watch) -> Callable[[float], None]:
    return lambda share: watch.report(share, f"Fitting the baseline {name}")


def _check(name: str) -> None:
    if name not in BASELINES:
        raise InputError(f"a baseline must be one of {BASELINES}, got {name!r}")
