"""Baselines: learnt and scored like a personal metric, each by its own oracle."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from little import BLOCK, CHANNELS, SPACE, STOCK, changed, exactly, person
from scipy import optimize

from clpips.errors import Cancelled, InputError, UndefinedStatistic
from clpips.evaluation.baselines import (
    BASELINES,
    LEAST_PULL,
    STEEPEST,
    best_tilts,
    fit_and_hold_out_baseline,
    fit_baseline,
    hold_out_baselines,
    tilted,
)
from clpips.evaluation.held_out import HeldOut, held_out_agreement
from clpips.features.base import Block, Space
from clpips.metric.fit import FittedWeights, fit_weights
from clpips.metric.observations import Observation
from clpips.metric.pooled import PooledPrior
from clpips.metric.ranking_problem import RankingProblem
from clpips.metric.settings import CHANNEL_SPREAD, FitSettings
from clpips.progress import Watch

__all__ = ["exactly"]  # the fixture

LAYER = np.where(BLOCK == 1, 3 * STOCK, 0.02 * STOCK)
LATE = STOCK * np.exp(2.5 * np.array([-0.5, 0.0, 0.5]))[BLOCK]
ALL = [frozenset[str]()]


def own(truth: np.ndarray = LAYER, **how) -> list[Observation]:
    return person("ada", truth, **{"seed": 1, "noise": 0.3, **how})


def rest() -> list[Observation]:
    return [*person("bo", LATE, seed=2, noise=0.2), *person("cy", LATE, seed=3, noise=0.2)]


def fitted(
    observations: list[Observation], others: list[Observation] | None = None
) -> FittedWeights:
    prior = None if others is None else PooledPrior([*observations, *others], SPACE)
    return fit_weights(observations, SPACE, FitSettings(), prior=prior)


def problem_of(observations: list[Observation]) -> RankingProblem:
    return RankingProblem.of(observations, SPACE)


@pytest.fixture(scope="module")
def personal() -> FittedWeights:
    return fitted(own(), rest())


def report_of(personal: FittedWeights) -> HeldOut:
    return held_out_agreement(
        personal.problem,
        personal.without_each_target(Watch()),
        personal.pooled_without_each_target(Watch()),
    )


# --- held out --------------------------------------------------------------------------


def test_all_are_scored_on_the_rankings_of_the_personal_metric(personal: FittedWeights) -> None:
    found = hold_out_baselines(personal)
    report = report_of(personal)
    assert tuple(found) == BASELINES
    for one in found.values():
        assert one.stock == report.stock
        assert one.n_targets == report.n_targets
        assert [each.target for each in one.targets] == [each.target for each in report.targets]
        assert one.gain == pytest.approx(one.personal.spearman - report.stock.spearman)
        assert one.p is not None
    assert len({one.personal.per_ranking for one in found.values()}) == len(BASELINES)


def test_pooled_is_the_pooled_metric_of_the_report(personal: FittedWeights) -> None:
    report = report_of(personal)
    assert hold_out_baselines(personal, ["pooled"])["pooled"].personal == report.pooled


def test_without_others_there_is_no_pooled_baseline() -> None:
    assert tuple(hold_out_baselines(fitted(own(targets=3)))) == ("unregularised", "layer", "tilt")


def test_only_what_is_named_is_fitted(personal: FittedWeights, monkeypatch) -> None:
    monkeypatch.setattr(RankingProblem, "solve", None)
    assert tuple(hold_out_baselines(personal, ["tilt"])) == ("tilt",)


@pytest.mark.usefixtures("exactly")
@pytest.mark.parametrize("name", BASELINES)
def test_the_weights_that_score_a_target_have_not_seen_it(name) -> None:
    """Neither this person's rankings of it, nor anybody's."""
    before = hold_out_baselines(fitted(own(), rest()), [name])[name].folds
    others = changed(rest(), "t2")
    after = hold_out_baselines(fitted(changed(own(), "t2"), others), [name])[name].folds
    moved = np.abs(after - before).max(axis=0)
    assert moved[2] < 0.01
    assert np.median(np.delete(moved, 2)) > 0.05


@pytest.mark.parametrize("name", ["unregularised", "layer", "tilt"])
def test_they_are_the_weights_of_the_other_rankings(name, personal: FittedWeights) -> None:
    """Left out of a fold is the same as never having been asked, to the solver's tolerance."""
    fold = hold_out_baselines(personal, [name])[name].folds[:, 2]
    alone = fit_baseline(name, [one for one in own() if one.ranking.target != "t2"], SPACE)
    everything = fit_baseline(name, own(), SPACE)
    assert np.abs(fold - alone).max() < np.abs(fold - everything).max() / 4


