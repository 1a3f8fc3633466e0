"""Every statistic against somebody else's implementation or a published table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pingouin
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from clpips.agreement import (
    bootstrap_interval,
    icc,
    kendall,
    on_ranking,
    over_people,
    over_rankings,
    pairwise_accuracy,
    spearman,
)
from clpips.errors import InputError, UndefinedStatistic

RANKS = [1, 2, 3, 4, 5, 6]


def test_identical_orders_agree_perfectly() -> None:
    assert spearman(RANKS, RANKS) == kendall(RANKS, RANKS) == 1
    assert pairwise_accuracy(RANKS, RANKS) == 1
    assert icc([(RANKS, RANKS)]) == pytest.approx(1)


def test_reversing_a_ranking_negates_spearman() -> None:
    distances = [0.3, 0.1, 0.5, 0.2, 0.9, 0.4]
    backwards = [7 - rank for rank in RANKS]
    assert spearman(backwards, distances) == pytest.approx(-spearman(RANKS, distances))
    assert spearman(RANKS, RANKS[::-1]) == kendall(RANKS, RANKS[::-1]) == -1
    assert pairwise_accuracy(RANKS, RANKS[::-1]) == 0


pairs = st.integers(3, 12).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(1, 6), min_size=n, max_size=n),
        st.lists(st.integers(0, 6), min_size=n, max_size=n),
    )
)


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


def test_pingouin_gives_shrout_and_fleiss_published_table() -> None:
    """Shrout and Fleiss (1979), table 4: our oracle itself is checked against the paper."""
    scores = [(9, 2, 5, 8), (6, 1, 3, 2), (8, 4, 6, 8), (7, 1, 2, 6), (10, 5, 6, 9), (6, 2, 4, 7)]
    rows = [(i, j, value) for i, row in enumerate(scores) for j, value in enumerate(row)]
    frame = pd.DataFrame(rows, columns=["row", "rater", "score"])
    table = pingouin.intraclass_corr(frame, targets="row", raters="rater", ratings="score")
    found = table.set_index("Type")["ICC"].round(2).to_dict()
    assert found["ICC(A,1)"] == 0.29
    assert found["ICC(C,1)"] == 0.71
    assert found["ICC(A,k)"] == 0.62
    assert found["ICC(C,k)"] == 0.91


def icc_by_hand(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """McGraw and Wong (1996) for two raters, from sums of squares: ICC(A,1), ICC(C,1)."""
    table, n, k = np.stack([x, y], axis=1), len(x), 2
    mean = table.mean()
    rows = k * ((table.mean(axis=1) - mean) ** 2).sum() / (n - 1)
    columns = n * ((table.mean(axis=0) - mean) ** 2).sum() / (k - 1)
    total = ((table - mean) ** 2).sum()
    error = (total - rows * (n - 1) - columns * (k - 1)) / ((n - 1) * (k - 1))
    absolute = (rows - error) / (rows + (k - 1) * error + k * (columns - error) / n)
    return absolute, (rows - error) / (rows + (k - 1) * error)


def test_icc_equals_the_sums_of_squares_on_within_ranking_ranks() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        ratings = [(rng.integers(1, 5, 7), rng.integers(0, 9, 7)) for _ in range(4)]
        x = np.concatenate([stats.rankdata(human) for human, _ in ratings])
        y = np.concatenate([stats.rankdata(metric) for _, metric in ratings])
        absolute, consistent = icc_by_hand(x, y)
        assert icc(ratings) == pytest.approx(absolute, abs=1e-9)
        assert icc(ratings, form="ICC(C,1)") == pytest.approx(consistent, abs=1e-9)


def test_consistency_icc_on_ranks_without_ties_equals_spearman() -> None:
    rng = np.random.default_rng(4)
    for n in (5, 8, 10):
        human, metric = rng.permutation(n) + 1, rng.permutation(n)
        assert icc([(human, metric)], form="ICC(C,1)") == pytest.approx(spearman(human, metric))


def test_undefined_is_said_and_never_zero() -> None:
    for statistic in (spearman, kendall, on_ranking):
        with pytest.raises(UndefinedStatistic, match="all distances are equal"):
            statistic(RANKS, [0.5] * 6)
        with pytest.raises(UndefinedStatistic, match="all ranks are equal"):
            statistic([1] * 6, RANKS)
    with pytest.raises(UndefinedStatistic):
        pairwise_accuracy([1, 1, 1], [1, 2, 3])
    with pytest.raises(UndefinedStatistic):
        icc([])
    with pytest.raises(UndefinedStatistic, match="fewer than 3 images"):
        on_ranking([1, 2], [0.1, 0.2])


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(InputError, match="one length"):
        spearman([1, 2, 3], [1, 2])
    with pytest.raises(InputError, match="finite"):
        spearman([1, 2, 3], [1, 2, float("nan")])


def test_a_batch_counts_what_it_leaves_out_and_why() -> None:
    ratings = [(RANKS, RANKS), ([1, 1, 1], [1, 2, 3]), ([1, 2], [1, 2]), (RANKS, RANKS[::-1])]
    found = over_rankings(ratings)
    assert found.n_rankings == 2
    assert found.n_left_out == 2
    assert found.spearman == pytest.approx(0)
    assert found.per_ranking == (1.0, None, None, -1.0)
    assert sum(found.left_out.values()) == 2
    assert over_rankings([]).spearman is None
    assert over_rankings([]).spearman_ci is None


def test_pooled_statistics_throw_all_rankings_together() -> None:
    ratings = [(RANKS, RANKS), ([1, 2, 3], [3.0, 2.0, 1.0])]
    pooled = over_rankings(ratings).pooled
    assert pooled["pairwise_accuracy"] == pytest.approx(15 / 18)
    x, y = [*RANKS, 1, 2, 3], [*RANKS, 3, 2, 1]
    assert pooled["spearman"] == pytest.approx(stats.spearmanr(x, y).statistic)


def test_the_bootstrap_interval_equals_scipys() -> None:
    values = np.random.default_rng(5).normal(0.3, 0.4, size=40)
    ours = bootstrap_interval([values], seed=1, resamples=20_000)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=2
    ).confidence_interval
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.01)
    assert ours == bootstrap_interval([values], seed=1, resamples=20_000)
    assert bootstrap_interval([values[:1]]) is None


def test_over_people_every_person_weighs_the_same() -> None:
    many = over_rankings([(RANKS, RANKS)] * 9)
    few = over_rankings([(RANKS, RANKS[::-1])] * 2)
    assert over_people({"a": many, "b": few}).spearman == pytest.approx(0)
    assert over_people({"a": many, "b": few}).n_rankings == 11
