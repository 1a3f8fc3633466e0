"""Pearson's correlation and its mean on Fisher's scale."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from clpips.errors import InputError, UndefinedStatistic
from clpips.stats.pearson import fisher_mean, pearson


def test_it_is_scipys_over_complete_pairs() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 50))
    expected = stats.pearsonr(x, y).statistic
    with_gaps = np.append(x, [np.nan, 1, np.inf]), np.append(y, [0, np.nan, 3])
    assert pearson(*with_gaps) == pytest.approx(expected, abs=1e-12)
    assert pearson(1e-200 * x, y) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("x", "y"), [([1, 2], [3, 3]), ([1, np.nan], [1, 2]), ([], [])])
def test_constants_and_single_pairs_have_none(x: list[float], y: list[float]) -> None:
    with pytest.raises(UndefinedStatistic):
        pearson(x, y)


def test_means_are_clipped_and_lie_above_the_plain_mean() -> None:
    assert fisher_mean([1.0, 1.0]) == pytest.approx(0.999)
    assert fisher_mean([0.1, 0.9]) > 0.5
    with pytest.raises(UndefinedStatistic):
        fisher_mean([])
    with pytest.raises(InputError):
        fisher_mean([float("nan")])


def test_lists_must_have_one_length() -> None:
    with pytest.raises(InputError, match="one length"):
        pearson([1, 2], [1, 2, 3])
