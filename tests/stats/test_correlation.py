"""Rank correlations of one ranking against scipy and against counting pairs, and in batches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from clpips.errors import InputError, UndefinedStatistic
from clpips.stats.correlation import (
    LONG,
    kendall,
    on_ranking,
    on_rankings,
    pairwise_accuracy,
    spearman,
    within_ranks,
)

RANKS = [1, 2, 3, 4, 5, 6]


def lists_of(n: int) -> st.SearchStrategy[tuple[list[int], list[int]]]:
    """Two lists of n numbers, with many ties."""
    numbers = st.lists(st.integers(1, 6), min_size=n, max_size=n)
    return st.tuples(numbers, numbers)


pairs = st.integers(3, 12).flatmap(lists_of)


def test_identical_orders_agree_perfectly() -> None:
    assert spearman(RANKS, RANKS) == kendall(RANKS, RANKS) == 1
    assert pairwise_accuracy(RANKS, RANKS) == 1


def test_reversing_a_ranking_negates_spearman() -> None:
    distances = [0.3, 0.1, 0.5, 0.2, 0.9, 0.4]
    backwards = [7 - rank for rank in RANKS]
    assert spearman(backwards, distances) == pytest.approx(-spearman(RANKS, distances))
    assert spearman(RANKS, RANKS[::-1]) == kendall(RANKS, RANKS[::-1]) == -1
    assert pairwise_accuracy(RANKS, RANKS[::-1]) == 0


@settings(deadline=None)
@given(pairs)
def test_spearman_equals_pearson_on_mean_ranks(pair: tuple[list[int], list[int]]) -> None:
    x, y = pair
    if len(set(x)) == 1 or len(set(y)) == 1:
        with pytest.raises(UndefinedStatistic):
            spearman(x, y)
        return
    by_hand = np.corrcoef(stats.rankdata(x), stats.rankdata(y))[0, 1]
    assert spearman(x, y) == pytest.approx(by_hand, abs=1e-12)


@settings(deadline=None)
@given(pairs)
def test_kendall_and_accuracy_equal_counting_pairs(pair: tuple[list[int], list[int]]) -> None:
    x, y = pair
    if len(set(x)) == 1 or len(set(y)) == 1:
        return
    signs = [
        (np.sign(x[j] - x[i]), np.sign(y[j] - y[i]))
        for i in range(len(x))
        for j in range(i + 1, len(x))
    ]
    total = sum(a * b for a, b in signs)
    in_x, in_y = sum(a != 0 for a, _ in signs), sum(b != 0 for _, b in signs)
    assert kendall(x, y) == pytest.approx(total / np.sqrt(in_x * in_y), abs=1e-12)
    right = sum(1.0 if a == b else 0.5 if b == 0 else 0.0 for a, b in signs if a != 0)
    assert pairwise_accuracy(x, y) == pytest.approx(right / in_x)


@settings(deadline=None)
@example([([1, 3, 2, 2], [2, 2, 3, 1])])
@given(st.lists(st.integers(1, 12).flatmap(lists_of), max_size=12))
def test_a_batch_equals_scipy_one_by_one(ratings: list[tuple[list[int], list[int]]]) -> None:
    found, reasons = on_rankings(ratings)
    assert sum(reasons.values()) == found.count(None)
    for (x, y), one in zip(ratings, found, strict=True):
        if len(x) < 3 or len(set(x)) == 1 or len(set(y)) == 1:
            assert one is None
            continue
        assert one is not None
        assert one.spearman == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
        assert one.kendall == pytest.approx(stats.kendalltau(x, y).statistic, abs=1e-12)
        # Somers' D is the share right less the share wrong. SciPy's p-value, unused, may be 0/0.
        with np.errstate(invalid="ignore"):
            somers = stats.somersd(x, y).statistic
        assert one.pairwise_accuracy == pytest.approx((1 + somers) / 2)


def test_a_batch_gives_short_and_long_rankings_in_their_own_places() -> None:
    rng = np.random.default_rng(1)
    lengths = [3, LONG + 50, 8, 3, 2, LONG]
    ratings = [(rng.integers(1, 5, n), rng.normal(size=n)) for n in lengths]
    found, reasons = on_rankings(ratings)
    for pair, one in zip(ratings, found, strict=True):
        if one is not None:
            alone = on_ranking(*pair)
            assert one.spearman == pytest.approx(alone.spearman, abs=1e-12)
            assert one.kendall == pytest.approx(alone.kendall, abs=1e-12)
            assert one.pairwise_accuracy == pytest.approx(alone.pairwise_accuracy, abs=1e-12)
    assert found[4] is None
    assert reasons["fewer than 3 images"] == 1


def test_a_batch_gives_exactly_one_for_perfect_orders() -> None:
    for n in range(3, 40):
        (same, backwards), _ = on_rankings([(range(n), range(n)), (range(n), range(n)[::-1])])
        assert same is not None
        assert backwards is not None
        assert (same.spearman, same.kendall, same.pairwise_accuracy) == (1, 1, 1)
        assert (backwards.spearman, backwards.kendall, backwards.pairwise_accuracy) == (-1, -1, 0)


@given(st.lists(st.sampled_from([0.0, 1.5, -2.0, 1e300, 1e-300]), min_size=1, max_size=20))
def test_within_ranks_equal_scipys(values: list[float]) -> None:
    assert within_ranks(values).tolist() == stats.rankdata(values).tolist()
    assert within_ranks(values * LONG).tolist() == stats.rankdata(values * LONG).tolist()


def test_undefined_is_said_and_never_zero() -> None:
    for statistic in (spearman, kendall, on_ranking):
        with pytest.raises(UndefinedStatistic, match="all distances are equal"):
            statistic(RANKS, [0.5] * 6)
        with pytest.raises(UndefinedStatistic, match="all ranks are equal"):
            statistic([1] * 6, RANKS)
    with pytest.raises(UndefinedStatistic):
        pairwise_accuracy([1, 1, 1], [1, 2, 3])
    with pytest.raises(UndefinedStatistic, match="fewer than 3 images"):
        on_ranking([1, 2], [0.1, 0.2])


def test_numbers_that_are_none_are_refused() -> None:
    for statistic in (spearman, lambda x, y: on_rankings([(x, y)])):
        with pytest.raises(InputError, match="one length"):
            statistic([1, 2, 3], [1, 2])
        with pytest.raises(InputError, match="finite"):
            statistic([1, 2, 3], [1, 2, float("nan")])
