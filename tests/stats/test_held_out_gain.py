"""The p of a held-out gain, against SciPy's tests and with gains that share rankings."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from clpips.errors import InputError, UndefinedStatistic
from clpips.stats.held_out_gain import DEPENDENCE, held_out_gain_p
from clpips.stats.permutation import gain_p

ALPHA = 0.05 / 8


def test_it_is_students_t_with_a_larger_error() -> None:
    """Against SciPy: dividing t is what multiplying its error does; many targets, one gain each."""
    gains = np.random.default_rng(3).normal(0.1, 0.2, size=20)
    t = stats.ttest_1samp(gains, 0).statistic / DEPENDENCE
    found = held_out_gain_p([[gain] for gain in gains], seed=0)
    assert found == pytest.approx(stats.t.sf(t, 19))
    assert found > gain_p([[gain] for gain in gains], seed=0).p


def test_few_targets_cannot_go_below_the_smallest_p_of_sign_flips() -> None:
    gains = [[0.2], [0.21], [0.19], [0.2], [0.22]]
    assert stats.ttest_1samp(np.ravel(gains), 0, alternative="greater").pvalue < 1e-4
    assert held_out_gain_p(gains, seed=0) == 0.5**5


def test_rankings_of_one_target_are_one_cluster() -> None:
    """Rounds that repeat what the target has shown prove no more than one round."""
    gains = np.random.default_rng(5).normal(0.1, 0.2, size=16)
    once = held_out_gain_p([[gain] for gain in gains], seed=0)
    assert held_out_gain_p([[gain] * 5 for gain in gains], seed=0) == pytest.approx(once)


def test_it_holds_its_level_far_out_where_folds_share_rankings() -> None:
    """Gains whose t is too large by a fifth, as that of leave-one-target-out folds is."""
    generator = np.random.default_rng(1)
    shared = generator.normal(size=(20_000, 1)) * 0.13
    gains = shared + generator.normal(size=(20_000, 16))
    t = gains.mean(1) / gains.std(1, ddof=1) * 4
    assert 1.1 < t.std() < 1.3
    far = gains[t > 2]
    found = [held_out_gain_p(list(own[:, None]), seed=0) for own in far[:1200]]
    rate = np.mean(np.array(found) <= ALPHA) * len(far) / len(gains)
    assert rate <= ALPHA < np.mean(stats.t.sf(t, 15) <= ALPHA)


@pytest.mark.parametrize("gains", [[[0.2]], [[0.1]] * 3, [[0.0]] * 12])
def test_without_a_spread_it_is_the_sign_flips_p(gains: list[list[float]]) -> None:
    assert held_out_gain_p(gains, seed=0) == gain_p(gains, seed=0).p


def test_no_gains_and_no_numbers_are_refused() -> None:
    with pytest.raises(UndefinedStatistic):
        held_out_gain_p([[], []], seed=0)
    with pytest.raises(InputError, match="finite"):
        held_out_gain_p([[0.1], [float("nan")]], seed=0)
