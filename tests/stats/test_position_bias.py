"""Position bias against scipy's Friedman test, R's printed example and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from clpips.errors import InputError, UndefinedStatistic
from clpips.stats.intervals import bootstrap_interval
from clpips.stats.permutation import permutation_p
from clpips.stats.position_bias import position_bias


def boards(
    count: int, *, seed: int, pull: float = 0.0, ties: bool = False
) -> tuple[list[list[int]], list[list[int]]]:
    """Ranks and random positions of six images; ``pull`` makes late positions rank farther."""
    rng = np.random.default_rng(seed)
    ranks, positions = [], []
    for _ in range(count):
        shown = rng.permutation(6) + 1
        looks = rng.normal(size=6) + pull * shown
        steps = stats.rankdata(looks.round() if ties else looks, method="dense")
        ranks.append(steps.astype(int).tolist())
        positions.append(shown.tolist())
    return ranks, positions


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(2, 9), st.booleans())
def test_friedman_and_means_equal_scipy_and_counting(seed: int, count: int, ties: bool) -> None:
    ranks, positions = boards(count, seed=seed, ties=ties)
    assume(sum(len(set(row)) > 1 for row in ranks) >= 2)  # else it is undefined
    found = position_bias(ranks, positions)
    table = np.array(
        [
            [stats.rankdata(row)[shown.index(place)] for place in range(1, 7)]
            for row, shown in zip(ranks, positions, strict=True)
            if len(set(row)) > 1
        ]
    )
    theirs = stats.friedmanchisquare(*table.T)
    assert found.friedman_chi2 == pytest.approx(theirs.statistic, abs=1e-9)
    assert found.friedman_p == pytest.approx(theirs.pvalue, abs=1e-12)
    assert [one.mean_rank for one in found.positions] == pytest.approx(table.mean(axis=0))
    assert [one.position for one in found.positions] == [1, 2, 3, 4, 5, 6]
    by_hand = [
        stats.spearmanr(row, shown).statistic
        for row, shown in zip(ranks, positions, strict=True)
        if len(set(row)) > 1
    ]
    assert found.spearman == pytest.approx(np.mean(by_hand))


def test_intervals_and_p_are_those_of_the_shared_functions() -> None:
    ranks, positions = boards(12, seed=1)
    found = position_bias(ranks, positions, seed=5)
    first = [row[shown.index(1)] for row, shown in zip(ranks, positions, strict=True)]
    expected = bootstrap_interval([np.array(first, dtype=float)], seed=5, bounds=(1, 6))
    assert found.positions[0].ci == expected
    pairs = list(zip(ranks, positions, strict=True))
    assert found.spearman_p == permutation_p(pairs, seed=5, alternative="two-sided").p


def test_the_order_in_which_images_are_listed_does_not_matter() -> None:
    ranks, positions = boards(8, seed=2)
    turned = position_bias([row[::-1] for row in ranks], [row[::-1] for row in positions])
    assert turned == position_bias(ranks, positions)


def test_a_planted_bias_is_found_and_named() -> None:
    early = position_bias(*boards(40, seed=3, pull=0.5))
    assert early.friedman_p < 0.01
    assert early.spearman > 0.2
    assert early.spearman_p < 0.01
    assert early.sentence.startswith("Images shown early on the board were ranked nearer")
    assert "shown late" in position_bias(*boards(40, seed=3, pull=-0.5)).sentence


def test_a_favourite_in_the_middle_is_found_without_a_trend() -> None:
    rng = np.random.default_rng(4)
    ranks, positions = [], []
    for _ in range(40):
        shown = rng.permutation(6) + 1
        looks = rng.normal(size=6) - 3.0 * np.isin(shown, [3, 4])
        ranks.append(stats.rankdata(looks).astype(int).tolist())
        positions.append(shown.tolist())
    found = position_bias(ranks, positions)
    assert found.friedman_p < 1e-6
    assert found.spearman_p > 0.05
    nearest = min(found.positions, key=lambda one: one.mean_rank)
    assert nearest.position in (3, 4)
    away = f"position {nearest.position} were ranked {3.5 - nearest.mean_rank:.1f} places nearer"
    assert away in found.sentence


def test_without_bias_five_in_a_hundred_are_called_biased() -> None:
    called = [
        "No sign" not in position_bias(*boards(15, seed=seed)).sentence for seed in range(200)
    ]
    assert np.mean(called) <= 0.08


def test_boards_of_another_size_count_for_the_trend_only() -> None:
    ranks, positions = boards(5, seed=6)
    found = position_bias(
        [*ranks, [1, 2, 3], [1, 1, 1], [1, 2]], [*positions, [3, 2, 1], [1, 2, 3], [1, 2]]
    )
    assert (found.n_same_board, found.n_rankings) == (5, 6)
    assert sum(found.left_out.values()) == 3
    assert found.left_out["fewer than 3 images"] == found.left_out["all ranks are equal"] == 1
    alone = position_bias(ranks, positions)
    assert found.positions == alone.positions
    assert found.spearman == pytest.approx((5 * alone.spearman - 1) / 6)


def test_what_cannot_be_had_is_said() -> None:
    with pytest.raises(UndefinedStatistic, match="got 0"):
        position_bias([], [])
    with pytest.raises(UndefinedStatistic, match="got 1"):
        position_bias([[1, 2, 3], [1, 2, 3, 4]], [[1, 2, 3], [1, 2, 3, 4]])
    with pytest.raises(InputError, match="no two the same"):
        position_bias([[1, 2, 3]], [[1, 1, 2]])
    with pytest.raises(InputError, match="whole numbers"):
        position_bias([[1, 2, 3]], [[1, 1.5, 2]])
    with pytest.raises(InputError, match="as many rankings, got 1 and 2"):
        position_bias([[1, 2, 3]], [[1, 2, 3]] * 2)
    with pytest.raises(InputError, match="one length"):
        position_bias([[1, 2, 3]], [[1, 2]])