def test_one_target_cannot_be_left_out() -> None:
    with pytest.raises(UndefinedStatistic, match="at least two targets"):
        hold_out_baselines(fitted(own(targets=1)))


def test_another_name_is_refused(personal: FittedWeights) -> None:
    with pytest.raises(InputError, match=r"one of .*'tilt'.*got 'deep'"):
        hold_out_baselines(personal, ["deep"])
    with pytest.raises(InputError, match="got 'deep'"):
        fit_baseline("deep", own(), SPACE)


def test_progress_rises_to_the_end_and_can_be_stopped(personal: FittedWeights) -> None:
    told: list[float] = []
    hold_out_baselines(personal, watch=Watch(lambda share, words: told.append(share)))
    assert all(one <= other for one, other in pairwise(told))
    assert 0 <= told[0] < 0.3 < 0.7 < told[-1] <= 1
    with pytest.raises(Cancelled):
        hold_out_baselines(personal, watch=Watch(cancelled=lambda: True))


# --- unregularised -------------------------------------------------------------------------


def loss_of(problem: RankingProblem, weights: np.ndarray) -> float:
    gaps = problem.comparisons.gaps(problem.vectors @ weights) / problem.unit
    return float(problem.share @ np.maximum(1 - gaps, 0))


def test_no_weights_have_less_loss_than_the_unregularised_by_more_than_its_pull() -> None:
    """The oracle is a linear programme without any pull, solved by HiGHS."""
    fit = problem_of(own())
    ours = fit_baseline("unregularised", own(), SPACE)
    delta = fit.comparisons.matrix @ fit.vectors / fit.unit
    pairs, channels = delta.shape
    least = optimize.linprog(
        np.concatenate([np.zeros(channels), fit.share]),
        A_ub=np.hstack([-delta, -np.eye(pairs)]),
        b_ub=-np.ones(pairs),
        bounds=[(0, None)] * (channels + pairs),
    )
    means = np.array([STOCK[block == BLOCK].mean() for block in range(3)])[BLOCK]
    away = (least.x[:channels] - STOCK) / (CHANNEL_SPREAD * (STOCK + means))
    pulled = LEAST_PULL / 2 * (away**2).sum()
    assert ours.min() >= 0
    assert least.fun <= loss_of(fit, ours) <= (least.fun + pulled) * 1.002
    default = fit.channel_weights(fit.solve(ALL, FitSettings().filled()))[:, 0]
    assert loss_of(fit, ours) - least.fun < (loss_of(fit, default) - least.fun) / 2


def test_of_all_these_it_is_the_solution_with_the_least_pull(personal: FittedWeights) -> None:
    settings = FitSettings("channel", 1.0, LEAST_PULL, "stock")
    expected = problem_of(own()).solve(ALL, settings).weights[:, 0]
    np.testing.assert_array_equal(fit_baseline("unregularised", own(), SPACE), expected)
    assert FitSettings().filled().shrinkage >= 20 * LEAST_PULL


# --- layer ---------------------------------------------------------------------------------


def test_a_layer_baseline_scales_the_stock_weights_of_each_layer() -> None:
    folds = hold_out_baselines(fitted(own()), ["layer"])["layer"].folds
    for weights in (fit_baseline("layer", own(), SPACE), *folds.T):
        ratios = [weights[block == BLOCK] / STOCK[block == BLOCK] for block in range(3)]
        for ratio in ratios:
            np.testing.assert_allclose(ratio, ratio[0], rtol=1e-5)
        assert int(np.argmax([ratio[0] for ratio in ratios])) == 1


# --- tilt ----------------------------------------------------------------------------------


def test_a_tilt_of_nothing_is_stock_and_a_steep_one_favours_one_end() -> None:
    np.testing.assert_array_equal(tilted(SPACE, 0.0), STOCK)
    np.testing.assert_allclose(tilted(SPACE, 2.5), LATE)
    ratio = tilted(SPACE, -2.0) / STOCK
    np.testing.assert_allclose(ratio, np.exp([1.0, 0.0, -1.0])[BLOCK])


def test_a_planted_tilt_is_found() -> None:
    for theta in (-3.0, 0.0, 2.5):
        observations = own(tilted(SPACE, theta), targets=40, noise=0.0)
        (found,) = best_tilts(problem_of(observations), ALL, Watch())
        assert found == pytest.approx(theta, abs=1.0)
        np.testing.assert_allclose(fit_baseline("tilt", observations, SPACE), tilted(SPACE, found))


