"""Repeatability, noise ceilings and calibration, from rankings, against scipy and simulation."""

from __future__ import annotations

import math

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from clpips.errors import InputError, UndefinedStatistic
from clpips.evaluation.repeatability import (
    calibration,
    ceiling_from_others,
    noiseless_ceiling,
    self_repeatability,
    share_of_ceiling,
)
from clpips.stats.concordance import between_person_icc, kendalls_w, krippendorff_alpha
from clpips.stats.intervals import bootstrap_interval
from clpips.types import Ranking

IMAGES = tuple("abcdefgh")


def ranking(who: str, ranks: object, *, target: str = "t", order: str | None = None) -> Ranking:
    """One ranking of the first images of the alphabet, given in another order if asked."""
    numbers = [int(rank) for rank in ranks]
    dense = [1 + sorted(set(numbers)).index(number) for number in numbers]
    rank_of = dict(zip(IMAGES, dense, strict=False))
    images = tuple(order or rank_of)
    return Ranking(who, target, images, tuple(rank_of[image] for image in images))


def rho(x: object, y: object) -> float:
    return float(stats.spearmanr(x, y).statistic)


# --- repeats ----------------------------------------------------------------------------------


def test_repeatability_is_spearman_of_the_two_orders_however_the_images_are_listed() -> None:
    first, second = [1, 2, 3, 3, 5], [2, 1, 3, 5, 4]
    found = self_repeatability(
        [ranking("ada", first), ranking("ada", second, order="edcba"), ranking("ada", [1, 2, 3])]
    )
    assert found.spearman == pytest.approx(rho(first, second))
    assert found.noiseless_ceiling == noiseless_ceiling(rho(first, second), 5)
    assert (found.n_pairs, found.n_boards, found.n_people, found.ci) == (1, 1, 1, None)


def test_only_one_persons_rankings_of_one_board_are_repeats() -> None:
    once = ranking("ada", [1, 2, 3, 4])
    for other in (
        ranking("ben", [1, 2, 3, 4]),
        ranking("ada", [1, 2, 3, 4], target="u"),
        ranking("ada", [1, 2, 3, 4, 5]),
    ):
        with pytest.raises(UndefinedStatistic, match="one board twice, got none"):
            self_repeatability([once, other])


