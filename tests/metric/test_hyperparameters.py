"""The selection of settings is nested: what scores a target was selected without the target."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from little import BLOCK, SPACE, STOCK, changed, exactly, person

from clpips.errors import Cancelled
from clpips.metric.fit import FittedWeights, fit_weights
from clpips.metric.hyperparameters import (
    GROUPS,
    MIN_GROUPS,
    HyperParameters,
    _best,
    grid_of,
    grouped,
    select_hyperparameters,
)
from clpips.metric.observations import Observation
from clpips.metric.pooled import PooledPrior
from clpips.metric.ranking_problem import RankingProblem
from clpips.metric.settings import FitSettings
from clpips.progress import Watch

__all__ = ["exactly"]  # the fixture

LAYER = np.where(BLOCK == 1, 3 * STOCK, 0.02 * STOCK)
ONE = np.where(np.arange(12) == 6, 1.0, 0.01)
"""Everything on a single channel: little pull is best for this person."""
SEEDS = range(4)


def someone(seed: int, targets: int = 8, noise: float = 0.3) -> list[Observation]:
    truth = ONE if seed % 2 else LAYER
    return person("ada", truth, seed=seed, targets=targets, noise=noise)


def others(seed: int) -> list[Observation]:
    return [
        *person("bo", LAYER, seed=100 + seed, noise=0.3),
        *person("cy", STOCK, seed=200 + seed, noise=0.3),
    ]


def fitted(
    own: list[Observation],
    rest: list[Observation] | None = None,
    how: FitSettings = FitSettings(),  # noqa: B008 - frozen
) -> FittedWeights:
    prior = None if rest is None else PooledPrior([*own, *rest], SPACE)
    return fit_weights(own, SPACE, how, prior=prior)


# --- the selection is nested ------------------------------------------------------------------


@pytest.mark.usefixtures("exactly")
@pytest.mark.parametrize("seed", SEEDS)
def test_settings_that_score_a_group_are_selected_without_its_rankings(seed) -> None:
    own = someone(seed)
    groups = grouped([f"t{n}" for n in range(8)])
    before = fitted(own).hyperparameters
    for group in (0, 3, 5):
        members = [target for target, its in groups.items() if its == group]
        after = fitted(changed(own, *members)).hyperparameters
        assert after.of_group[group] == before.of_group[group]


@pytest.mark.usefixtures("exactly")
def test_with_a_prior_nobodys_rankings_of_a_group_select_its_settings() -> None:
    own, rest = someone(1), others(1)
    before = fitted(own, rest)
    for target in ("t0", "t3"):
        members = before.hyperparameters.group_with(target)
        after = fitted(changed(own, *members), changed(rest, *members))
        assert after.hyperparameters.for_target(target) == before.hyperparameters.for_target(target)
        pooled = [each.pooled_without_each_target(Watch()) for each in (before, after)]
        number = before.problem.targets.index(target)
        np.testing.assert_allclose(
            pooled[0][:, number], pooled[1][:, number], rtol=0.02, atol=0.005
        )


def test_those_settings_do_depend_on_the_other_groups() -> None:
    """So the tests above are not passed by selecting nothing."""
    selected = {fitted(someone(seed)).hyperparameters.of_group for seed in SEEDS}
    assert len({settings for each in selected for settings in each}) >= 3
    turned = 0
    for seed in SEEDS:
        own = someone(seed)
        before = fitted(own).hyperparameters.of_group[0]
        turned += before != fitted(changed(own, "t1", "t2", "t3", "t7")).hyperparameters.of_group[0]
    assert turned >= 1


@pytest.mark.usefixtures("exactly")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_targets_own_rankings_do_not_change_the_weights_that_score_it(seed) -> None:
    own = someone(seed)
    before = fitted(own).without_each_target(Watch())
    for number in (0, 5):
        after = fitted(changed(own, f"t{number}")).without_each_target(Watch())
        np.testing.assert_allclose(after[:, number], before[:, number], rtol=0.02, atol=0.005)
        assert np.abs(after[:, number + 1] - before[:, number + 1]).max() > 0.05


@pytest.mark.usefixtures("exactly")
def test_with_a_prior_nobodys_rankings_of_a_target_change_the_weights_that_score_it() -> None:
    how = FitSettings("channel", 1.0, 0.5, "pooled")
    own, rest = someone(2), others(2)
    before = fitted(own, rest, how).without_each_target(Watch())
    after = fitted(changed(own, "t4"), changed(rest, "t4"), how).without_each_target(Watch())
    np.testing.assert_allclose(after[:, 4], before[:, 4], rtol=0.02, atol=0.005)
    assert np.abs(after[:, 3] - before[:, 3]).max() > 0.05


@pytest.mark.usefixtures("exactly")
def test_more_rankings_of_a_target_do_not_change_the_weights_that_score_it() -> None:
    """Not only their order: how many there are, and the margin's unit, are its own affair."""
    own = someone(1)
    wide = Observation(replace(own[0].ranking, round="2"), 50 * own[0].vectors[::-1])
    before, after = (
        fitted(own).without_each_target(Watch()),
        fitted([*own, wide]).without_each_target(Watch()),
    )
    np.testing.assert_allclose(after[:, 0], before[:, 0], rtol=0.02, atol=0.005)


def repeated(own: list[Observation], *, steady: bool) -> list[Observation]:
    """The first target's board once more, in the same order or the other way round."""
    again = own[:1] if steady else changed(own[:1], "t0")
    return [*own, *(Observation(replace(one.ranking, round="2"), one.vectors) for one in again)]


