"""Baselines: what a personal metric has to beat, learnt and scored like it.

| name | what is fitted |
| --- | --- |
| ``unregularised`` | every channel weight ≥ 0, hardly pulled to stock (:data:`LEAST_PULL`) |
| ``layer`` | one multiplier per layer, with the default settings, from stock |
| ``pooled`` | everyone's weights, the same for all people |
| ``tilt`` | one parameter: late layers gain on early ones, or lose |

For a left-out target all of them are learnt without its rankings, on the same rankings as the
personal metric of the same plan and scored on the same ones, so their gains over stock compare.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, get_args

import numpy as np

from clpips.errors import InputError
from clpips.evaluation.held_out import HeldOut, check_targets, held_out_of
from clpips.features.base import Space
from clpips.features.lpips import Vectors
from clpips.features.names import Backbone
from clpips.metric.card import Card
from clpips.metric.clpips import CLPIPS
from clpips.metric.comparisons import kept_weights
from clpips.metric.fit import HELD_OUT_TOLERANCE, FitSettings, RankingFit
from clpips.metric.hyperparameters import Choice, Plan, choose
from clpips.metric.observations import Observation
from clpips.metric.pooled import POOLED, Everyone
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
    "pooled": POOLED,
    "tilt": FitSettings("layer").filled(),
}
"""How each is fitted; nothing is left to choose. A tilt has the margin alone, and no pull."""

STEEPEST = 6.0
"""Largest tilt that is tried: the last layer then gains e⁶ ≈ 400 on the first."""
COARSE, FINE = 0.25, 1 / 64
"""Steps of the search for the tilt: first over all of it, then around the best."""

SAME = 1e-9
"""Losses nearer than this are one value that was rounded differently."""


def side_by_side(
    plan: Plan, names: Sequence[Baseline] = BASELINES, watch: Watch | None = None
) -> dict[str, HeldOut]:
    """Each baseline's held-out agreement, on the rankings and folds of one person's plan.

    Args:
        plan: of the personal fit, as :meth:`clpips.metric.clpips.CLPIPS.plan` returns it.
        names: which baselines; ``pooled`` is left out where nobody else took part.
        watch: progress and cancel.

    Returns:
        by name; "personal" in it is the baseline, "stock" is stock, the gain is between them.

    Raises:
        UndefinedStatistic: rankings of fewer than two targets.
        InputError: another name.
        Cancelled: the watch asked to stop.
    """
    check_targets(plan.fit)
    for name in names:
        _check(name)
    fit, everyone = plan.fit, plan.everyone
    there = [name for name in names if name != "pooled" or everyone is not None]
    watch, found = watch or Watch(), dict[str, HeldOut]()
    for number, name in enumerate(there):
        part = watch.part(number / len(there), 1 / len(there))
        folds = _folds(name, fit, everyone, plan.choice, part)
        found[name] = held_out_of(fit, folds, seed=fit.settings.seed)
    return found


def fit_baseline(
    name: Baseline,
    observations: Sequence[Observation],
    space: Space | str,
    everyone: Everyone | None = None,
    watch: Watch | None = None,
) -> Vectors:
    """A baseline learnt from all rankings: (channels,) weights ≥ 0.

    Args:
        name: which.
        observations: of one person, or of several.
        space: their feature space.
        everyone: all participants' rankings; ``pooled`` needs them.
        watch: progress and cancel.

    Raises:
        InputError: another name, ``pooled`` without others, or no ranking makes a comparison.
        Cancelled: the watch asked to stop.
    """
    _check(name)
    fit = RankingFit(observations, space, SETTINGS[name])
    return _learnt(name, fit, everyone, watch or Watch())[0]


def baseline_and_hold_out(
    name: Baseline,
    observations: Sequence[Observation],
    backbone: Backbone,
    everyone: Everyone | None = None,
    watch: Watch | None = None,
) -> tuple[CLPIPS, HeldOut | None]:
    """:func:`fit_baseline` as a metric that can be saved, and its held-out agreement.

    The card of ``pooled`` names everybody, from whose rankings it was learnt. The agreement is
    ``None`` for rankings of a single target.
    """
    _check(name)
    watch, how = watch or Watch(), SETTINGS[name]
    metric = CLPIPS(
        backbone,
        granularity=how.granularity,
        margin=how.margin,
        shrinkage=how.shrinkage,
        start=how.start,
    )
    fit = metric.prepared(observations)
    metric.weights_, gap = _learnt(name, fit, everyone, watch.part(0.0, 0.5))
    whose = fit if name != "pooled" or everyone is None else everyone.fit
    metric.card_ = Card.of_fit(fit.space, whose, how, gap)
    if len(fit.targets) < 2:
        return metric, None
    # Nothing is left to choose: this only says which targets go together.
    choice = choose(fit, everyone, watch)
    folds = _folds(name, fit, everyone, choice, watch.part(0.5, 0.5))
    return metric, held_out_of(fit, folds, seed=how.seed)


def tilted(space: Space, theta: float) -> Vectors:
    """Stock weights, each layer's times exp(θ·x), x rising evenly from −½ to ½ over the layers.

    θ = 0 is stock; a positive θ makes late layers count more. A space of one layer has no tilt.
    """
    weights: Vectors = space.stock * np.exp(theta * _places(space))[space.block_of]
    return weights


def best_tilts(fit: RankingFit, left_out: Sequence[frozenset[str]], watch: Watch) -> list[float]:
    """The tilt with the least mean margin ranking loss, without the rankings of some targets.

    The loss is taken with distances in units of their own mean gap, so that a tilt is not
    preferred for making all distances larger.

    Args:
        fit: the comparisons.
        left_out: sets of targets; one tilt is found for each.
        watch: progress and cancel.
    """
    rankings = [each.ranking for each in fit.observations]
    kept = np.array([[one.target not in each for each in left_out] for one in rankings])
    shares = fit.comparisons.shares(kept_weights(rankings, kept))
    starts = np.flatnonzero(np.diff(fit.space.block_of, prepend=-1))
    per_layer = np.add.reduceat(fit.table * fit.stock, starts, axis=1)[fit.rows] * fit.unit
    gaps = fit.comparisons.gaps(per_layer)
    coarse = np.arange(-STEEPEST, STEEPEST + COARSE / 2, COARSE)
    tilts = []
    for number, own in enumerate(kept.T):
        watch.report(number / len(left_out), "Tilting the layers")
        there = own[fit.owner]
        near = _least(coarse, gaps[there], shares[there, number], fit.space)
        fine = np.clip(near + np.arange(-COARSE, COARSE + FINE / 2, FINE), -STEEPEST, STEEPEST)
        tilts.append(_least(fine, gaps[there], shares[there, number], fit.space))
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
    name: Baseline, fit: RankingFit, everyone: Everyone | None, watch: Watch
) -> tuple[Vectors, float]:
    """Weights from all rankings, and their duality gap."""
    if name == "tilt":
        return tilted(fit.space, best_tilts(fit, [frozenset()], watch)[0]), 0.0
    if name == "pooled":
        if everyone is None:
            raise InputError("the baseline 'pooled' needs the rankings of several participants")
        fit = everyone.fit
    solution = fit.solve([frozenset()], SETTINGS[name], check=_telling(name, watch))
    return fit.channel_weights(solution)[:, 0], float(solution.gap[0])


def _folds(
    name: Baseline, fit: RankingFit, everyone: Everyone | None, choice: Choice, watch: Watch
) -> Vectors:
    """(channels, targets) a baseline's weights, learnt with each target left out."""
    left_out = [frozenset([target]) for target in fit.targets]
    if name == "pooled":
        assert everyone is not None
        # As under a personal metric: without anybody's rankings of the target's whole group.
        groups = [choice.group_with(target) for target in fit.targets]
        return everyone.weights(groups, watch)
    if name == "tilt":
        tilts = best_tilts(fit, left_out, watch)
        return np.stack([tilted(fit.space, theta) for theta in tilts], axis=1)
    solution = fit.solve(
        left_out,
        SETTINGS[name],
        tolerance=HELD_OUT_TOLERANCE,
        check=_telling(name, watch),
    )
    return fit.channel_weights(solution)


def _telling(name: Baseline, watch: Watch) -> Callable[[float], None]:
    return lambda share: watch.report(share, f"Fitting the baseline {name}")


def _check(name: str) -> None:
    if name not in BASELINES:
        raise InputError(f"a baseline must be one of {BASELINES}, got {name!r}")