def test_three_rankings_of_a_board_are_three_pairs_and_one_board() -> None:
    orders = [[1, 2, 3, 4], [2, 1, 3, 4], [1, 2, 4, 3]]
    found = self_repeatability([ranking("ada", order) for order in orders])
    pairs = [rho(orders[i], orders[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert found.spearman == pytest.approx(np.mean(pairs))
    assert (found.n_pairs, found.n_boards) == (3, 1)


def test_every_person_weighs_the_same_and_has_their_own_interval_over_boards() -> None:
    rng = np.random.default_rng(0)
    rankings, own = [], {"ada": [], "ben": []}
    for who, count in (("ada", 6), ("ben", 3)):
        for board in range(count):
            two = rng.permutation(6) + 1, rng.permutation(6) + 1
            rankings += [ranking(who, one, target=f"{who} {board}") for one in two]
            own[who].append(rho(*two))
    found = self_repeatability(rankings, seed=4)
    assert found.spearman == pytest.approx(np.mean([np.mean(one) for one in own.values()]))
    for who, values in own.items():
        assert found.people[who].value == pytest.approx(np.mean(values))
        expected = bootstrap_interval([np.array(values)], seed=4)
        assert found.people[who].ci == pytest.approx(expected)
    assert (found.n_pairs, found.n_boards, found.n_people) == (9, 9, 2)
    alone = self_repeatability([one for one in rankings if one.participant == "ada"], seed=4)
    assert alone.ci == pytest.approx(found.people["ada"].ci)
    # A board's part is what it would change in the mean: a sixth or a third of a person's half.
    parts = [
        found.spearman + 9 * (value - found.spearman) / (2 * len(values))
        for values in own.values()
        for value in values
    ]
    expected = bootstrap_interval([np.array(parts)], seed=4, bounds=(-np.inf, np.inf))
    if max(map(abs, parts)) <= 1:
        expected = bootstrap_interval([np.array(parts)], seed=4)
    assert found.ci == pytest.approx((max(-1, expected[0]), min(1, expected[1])))


def test_a_repeat_without_a_spearman_is_left_out_and_counted() -> None:
    tied = [ranking("ada", [1, 1, 1], target="u"), ranking("ada", [1, 2, 3], target="u")]
    short = [ranking("ada", [1, 2], target="v")] * 2
    good = [ranking("ada", [1, 2, 3])] * 2
    found = self_repeatability([*tied, *short, *good])
    assert (found.spearman, found.n_pairs) == (1, 1)
    assert found.left_out == {
        "all ranks of one of the two are equal": 1,
        "fewer than 3 images": 1,
    }
    with pytest.raises(UndefinedStatistic, match="fewer than 3 images"):
        self_repeatability(short)


def test_people_who_contradict_themselves_have_no_noiseless_ceiling() -> None:
    found = self_repeatability([ranking("ada", [1, 2, 3]), ranking("ada", [3, 2, 1])])
    assert found.spearman == -1
    assert found.noiseless_ceiling is None


@pytest.mark.parametrize("images", [4, 8])
@pytest.mark.parametrize("noise", [0.5, 1.0, 2.0])
def test_a_perfect_metric_reaches_the_noiseless_ceiling(noise: float, images: int) -> None:
    rng = np.random.default_rng(1)
    true = rng.normal(size=(40_000, images))
    ranks = [stats.rankdata(true, axis=1)] + [
        stats.rankdata(true + noise * rng.normal(size=true.shape), axis=1) for _ in range(2)
    ]
    truth, first, second = (one - (images + 1) / 2 for one in ranks)
    whole = (truth[0] ** 2).sum()
    perfect = (truth * first).sum(axis=1).mean() / whole
    repeatability = (first * second).sum(axis=1).mean() / whole
    assert noiseless_ceiling(repeatability, images) == pytest.approx(perfect, abs=0.006)
    assert perfect > repeatability + 0.05  # a repeat is a lower mark


def test_the_noiseless_ceiling_of_many_images_is_nearly_the_root() -> None:
    for repeatability in (0.1, 0.5, 0.9):
        found = noiseless_ceiling(repeatability, 10_000)
        assert found == pytest.approx(math.sqrt(repeatability), abs=0.02)
    with pytest.raises(UndefinedStatistic, match="above 0"):
        noiseless_ceiling(0, 8)
    with pytest.raises(InputError, match="3 images"):
        noiseless_ceiling(0.5, 2)


# --- other people -----------------------------------------------------------------------------


def by_hand(table: np.ndarray) -> tuple[list[float], list[float]]:
    """Nili et al. (2014): each person with the mean of the others, and with the mean of all."""
    ranks = np.stack([stats.rankdata(row) for row in table])
    lower = [rho(row, np.delete(ranks, i, axis=0).mean(axis=0)) for i, row in enumerate(ranks)]
    return lower, [rho(row, ranks.mean(axis=0)) for row in ranks]


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000), st.integers(2, 5), st.booleans())
def test_the_ceiling_is_leave_one_person_out_and_all(seed: int, people: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    true = np.arange(7)
    table = [true + rng.normal(scale=2, size=7) for _ in range(people)]
    table = [stats.rankdata(row.round() if ties else row, method="dense") for row in table]
    lower, upper = by_hand(np.array(table))
    if np.isnan([*lower, *upper]).any():
        return  # a constant mean; has its own test
    found = ceiling_from_others([ranking(str(i), row) for i, row in enumerate(table)])
    assert found.lower.value == pytest.approx(np.mean(lower), abs=1e-9)
    assert found.upper is not None
    assert found.upper.value == pytest.approx(np.mean(upper), abs=1e-9)
    for person, (low, high) in enumerate(zip(lower, upper, strict=True)):
        own = found.people[str(person)]
        assert own.lower is not None
        assert own.upper is not None
        assert (own.lower.value, own.upper.value) == pytest.approx((low, high), abs=1e-9)
    assert (found.n_people, found.n_boards, found.left_out) == (people, 1, {})


def test_what_people_share_lies_between_the_bounds() -> None:
    rng = np.random.default_rng(2)
    rankings, perfect = [], []
    for board in range(150):
        true = rng.normal(size=8)
        for person in range(6):
            ranks = stats.rankdata(true + rng.normal(size=8))
            rankings.append(ranking(str(person), ranks, target=str(board)))
            perfect.append(rho(ranks, true))
    found = ceiling_from_others(rankings)
    assert found.upper is not None
    assert found.lower.value < np.mean(perfect) < found.upper.value
    assert found.upper.value - found.lower.value < 0.15
    assert found.lower.ci is not None
    assert found.lower.ci[0] < found.lower.value < found.lower.ci[1]
    # Everybody ranked every board: a board is the unit, and it is the mean over its people.
    boards = [
        np.mean(by_hand(np.array([one.ranks for one in rankings[at : at + 6]]))[0])
        for at in range(0, len(rankings), 6)
    ]
    assert found.lower.ci == pytest.approx(bootstrap_interval([np.array(boards)], seed=0))


def test_a_person_counts_once_in_the_mean_and_each_ranking_is_held_against_it() -> None:
    ada, again, ben, cleo = [1, 2, 3, 4], [1, 3, 2, 4], [2, 1, 3, 4], [1, 2, 4, 3]
    found = ceiling_from_others(
        [ranking("ada", ada), ranking("ada", again), ranking("ben", ben), ranking("cleo", cleo)]
    )
    of_ada = np.mean([ada, again], axis=0)
    others = np.mean([ben, cleo], axis=0)
    everybody = np.mean([of_ada, ben, cleo], axis=0)
    own = found.people["ada"]
    assert own.lower is not None
    assert own.upper is not None
    assert own.lower.value == pytest.approx(np.mean([rho(one, others) for one in (ada, again)]))
    assert own.upper.value == pytest.approx(np.mean([rho(one, everybody) for one in (ada, again)]))
    ben_lower = found.people["ben"].lower
    assert ben_lower is not None
    assert ben_lower.value == pytest.approx(rho(ben, np.mean([of_ada, cleo], axis=0)))


def test_boards_that_are_not_shared_never_count_for_a_ceiling() -> None:
    shared = [ranking("ada", [1, 2, 3, 4]), ranking("ben", [1, 2, 4, 3])]
    own = [ranking("ada", [4, 3, 2, 1], target="u"), ranking("ada", [1, 3, 2, 4], target="u")]
    found = ceiling_from_others([*shared, *own])
    assert found.lower == ceiling_from_others(shared).lower
    assert found.left_out == {"ranked by one person only": 2}
    with pytest.raises(UndefinedStatistic, match="ranked by one person only"):
        ceiling_from_others(own)


def test_opposite_people_have_a_lower_bound_only() -> None:
    found = ceiling_from_others([ranking("ada", [1, 2, 3]), ranking("ben", [3, 2, 1])])
    assert found.lower.value == -1
    assert found.upper is None
    assert found.people["ada"].upper is None
    assert found.left_out == {"all ranks of one of the two are equal": 2}


def test_a_person_who_tells_nothing_apart_is_left_out_but_counts_in_others_means() -> None:
    flat = ceiling_from_others(
        [ranking("ada", [1, 1, 1]), ranking("ben", [1, 2, 3]), ranking("cleo", [1, 2, 3])]
    )
    assert set(flat.people) == {"ben", "cleo"}
    assert flat.lower.value == 1
    assert flat.left_out == {"all ranks of one of the two are equal": 1}


# --- shares -----------------------------------------------------------------------------------


def test_a_share_is_said_in_plain_words() -> None:
    assert share_of_ceiling(0.3, 0.6).value == pytest.approx(0.5)
    assert share_of_ceiling(0.498, 0.6).sentence == (
        "Your metric reaches 83 % of your own repeatability (0.50 against 0.60 Spearman)."
    )
    assert "117 % of it" in share_of_ceiling(0.7, 0.6).sentence
    assert "more than your own repeatability" in share_of_ceiling(0.7, 0.6).sentence
    assert "none of" in share_of_ceiling(-0.1, 0.6).sentence
    assert "perfect metric" in share_of_ceiling(0.5, 0.6, of="noiseless ceiling").sentence
    assert "other people's mean" in share_of_ceiling(0.5, 0.6, of="other people").sentence


def test_there_is_no_share_of_no_ceiling() -> None:
    for ceiling in (0, -0.2):
        with pytest.raises(UndefinedStatistic, match="ceiling above 0"):
            share_of_ceiling(0.5, ceiling)
    with pytest.raises(InputError, match="agreement must lie"):
        share_of_ceiling(1.5, 0.5)
    with pytest.raises(InputError, match="ceiling must lie"):
        share_of_ceiling(0.5, math.nan)
    with pytest.raises(InputError, match="of must be one of"):
        share_of_ceiling(0.5, 0.5, of="everything")


# --- calibration ------------------------------------------------------------------------------


def shared_boards(*, seed: int, ties: bool = False) -> dict[str, np.ndarray]:
    """Three boards of six images and four people, some of whom did not rank some board."""
    rng = np.random.default_rng(seed)
    tables = {}
    for target, people in (("t", 4), ("u", 3), ("v", 2)):
        true = rng.normal(size=6)
        rows = [true + rng.normal(size=6) for _ in range(people)]
        rows = [stats.rankdata(row.round() if ties else row, method="dense") for row in rows]
        tables[target] = np.stack(rows)
    return tables


def rankings_of(tables: dict[str, np.ndarray]) -> list[Ranking]:
    return [
        ranking(f"person {person}", row, target=target)
        for target, table in tables.items()
        for person, row in enumerate(table)
    ]


@pytest.mark.parametrize("ties", [False, True])
def test_calibration_is_each_boards_concordance_and_their_mean(ties: bool) -> None:
    tables = shared_boards(seed=1, ties=ties)
    found = calibration(rankings_of(tables))
    assert (found.n_people, found.n_boards, found.left_out) == (4, 3, {})
    for board, table in zip(found.boards, tables.values(), strict=True):
        ranks = stats.rankdata(table, axis=1)
        assert board.kendalls_w == kendalls_w(ranks)
        assert board.icc == between_person_icc(ranks)
        assert board.alpha_ordinal == pytest.approx(krippendorff_alpha(ranks))
        assert board.alpha_interval == pytest.approx(krippendorff_alpha(ranks, level="interval"))
        assert board.n_people == len(table)
    # friedmanchisquare wants three people, so the smallest board is checked through W above.
    tests = [kendalls_w(table) for table in tables.values()]
    assert found.kendalls_w == pytest.approx(np.mean([one.w for one in tests]))
    assert found.w_chi2 == pytest.approx(sum(one.chi2 for one in tests))
    assert found.w_df == 15
    assert found.w_p == pytest.approx(stats.chi2.sf(found.w_chi2, 15))
    assert found.icc_a1 == pytest.approx(
        np.mean([between_person_icc(t).a1 for t in tables.values()])
    )


@pytest.mark.parametrize("level", ["ordinal", "interval"])
def test_alpha_over_all_boards_treats_who_did_not_rank_as_missing(level: str) -> None:
    tables = shared_boards(seed=2)
    blocks = [
        np.vstack([stats.rankdata(table, axis=1), np.full((4 - len(table), 6), np.nan)])
        for table in tables.values()
    ]
    theirs = krippendorff.alpha(np.hstack(blocks), level_of_measurement=level)
    found = calibration(rankings_of(tables))
    assert getattr(found, f"alpha_{level}") == pytest.approx(theirs, abs=1e-10)


def test_alpha_over_boards_of_different_size_compares_shares_of_the_board() -> None:
    small, large = (
        np.array([[1, 2, 3], [2, 1, 3]]),
        np.array([[1, 2, 3, 4, 5, 6], [1, 3, 2, 4, 6, 5]]),
    )
    found = calibration(rankings_of({"t": small, "u": large}))
    shares = np.hstack([(small - 0.5) / 3, (large - 0.5) / 6])
    theirs = krippendorff.alpha(shares, level_of_measurement="interval")
    assert found.alpha_interval == pytest.approx(theirs, abs=1e-10)


def test_rankings_of_boards_that_are_not_shared_change_nothing_but_the_count() -> None:
    shared = rankings_of(shared_boards(seed=3))
    own = [ranking("person 0", [1, 2, 3, 4], target="own"), ranking("zoe", [1, 2, 3, 4, 5, 6, 7])]
    found, alone = calibration([*shared, *own]), calibration(shared)
    assert found.boards == alone.boards
    assert found.alpha_ordinal == alone.alpha_ordinal
    assert found.n_people == 4
    assert found.left_out == {"ranked by one person only": 2}


def test_the_first_ranking_of_a_repeated_board_counts() -> None:
    shared = rankings_of(shared_boards(seed=4))
    repeat = ranking("person 0", [6, 5, 4, 3, 2, 1], target="t")
    found = calibration([*shared, repeat])
    assert found.boards == calibration(shared).boards
    assert found.left_out == {"a repeat of a board this person had ranked": 1}


def test_boards_on_which_nobody_tells_images_apart_are_undefined_not_zero() -> None:
    found = calibration([ranking("ada", [1, 1, 1]), ranking("ben", [1, 1, 1])])
    assert found.boards[0].kendalls_w is found.boards[0].icc is None
    assert found.kendalls_w is found.w_p is found.alpha_ordinal is found.icc_a1 is None


def test_calibration_needs_a_shared_board_of_three_images() -> None:
    with pytest.raises(UndefinedStatistic, match="got none"):
        calibration([ranking("ada", [1, 2, 3]), ranking("ben", [1, 2, 3, 4])])
    with pytest.raises(UndefinedStatistic, match="3 images"):
        calibration([ranking("ada", [1, 2]), ranking("ben", [1, 2])])