@pytest.mark.parametrize("seed", range(5))
def test_no_other_tilt_has_a_smaller_loss(seed: int) -> None:
    """The oracle goes through the comparisons one by one, on a fine grid."""
    observations = own(LATE, seed=seed, targets=4, noise=0.5)
    observations.append(
        Observation(
            replace(observations[0].ranking, target="x", ranks=(1, 1, 2, 3, 3, 3)),
            observations[0].vectors,
        )
    )

    def loss(theta: float) -> float:
        weights, terms, gaps = tilted(SPACE, theta), [], []
        for one in observations:
            place = dict(zip(one.ranking.images, one.vectors @ weights, strict=True))
            mine = [place[c.farther] - place[c.nearer] for c in one.ranking.comparisons()]
            terms.append(mine)
            gaps += mine
        unit = np.mean(np.abs(gaps))
        return float(np.mean([np.mean([max(0, 1 - g / unit) for g in mine]) for mine in terms]))

    (found,) = best_tilts(problem_of(observations), ALL, Watch())
    least = min(loss(theta) for theta in np.arange(-STEEPEST, STEEPEST + 0.01, 0.05))
    assert loss(found) <= least + 1e-3


def test_a_tilt_does_not_depend_on_the_scale_of_the_vectors() -> None:
    observations = own(LATE)
    scaled = [Observation(one.ranking, 1e-3 * one.vectors) for one in observations]
    left_out = [frozenset({f"t{n}"}) for n in range(8)]
    assert best_tilts(problem_of(scaled), left_out, Watch()) == pytest.approx(
        best_tilts(problem_of(observations), left_out, Watch())
    )


def test_where_nothing_can_be_told_the_tilt_is_none() -> None:
    fit = problem_of(own(targets=2))
    assert best_tilts(fit, [frozenset({"t0", "t1"})], Watch()) == [0.0]
    alike = [Observation(one.ranking, np.ones((6, 12))) for one in own()]
    with pytest.raises(InputError, match="every distance is equal"):
        fit_baseline("tilt", alike, SPACE)


def test_a_space_of_one_layer_has_no_tilt() -> None:
    space = Space("single", (Block("all", 12, ""),), STOCK)
    np.testing.assert_array_equal(fit_baseline("tilt", own(), space), STOCK)


# --- learnt from all rankings --------------------------------------------------------------


def test_the_pooled_baseline_is_the_prior_and_needs_others() -> None:
    prior = PooledPrior([*own(), *rest()], SPACE)
    found = fit_baseline("pooled", own(), SPACE, prior)
    np.testing.assert_allclose(found, prior.weights(ALL, Watch())[:, 0], rtol=0.05, atol=0.02)
    with pytest.raises(InputError, match="several participants"):
        fit_baseline("pooled", own(), SPACE)


def in_alex(name: str, *, seed: int) -> list[Observation]:
    rng = np.random.default_rng(seed)
    found = []
    for one in person(name, LAYER, seed=seed, targets=3, images=4):
        found.append(Observation(one.ranking, rng.random((4, 1152))))
    return found


@pytest.mark.parametrize("name", BASELINES)
def test_as_a_metric_it_has_the_same_weights_agreement_and_a_card(name, tmp_path) -> None:
    observations = in_alex("ada", seed=1)
    prior = PooledPrior([*observations, *in_alex("bo", seed=2)], "alex")
    metric, result = fit_and_hold_out_baseline(name, observations, "alex", prior)
    np.testing.assert_array_equal(metric.weights, fit_baseline(name, observations, "alex", prior))
    own_fit = fit_weights(observations, "alex", FitSettings(), prior=prior)
    assert result == hold_out_baselines(own_fit, [name])[name]
    metric.save(tmp_path / "ada.safetensors")
    read = type(metric).load(tmp_path / "ada.safetensors")
    np.testing.assert_array_equal(read.weights, metric.weights)
    assert read.card_.participants == (("ada", "bo") if name == "pooled" else ("ada",))
    assert read.card_.n_rankings == (6 if name == "pooled" else 3)
    assert read.card_.settings.granularity == ("layer" if name in ("layer", "tilt") else "channel")


def test_as_a_metric_of_one_target_it_has_no_agreement() -> None:
    metric, result = fit_and_hold_out_baseline("tilt", in_alex("ada", seed=1)[:1], "alex")
    assert result is None
    assert metric.is_fitted


def test_the_blocks_of_the_little_space_are_as_the_tests_think() -> None:
    assert SPACE.channels == CHANNELS
