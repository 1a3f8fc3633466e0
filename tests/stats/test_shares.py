"""Intervals of shares."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from clpips.errors import InputError
from clpips.stats.shares import share_interval, wilson_interval


@pytest.mark.parametrize(("wins", "trials"), [(0, 5), (3, 10), (10, 10), (499, 500)])
def test_wilson_is_scipys(wins: int, trials: int) -> None:
    expected = stats.binomtest(wins, trials).proportion_ci(method="wilson")
    assert wilson_interval(wins, trials) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_one_trial_per_unit_is_wilson() -> None:
    wins = np.array([1, 0, 1, 1])
    assert share_interval(wins, np.ones(4, int)) == wilson_interval(3, 4)


def test_trials_of_one_unit_count_together() -> None:
    wins, trials = np.array([6, 6, 6, 0, 0, 6]), np.full(6, 6)
    clustered = share_interval(wins, trials)
    assert clustered is not None
    low, high = wilson_interval(24, 36)
    assert clustered[0] < low
    assert clustered[1] > high


def test_units_without_trials_change_nothing() -> None:
    wins, trials = np.array([1, 2, 0]), np.array([2, 2, 0])
    assert share_interval(wins, trials) == share_interval(wins[:2], trials[:2])
    assert share_interval(wins[2:], trials[2:]) is None


def test_more_wins_than_trials_are_refused() -> None:
    with pytest.raises(InputError, match="at most as many wins"):
        wilson_interval(3, 2)


def test_clustered_intervals_cover_the_share() -> None:
    draw = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        chance = draw.beta(4, 1, size=40)
        wins = draw.binomial(6, chance)
        ends = share_interval(wins, np.full(40, 6), seed=seed, resamples=400)
        assert ends is not None
        covered += ends[0] <= 0.8 <= ends[1]
    assert covered >= 180
