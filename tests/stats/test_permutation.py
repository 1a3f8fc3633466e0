"""P-values against every order tried by hand, scipy, statsmodels, pingouin and printed tables."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pingouin
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from clpips.errors import InputError, UndefinedStatistic
from clpips.stats.permutation import LISTED, corrected, gain_p, permutation_p

# Darwin's maize, crossed less self-fertilised, in eighths of an inch. Fisher (1935), The Design
# of Experiments, section 21: 863 of the 2¹⁵ sign flips give 314 or more.
MAIZE = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]


@pytest.mark.parametrize(
    ("order", "one_tailed"),
    [  # exact one-tailed probabilities of Spearman's table, n = 4 and 5
        ([1, 2, 3, 4], 1 / 24),
        ([1, 2, 4, 3], 4 / 24),
        ([1, 2, 3, 4, 5], 1 / 120),
        ([1, 2, 3, 5, 4], 5 / 120),
        ([1, 3, 2, 5, 4], 8 / 120),
    ],
)
def test_one_ranking_gives_spearmans_printed_table(order: list[int], one_tailed: float) -> None:
    found = permutation_p([(sorted(order), order)], seed=0)
    assert found.exact
    assert found.p == pytest.approx(one_tailed)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 3), min_size=5, max_size=5), st.permutations([1.0, 2, 2, 4, 5]))
def test_one_ranking_with_ties_equals_scipy(x: list[int], y: list[float]) -> None:
    if len(set(x)) == 1:
        with pytest.raises(UndefinedStatistic):
            permutation_p([(x, y)], seed=0)
        return
    for alternative in ("greater", "two-sided"):
        theirs = stats.permutation_test(
            (x,),
            # Equal correlations can differ in their last digit, which SciPy would count.
            lambda order: round(stats.spearmanr(order, y).statistic, 12),
            permutation_type="pairings",
            alternative=alternative,
            n_resamples=math.inf,
        )
        ours = permutation_p([(x, y)], seed=0, alternative=alternative)
        assert ours.exact
        assert ours.p == pytest.approx(theirs.pvalue)
        assert ours.statistic == pytest.approx(theirs.statistic)


def test_several_rankings_equal_trying_every_joint_order() -> None:
    ratings = [([1, 2, 3, 4], [0.1, 0.3, 0.2, 0.4]), ([1, 1, 2], [0.3, 0.5, 0.5]), ([3, 1, 2],) * 2]
    by_hand = [
        np.mean(
            [stats.spearmanr(x, y).statistic for x, (_, y) in zip(orders, ratings, strict=True)]
        )
        for orders in itertools.product(*(itertools.permutations(x) for x, _ in ratings))
    ]
    observed = np.mean([stats.spearmanr(x, y).statistic for x, y in ratings])
    found = permutation_p(ratings, seed=0)
    assert found.orders == len(by_hand) == 24 * 6 * 6
    assert found.p == pytest.approx(np.mean(np.array(by_hand) >= observed - 1e-9))


@pytest.mark.parametrize("n", [LISTED, LISTED + 1])
def test_drawn_orders_come_near_the_exact_value(n: int) -> None:
    order = [2, 1, 3, 6, 4, 5, 8, 7, 9][:n]
    rho = stats.spearmanr(range(n), order).statistic
    drawn = permutation_p([(range(n), order), ([1, 2, 3], [1, 3, 2])], seed=1)
    assert not drawn.exact
    total = (rho + 0.5) / 2
    assert drawn.statistic == pytest.approx(total)
    ranks = np.arange(n) - (n - 1) / 2
    alone = np.array([ranks[list(p)] @ ranks for p in itertools.permutations(range(n))])
    alone /= ranks @ ranks
    exact = np.mean(
        [(alone + value >= 2 * total - 1e-9).mean() for value in (1, 0.5, 0.5, -0.5, -0.5, -1)]
    )
    assert drawn.p == pytest.approx(exact, abs=4 * math.sqrt(exact / 9999))


def test_a_p_value_is_never_zero_and_keeps_to_its_seed() -> None:
    ratings = [(range(8), range(8))] * 20
    found = permutation_p(ratings, seed=3, draws=99)
    assert found.p == 1 / 100
    assert (found.exact, found.orders, found.n, found.seed) == (False, 99, 20, 3)
    backwards = [(range(8), range(8)[::-1])] * 20
    assert permutation_p(backwards, seed=3, draws=99).p == 1
    assert permutation_p(backwards, seed=3, draws=99, alternative="two-sided").p == 2 / 100
    mixed = [(range(8), [1, 0, 2, 3, 7, 5, 6, 4])] + [(range(8), [3, 7, 1, 6, 0, 5, 2, 4])] * 3
    assert permutation_p(mixed, seed=1).p == permutation_p(mixed, seed=1).p
    assert permutation_p(mixed, seed=1).p != permutation_p(mixed, seed=2).p


def test_without_signal_p_values_are_uniform() -> None:
    rng = np.random.default_rng(5)
    found = [
        permutation_p(
            [(rng.integers(1, 5, 6), rng.normal(size=6)) for _ in range(6)], seed=0, draws=199
        ).p
        for _ in range(400)
    ]
    assert stats.kstest(found, "uniform").pvalue > 0.01


def test_rankings_without_a_spearman_are_left_out_of_the_test() -> None:
    kept = [([1, 2, 3, 4], [1, 2, 3, 4])]
    found = permutation_p([*kept, ([1, 1, 1], [1, 2, 3]), ([1, 2], [1, 2])], seed=0)
    assert (found.p, found.n) == (1 / 24, 1)
    with pytest.raises(UndefinedStatistic, match="got none"):
        permutation_p([([1, 1, 1], [1, 2, 3])], seed=0)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=8))
def test_a_gain_equals_scipys_sign_flips(gains: list[int]) -> None:
    for alternative in ("greater", "two-sided"):
        ours = gain_p([[gain] for gain in gains], seed=0, alternative=alternative)
        assert ours.exact
        assert ours.orders == 2 ** len(gains)
        by_hand = np.array(
            [np.dot(s, gains) for s in itertools.product((1, -1), repeat=len(gains))]
        )
        above = (by_hand >= sum(gains)).mean()
        if alternative == "two-sided":
            above = min(1.0, 2 * min(above, (by_hand <= sum(gains)).mean()))
        assert ours.p == pytest.approx(above)
        if len(gains) > 1:
            theirs = stats.permutation_test(
                (gains,),
                np.mean,
                permutation_type="samples",
                alternative=alternative,
                n_resamples=math.inf,
            )
            assert ours.p == pytest.approx(theirs.pvalue)


def test_darwins_maize_gives_fishers_count() -> None:
    drawn = gain_p([[one] for one in MAIZE], seed=0, draws=40_000)
    assert not drawn.exact
    assert drawn.p == pytest.approx(863 / 2**15, abs=0.003)


def test_a_targets_rankings_flip_together() -> None:
    apart = gain_p([[0.1]] * 6, seed=0)
    assert (apart.p, apart.n) == (1 / 64, 6)
    together = gain_p([[0.1] * 3, [0.1] * 3], seed=0)
    assert (together.p, together.n, together.statistic) == (1 / 4, 2, pytest.approx(0.1))


def test_no_gain_at_all_is_no_surprise() -> None:
    assert gain_p([[0.0], [0.0, 0.0]], seed=0).p == 1
    assert gain_p([[0.0], [0.0]], seed=0, alternative="two-sided").p == 1
    with pytest.raises(UndefinedStatistic, match="got none"):
        gain_p([[], []], seed=0)


def test_corrections_give_rs_p_adjust() -> None:
    five = [0.01, 0.02, 0.03, 0.04, 0.05]
    assert corrected(five) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert corrected(five, method="benjamini-hochberg") == pytest.approx([0.05] * 5)
    unsorted = [0.3, 0.001, 0.02, 0.02, 0.9]
    assert corrected(unsorted) == pytest.approx(multipletests(unsorted, method="holm")[1])


p_lists = st.lists(
    st.one_of(st.none(), st.floats(0, 1), st.sampled_from([0.0, 0.01, 0.01, 1.0, math.nan])),
    max_size=12,
)


@settings(deadline=None)
@given(p_lists)
def test_corrections_equal_other_implementations_with_gaps_and_ties(
    p_values: list[float | None],
) -> None:
    holm = corrected(p_values, method="holm")
    hochberg = corrected(p_values, method="benjamini-hochberg")
    there = [p is not None and not math.isnan(p) for p in p_values]
    for ours in (holm, hochberg):
        assert [one is not None for one in ours] == there
    known = [p for p, kept in zip(p_values, there, strict=True) if kept]
    if not known:
        return
    ours = [[one for one in found if one is not None] for found in (holm, hochberg)]
    assert ours[0] == pytest.approx(pingouin.multicomp(known, method="holm")[1])
    assert ours[1] == pytest.approx(multipletests(known, method="fdr_bh")[1])
    assert ours[1] == pytest.approx(stats.false_discovery_control(known))


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(InputError, match=r"lie in \[0, 1\], got 1.5"):
        corrected([0.1, 1.5])
    with pytest.raises(InputError, match="method must be one of"):
        corrected([0.1], method="bonferroni")
    with pytest.raises(InputError, match="alternative must be one of"):
        gain_p([[0.1]], seed=0, alternative="less")
    with pytest.raises(InputError, match="draws must be at least 1, got 0"):
        permutation_p([([1, 2, 3], [1, 2, 3])], seed=0, draws=0)
    with pytest.raises(InputError, match="finite"):
        gain_p([[math.nan]], seed=0)