@pytest.mark.usefixtures("exactly")
def test_how_repeatable_a_target_was_does_not_change_the_weights_that_score_it() -> None:
    own = someone(1)
    before = fitted(repeated(own, steady=True)).without_each_target(Watch())
    after = fitted(repeated(own, steady=False)).without_each_target(Watch())
    np.testing.assert_allclose(after[:, 0], before[:, 0], rtol=0.02, atol=0.005)
    assert np.abs(after[:, 1] - before[:, 1]).max() > 0.05


@pytest.mark.usefixtures("exactly")
def test_how_sure_a_person_was_of_a_target_does_not_change_the_weights_that_score_it() -> None:
    own = [replaced(one, confidence=0.1 + 0.1 * n) for n, one in enumerate(someone(1))]
    before = fitted(own).without_each_target(Watch())
    after = fitted([replaced(own[0], confidence=1.0), *own[1:]]).without_each_target(Watch())
    np.testing.assert_allclose(after[:, 0], before[:, 0], rtol=0.02, atol=0.005)


def replaced(one: Observation, confidence: float) -> Observation:
    return Observation(replace(one.ranking, confidence=confidence), one.vectors)


# --- the rule ------------------------------------------------------------------------------

DEFAULT = np.array([0.2, 0.3, 0.1, 0.4, 0.25, 0.35])


def test_a_lead_of_less_than_a_standard_error_keeps_the_default() -> None:
    lead = np.array([0.3, -0.25, 0.2, -0.15, 0.1, -0.1])
    error = lead.std(ddof=1) / np.sqrt(6)
    assert 0 < lead.mean() < error
    assert _best([DEFAULT, DEFAULT + lead]) == 0
    assert _best([DEFAULT, DEFAULT + lead + 0.98 * (error - lead.mean())]) == 0
    assert _best([DEFAULT, DEFAULT + lead + 1.02 * (error - lead.mean())]) == 1


def test_among_settings_that_lead_enough_the_largest_lead_wins() -> None:
    wild = DEFAULT + np.array([2.0, -1.0, 1.5, -1.5, 1.2, -1.0])
    assert wild.mean() > (DEFAULT + 0.1).mean()
    assert _best([DEFAULT, wild, DEFAULT + 0.05, DEFAULT + 0.1]) == 3
    assert _best([DEFAULT, DEFAULT - 0.1, DEFAULT]) == 0


def test_a_group_without_a_score_is_left_out_and_with_too_few_the_default_stays() -> None:
    lead = DEFAULT + 0.1
    for missing in (1, 3):
        default, better = DEFAULT.copy(), lead.copy()
        default[:missing] = better[:missing] = np.nan
        assert _best([default, better]) == 1
    default[:4] = lead[:4] = np.nan
    assert _best([default, lead]) == 0


# --- the grid and the groups ---------------------------------------------------------------


def test_the_default_comes_first_and_what_was_given_stays() -> None:
    for has_others in (False, True):
        grid = grid_of(FitSettings(), has_others=has_others)
        assert grid[0] == FitSettings().filled(start="pooled" if has_others else "stock")
        assert len(set(grid)) == len(grid) == (8 if has_others else 7)
        # One thing at a time differs from the default.
        names = ("granularity", "margin", "shrinkage", "start")
        for each in grid[1:]:
            assert sum(getattr(each, n) != getattr(grid[0], n) for n in names) == 1
    given = grid_of(FitSettings("layer", 0.7), has_others=True)
    assert {(each.granularity, each.margin) for each in given} == {("layer", 0.7)}
    assert len(grid_of(FitSettings("layer", 1.0, 0.1, "stock"), has_others=True)) == 1


def test_groups_are_of_about_one_size_and_the_same_for_everybody() -> None:
    for count in (1, 3, 6, 7, 20):
        groups = grouped([f"t{n}" for n in range(count)])
        sizes = np.bincount(list(groups.values()))
        assert len(sizes) == min(GROUPS, count)
        assert np.ptp(sizes) <= 1
    of_all = [f"t{n}" for n in range(12)]
    assert grouped(of_all[::-1], of_all) == grouped(of_all)


@pytest.mark.parametrize("targets", [2, MIN_GROUPS - 1])
def test_with_fewer_than_four_groups_nothing_is_fitted_and_the_default_is_taken(
    targets: int, monkeypatch
) -> None:
    problem = RankingProblem.of(someone(1, targets=targets), SPACE)

    def solve(*_: object, **__: object) -> None:
        raise AssertionError("something was fitted")

    monkeypatch.setattr(RankingProblem, "solve", solve)
    found = select_hyperparameters(problem, FitSettings(), None, Watch())
    assert found.settings == FitSettings().filled()
    assert {found.for_target(target) for target in problem.targets} == {found.settings}
    assert found.scores == ()


def test_with_four_groups_settings_are_selected() -> None:
    problem = RankingProblem.of(someone(1, targets=MIN_GROUPS), SPACE)
    found = select_hyperparameters(problem, FitSettings(), None, Watch())
    assert len(found.scores) == len(found.grid) > 1


def test_a_group_holds_its_target_and_no_other_groups() -> None:
    settings = FitSettings().filled()
    found = HyperParameters(settings, (settings,) * 2, {"a": 0, "b": 1, "c": 0}, (settings,))
    assert found.group_with("c") == {"a", "c"}
    assert found.group_with("b") == {"b"}


def test_the_selection_can_be_cancelled() -> None:
    problem, watch = RankingProblem.of(someone(1), SPACE), Watch(cancelled=lambda: True)
    with pytest.raises(Cancelled):
        select_hyperparameters(problem, FitSettings(), None, watch)
