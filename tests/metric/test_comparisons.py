"""Rankings as comparisons, and how much each counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from clpips.errors import InputError
from clpips.metric.comparisons import LEAST_WEIGHT, Comparisons, kept_weights, ranking_weights
from clpips.types import Ranking


def ranking(
    target: str,
    ranks: tuple[int, ...] = (1, 2, 3, 4),
    *,
    who: str = "ada",
    images: str | None = None,
    confidence: float | None = None,
) -> Ranking:
    names = tuple(f"{images or target}-{n}" for n in range(len(ranks)))
    return Ranking(who, target, names, ranks, confidence=confidence)


# --- comparisons ---------------------------------------------------------------------------


def test_every_ordered_pair_is_a_comparison_and_ties_are_none() -> None:
    rankings = [ranking("a", (2, 1, 2)), ranking("b", (1, 1, 1)), ranking("c", (1, 3, 2))]
    found = Comparisons.of(rankings, [1.0, 1.0, 1.0])
    distances = np.arange(9) ** 2.0
    expected = []
    for number, one in enumerate(rankings):
        place = {name: 3 * number + n for n, name in enumerate(one.images)}
        expected += [
            distances[place[c.farther]] - distances[place[c.nearer]] for c in one.comparisons()
        ]
    assert sorted(found.gaps(distances)) == sorted(expected)
    assert found.owner.tolist() == [0, 0, 2, 2, 2]


def test_the_shares_of_a_ranking_sum_to_its_weight() -> None:
    rankings = [ranking("a"), ranking("b", (1, 1, 2)), ranking("c", (1, 2))]
    weights = [1.0, 0.5, 2.0]
    found = Comparisons.of(rankings, weights)
    sums = np.bincount(found.owner, weights=found.share)
    assert sums == pytest.approx(weights)
    for number in range(3):
        assert len(set(found.share[found.owner == number])) == 1
    table = np.array([weights, [0.0, 1.0, 3.0]]).T
    np.testing.assert_allclose(found.shares(table)[:, 0], found.share)
    np.testing.assert_allclose(
        np.bincount(found.owner, weights=found.shares(table)[:, 1]), [0.0, 1.0, 3.0]
    )


@pytest.mark.parametrize("rankings", [[], [ranking("a", (1, 1))]])
def test_nothing_to_compare_is_refused(rankings: list[Ranking]) -> None:
    with pytest.raises(InputError, match="at least one ranking"):
        Comparisons.of(rankings, [1.0] * len(rankings))


# --- weights -------------------------------------------------------------------------------


def test_where_nothing_is_known_each_ranking_counts_one() -> None:
    assert ranking_weights([ranking(f"t{n}") for n in range(5)]) == [1.0] * 5
    assert ranking_weights([]) == []


def test_a_ranking_counts_by_confidence_against_the_persons_own_mean() -> None:
    rankings = [ranking(f"t{n}", confidence=c) for n, c in enumerate((0.2, 0.4, 0.6))]
    assert ranking_weights(rankings) == pytest.approx([0.5, 1.0, 1.5])
    # A person who is always sure says nothing by it, nor does one who never is.
    for always in (0.0, 0.3, 1.0):
        same = [replace(one, confidence=always) for one in rankings]
        assert ranking_weights(same) == pytest.approx([1.0] * 3)


def test_a_ranking_without_a_confidence_counts_as_the_usual_one() -> None:
    rankings = [ranking("a", confidence=0.2), ranking("b"), ranking("c", confidence=0.6)]
    assert ranking_weights(rankings) == pytest.approx([0.5, 1.0, 1.5])


def test_none_counts_less_than_a_tenth() -> None:
    rankings = [ranking("a", confidence=0.0), ranking("b", confidence=1.0)]
    assert ranking_weights(rankings) == pytest.approx([LEAST_WEIGHT, 2.0])


def test_a_board_ranked_several_times_counts_once_in_all() -> None:
    rankings = [ranking("a"), ranking("b"), ranking("a"), ranking("a")]
    assert ranking_weights(rankings) == pytest.approx([1 / 3, 1.0, 1 / 3, 1 / 3])


def test_a_board_is_a_target_with_its_images_in_any_order() -> None:
    once = ranking("a", (1, 2, 3))
    turned = Ranking("ada", "a", once.images[::-1], once.ranks[::-1])
    assert ranking_weights([once, turned]) == pytest.approx([0.5, 0.5])
    assert ranking_weights([once, ranking("a", (1, 2, 3), images="other")]) == [1.0, 1.0]
    assert ranking_weights([once, ranking("b", (1, 2, 3), images="a")]) == [1.0, 1.0]


def test_all_rankings_count_by_how_repeatable_the_person_is() -> None:
    """The mean Spearman of repeated boards, images matched by name."""
    first, second = ranking("a", (1, 2, 3, 4)), ranking("b", (1, 2, 3, 4))
    again = [ranking("a", (2, 1, 3, 4)), ranking("b", (1, 3, 2, 4))]
    again[0] = Ranking("ada", "a", again[0].images[::-1], again[0].ranks[::-1])
    rho = [stats.spearmanr((1, 2, 3, 4), each).statistic for each in ((2, 1, 3, 4), (1, 3, 2, 4))]
    steady = float(np.mean(rho))
    assert 0.5 < steady < 1
    found = ranking_weights([first, second, ranking("c"), *again])
    assert found == pytest.approx([steady / 2, steady / 2, steady, steady / 2, steady / 2])


@pytest.mark.parametrize("ranks", [(4, 3, 2, 1), (2, 4, 1, 3)])
def test_nobody_is_less_repeatable_than_a_tenth(ranks: tuple[int, ...]) -> None:
    found = ranking_weights([ranking("a"), ranking("a", ranks), ranking("b")])
    assert found == pytest.approx([LEAST_WEIGHT / 2, LEAST_WEIGHT / 2, LEAST_WEIGHT])


@pytest.mark.parametrize("again", [(1, 1, 1, 1), (1, 2)])
def test_a_repeat_without_a_spearman_says_nothing_of_repeatability(again) -> None:
    first = ranking("a", (1, 2, 3, 4)[: len(again)])
    assert ranking_weights([first, ranking("a", again), ranking("b")]) == [0.5, 0.5, 1.0]


def test_one_persons_repeats_and_confidence_do_not_weigh_another() -> None:
    bo = [ranking("a", who="bo"), ranking("b", who="bo")]
    ada = [ranking("a", confidence=0.1), ranking("a", (4, 3, 2, 1), confidence=0.9)]
    ada += [ranking("b"), ranking("c")]
    found = ranking_weights([*bo, *ada])
    assert found[0] == found[1]
    alone = ranking_weights(ada)
    np.testing.assert_allclose(np.array(found[2:]) / found[-1], np.array(alone) / alone[-1])


@pytest.mark.parametrize("again", [(1, 2, 3, 4), (4, 3, 2, 1)])
def test_among_several_people_everybody_counts_the_same(again: tuple[int, ...]) -> None:
    """However many rankings, repeats and doubts they have: as much as the mean board count."""
    ada = [ranking(f"t{n}", who="ada") for n in range(6)]
    bo = [ranking("t0", who="bo"), ranking("t0", again, who="bo"), ranking("t1", who="bo")]
    cy = [ranking("t0", who="cy", confidence=0.1), ranking("t5", who="cy", confidence=0.8)]
    cy += [ranking("t6", who="cy", confidence=0.0), ranking("t7", who="cy")]
    found = ranking_weights([*ada, *bo, *cy])
    sums = [sum(found[:6]), sum(found[6:9]), sum(found[9:])]
    assert sums == pytest.approx([4.0, 4.0, 4.0])  # of 6, 2 and 4 boards


# --- what is left out ----------------------------------------------------------------------


def several() -> list[Ranking]:
    found = [ranking(f"t{n}", confidence=0.2 * n) for n in range(4)]
    found += [ranking("t1", (2, 1, 3, 4)), ranking("t0", (4, 3, 2, 1))]
    return found + [ranking(f"t{n}", who="bo") for n in range(3)]


def test_weights_of_what_is_kept_are_found_from_it_alone() -> None:
    rankings = several()
    kept = np.array([[one.target != f"t{n}" for n in range(4)] for one in rankings])
    found = kept_weights(rankings, kept)
    for number in range(4):
        rest = [one for one in rankings if one.target != f"t{number}"]
        np.testing.assert_allclose(found[kept[:, number], number], ranking_weights(rest))
        assert not found[~kept[:, number], number].any()


def test_what_is_left_out_does_not_weigh_what_is_kept() -> None:
    rankings = several()
    kept = np.array([[one.target != "t0"] for one in rankings])
    before = kept_weights(rankings, kept)
    for other in (
        [replace(one, confidence=1.0) if one.target == "t0" else one for one in rankings],
        [replace(one, ranks=(1, 2, 3, 4)) if one.target == "t0" else one for one in rankings],
    ):
        np.testing.assert_array_equal(kept_weights(other, kept), before)
        assert ranking_weights(other) != pytest.approx(ranking_weights(rankings))


@pytest.mark.parametrize("people", [1, 2])
def test_weights_of_plain_rankings_are_the_same_by_the_short_way(people: int) -> None:
    rankings = [ranking(f"t{n}", who="ab"[n % people]) for n in range(7)]
    kept = np.random.default_rng(0).random((7, 5)) < 0.6
    found = kept_weights(rankings, kept)
    for number in range(5):
        rest = [one for one, own in zip(rankings, kept[:, number], strict=True) if own]
        np.testing.assert_allclose(found[kept[:, number], number], ranking_weights(rest))
        assert not found[~kept[:, number], number].any()
