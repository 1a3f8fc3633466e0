"""The choice of settings is nested: what a target is scored by has never seen the target."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from little import BLOCK, SPACE, STOCK, changed, exactly, person

from clpips.errors import Cancelled
from clpips.metric.fit import FitSettings, RankingFit
from clpips.metric.hyperparameters import (
    GROUPS,
    MIN_GROUPS,
    Choice,
    Plan,
    _best,
    choose,
    grid_of,
    grouped,
    plan_of,
)
from clpips.metric.observations import Observation
from clpips.metric.pooled import Everyone
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


def planned(
    own: list[Observation],
    rest: list[Observation] | None = None,
    how: FitSettings = FitSettings(),  # noqa: B008 - frozen
) -> Plan:
    everyone = None if rest is None else Everyone([*own, *rest], SPACE)
    return plan_of(RankingFit(own, SPACE, how), everyone, Watch())


# --- the choice is nested ------------------------------------------------------------------


@pytest.mark.usefixtures("exactly")
@pytest.mark.parametrize("seed", SEEDS)
def test_the_rankings_of_a_group_do_not_choose_the_settings_it_is_scored_under(seed) -> None:
    own = someone(seed)
    groups = grouped([f"t{n}" for n in range(8)])
    before = planned(own).choice
    for group in (0, 3, 5):
        members = [target for target, its in groups.items() if its == group]
        after = planned(changed(own, *members)).choice
        assert after.of_group[group] == before.of_group[group]


@pytest.mark.usefixtures("exactly")
def test_with_others_too_nobodys_rankings_of_a_group_choose_its_settings() -> None:
    own, rest = someone(1), others(1)
    before = planned(own, rest)
    for target in ("t0", "t3"):
        members = before.choice.group_with(target)
        after = planned(changed(own, *members), changed(rest, *members))
        assert after.choice.for_target(target) == before.choice.for_target(target)
        pooled = [each.pooled_folds(Watch()) for each in (before, after)]
        number = before.fit.targets.index(target)
        np.testing.assert_allclose(
            pooled[0][:, number], pooled[1][:, number], rtol=0.02, atol=0.005
        )


def test_those_settings_do_depend_on_the_other_groups() -> None:
    """So the tests above are not passed by choosing nothing."""
    chosen = {planned(someone(seed)).choice.of_group for seed in SEEDS}
    assert len({settings for each in chosen for settings in each}) >= 3
    turned = 0
    for seed in SEEDS:
        own = someone(seed)
        before = planned(own).choice.of_group[0]
        turned += before != planned(changed(own, "t1", "t2", "t3", "t7")).choice.of_group[0]
    assert turned >= 1


@pytest.mark.usefixtures("exactly")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_targets_own_rankings_do_not_change_the_weights_that_score_it(seed) -> None:
    own = someone(seed)
    before = planned(own).folds(Watch())
    for number in (0, 5):
        after = planned(changed(own, f"t{number}")).folds(Watch())
        np.testing.assert_allclose(after[:, number], before[:, number], rtol=0.02, atol=0.005)
        assert np.abs(after[:, number + 1] - before[:, number + 1]).max() > 0.05


@pytest.mark.usefixtures("exactly")
def test_with_others_too_nobodys_rankings_of_a_target_change_the_weights_that_score_it() -> None:
    how = FitSettings("channel", 1.0, 0.5, "everyone")
    own, rest = someone(2), others(2)
    before = planned(own, rest, how).folds(Watch())
    after = planned(changed(own, "t4"), changed(rest, "t4"), how).folds(Watch())
    np.testing.assert_allclose(after[:, 4], before[:, 4], rtol=0.02, atol=0.005)
    assert np.abs(after[:, 3] - before[:, 3]).max() > 0.05


@pytest.mark.usefixtures("exactly")
def test_more_rankings_of_a_target_do_not_change_the_weights_that_score_it() -> None:
    """Not only their order: how many there are, and the margin's unit, are its own affair."""
    own = someone(1)
    wide = Observation(replace(own[0].ranking, round="2"), 50 * own[0].vectors[::-1])
    before, after = planned(own).folds(Watch()), planned([*own, wide]).folds(Watch())
    np.testing.assert_allclose(after[:, 0], before[:, 0], rtol=0.02, atol=0.005)


def repeated(own: list[Observation], *, steady: bool) -> list[Observation]:
    """The first target's board once more, in the same order or the other way round."""
    again = own[:1] if steady else changed(own[:1], "t0")
    return [*own, *(Observation(replace(one.ranking, round="2"), one.vectors) for one in again)]


@pytest.mark.usefixtures("exactly")
def test_how_repeatable_a_target_was_does_not_change_the_weights_that_score_it() -> None:
    own = someone(1)
    before = planned(repeated(own, steady=True)).folds(Watch())
    after = planned(repeated(own, steady=False)).folds(Watch())
    np.testing.assert_allclose(after[:, 0], before[:, 0], rtol=0.02, atol=0.005)
    assert np.abs(after[:, 1] - before[:, 1]).max() > 0.05


@pytest.mark.usefixtures("exactly")
def test_how_sure_a_person_was_of_a_target_does_not_change_the_weights_that_score_it() -> None:
    own = [replaced(one, confidence=0.1 + 0.1 * n) for n, one in enumerate(someone(1))]
    before = planned(own).folds(Watch())
    after = planned([replaced(own[0], confidence=1.0), *own[1:]]).folds(Watch())
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


def test_a_group_without_a_score_is_left_out_and_too_few_are_no_choice() -> None:
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
        assert grid[0] == FitSettings().filled(start="everyone" if has_others else "stock")
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
    everyone = [f"t{n}" for n in range(12)]
    assert grouped(everyone[::-1], everyone) == grouped(everyone)


@pytest.mark.parametrize("targets", [2, MIN_GROUPS - 1])
def test_with_fewer_than_four_groups_nothing_is_fitted_and_the_default_is_taken(
    targets: int, monkeypatch
) -> None:
    fit = RankingFit(someone(1, targets=targets), SPACE, FitSettings())

    def solve(*_: object, **__: object) -> None:
        raise AssertionError("something was fitted")

    monkeypatch.setattr(RankingFit, "solve", solve)
    choice = choose(fit, None, Watch())
    assert choice.settings == FitSettings().filled()
    assert {choice.for_target(target) for target in fit.targets} == {choice.settings}
    assert choice.scores == ()


def test_with_four_groups_there_is_a_choice() -> None:
    choice = choose(RankingFit(someone(1, targets=MIN_GROUPS), SPACE, FitSettings()), None, Watch())
    assert len(choice.scores) == len(choice.grid) > 1


def test_a_group_holds_its_target_and_no_other_groups() -> None:
    settings = FitSettings().filled()
    choice = Choice(settings, (settings,) * 2, {"a": 0, "b": 1, "c": 0}, (settings,))
    assert choice.group_with("c") == {"a", "c"}
    assert choice.group_with("b") == {"b"}


def test_a_choice_can_be_stopped() -> None:
    with pytest.raises(Cancelled):
        choose(RankingFit(someone(1), SPACE, FitSettings()), None, Watch(cancelled=lambda: True))
