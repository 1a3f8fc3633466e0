from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from clpips.errors import InputError
from clpips.stats.preference import LEAST_PAIRS, Winner, clustered_share, preference

STUDIES = 300


def judged(
    people: dict[str, list[Winner | None]], *, target: str = "t"
) -> tuple[list[Winner | None], list[str], list[str]]:
    winners = [each for theirs in people.values() for each in theirs]
    names = [name for name, theirs in people.items() for _ in theirs]
    return winners, names, [target] * len(winners)


# --- reference values ---------------------------------------------------------------------------


@pytest.mark.parametrize(("won", "n"), [(0, 8), (1, 5), (7, 12), (20, 40), (19, 20), (6, 6)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_values_that_stand_alone_have_clopper_and_pearsons_interval(
    won: int, n: int, level: float
) -> None:
    expected = stats.binomtest(won, n).proportion_ci(level, method="exact")
    found = clustered_share([1] * won + [0] * (n - won), level=level)
    assert found.share == won / n
    assert found.interval == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert found.n_effective == pytest.approx(n)


def test_the_effective_size_is_korn_and_graubards() -> None:
    sizes, sums = np.array([4, 6, 5, 5.0]), np.array([4, 3, 1, 4.0])
    values = [1.0 * (k < s) for n, s in zip(sizes, sums, strict=True) for k in range(int(n))]
    clusters = [g for g, n in enumerate(sizes) for _ in range(int(n))]
    p, n = sums.sum() / sizes.sum(), sizes.sum()
    variance = 4 / 3 * ((sums - p * sizes) ** 2).sum() / n**2
    deff = variance / (p * (1 - p) / (n - 1))  # a simple random sample's has n − 1 below, too
    corrected = n / deff * (stats.t.ppf(0.975, n - 1) / stats.t.ppf(0.975, 3)) ** 2
    found = clustered_share(values, clusters)
    assert found.n_effective == pytest.approx(corrected)
    x = corrected * p
    assert found.interval == pytest.approx(
        (
            stats.beta.ppf(0.025, x, corrected - x + 1),
            stats.beta.ppf(0.975, x + 1, corrected - x),
        )
    )


@pytest.mark.parametrize("p", [0.5, 0.7])
@pytest.mark.parametrize("alike", [0.1, 0.4])
def test_the_interval_covers_in_studies_whose_people_differ(p: float, alike: float) -> None:
    rng = np.random.default_rng(7)
    people, pairs = 12, 6
    clusters = np.repeat(np.arange(people), pairs).tolist()
    held = 0
    for _ in range(STUDIES):
        own = rng.beta(p * (1 / alike - 1), (1 - p) * (1 / alike - 1), people)
        values = (rng.random((people, pairs)) < own[:, None]).astype(float).ravel()
        low, high = clustered_share(values.tolist(), clusters).interval
        held += low <= p <= high
    assert held / STUDIES >= 0.93


# --- invariance ---------------------------------------------------------------------------------


def test_swapping_the_sides_mirrors_share_interval_and_verdict() -> None:
    people: dict[str, list[Winner | None]] = {
        "a": ["personal", "personal", "tie"],
        "b": ["personal", "stock", "personal"],
        "c": ["personal", "personal", "personal"],
        "d": ["personal", "personal", None],
    }
    swapped: dict[Winner | None, Winner | None] = {"personal": "stock", "stock": "personal"}
    there = preference(*judged(people))
    back = preference(
        *judged({name: [swapped.get(w, w) for w in theirs] for name, theirs in people.items()})
    )
    assert there.share is not None and back.share is not None
    assert there.interval is not None and back.interval is not None
    assert back.share == pytest.approx(1 - there.share)
    assert back.interval == pytest.approx((1 - there.interval[1], 1 - there.interval[0]))


def test_answers_that_are_alike_within_people_say_less() -> None:
    alike = clustered_share([1, 1, 1, 1, 1, 1, 0, 0, 0, 0], list("aaabbbcccc"))
    alone = clustered_share([1, 1, 1, 1, 1, 1, 0, 0, 0, 0])
    assert alike.n_effective < 4 < alone.n_effective
    assert alike.interval[0] < alone.interval[0] and alone.interval[1] < alike.interval[1]


def test_people_who_all_say_the_same_count_once_each() -> None:
    found = clustered_share([1.0] * 12, list("aaaabbbbcccc"))
    assert found.n_effective == 3
    assert found.interval == pytest.approx((0.025 ** (1 / 3), 1.0))


# --- ties, missing answers, units ---------------------------------------------------------------


def test_ties_count_one_half_and_missing_answers_do_not_count() -> None:
    found = preference(
        *judged({"a": ["personal", "tie", None], "b": ["stock", "personal", "tie", None]})
    )
    assert found.share == pytest.approx(3 / 5)
    assert (found.n_answered, found.n_ties, found.n_unanswered) == (5, 2, 2)
    assert (found.unit, found.n_units) == ("participant", 2)


def test_answers_of_one_person_belong_together_by_target() -> None:
    winners: list[Winner | None] = ["personal", "personal", "stock", "personal", "stock"]
    found = preference(winners, ["a"] * 5, ["s", "s", "t", "t", "u"])
    assert (found.unit, found.n_units) == ("target", 3)
    same = clustered_share([1, 1, 0, 1, 0], ["s", "s", "t", "t", "u"])
    assert found.interval == same.interval


def test_one_person_and_one_target_leave_the_pairs_to_vary() -> None:
    found = preference(["personal"] * 4 + ["stock"], ["a"] * 5, ["t"] * 5)
    expected = stats.binomtest(4, 5).proportion_ci(0.95, method="exact")
    assert (found.unit, found.n_units) == ("pair", 5)
    assert found.interval == pytest.approx((expected.low, expected.high))


def test_who_left_every_pair_unanswered_is_not_counted_as_a_person() -> None:
    found = preference(*judged({"a": ["personal", "stock"], "b": [None]}))
    assert (found.unit, found.n_units, found.n_unanswered) == ("pair", 2, 1)


# --- verdicts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("each", "sentence"),
    [
        (["personal", "personal"], "Personal re-ranking beats stock"),
        (["stock", "stock"], "Stock re-ranking beats personal"),
        (["personal", "stock"], "No difference shown"),
        (["tie", "tie"], "No difference shown"),
    ],
)
def test_the_verdict_follows_the_interval(each: list[Winner | None], sentence: str) -> None:
    assert preference(*judged(dict.fromkeys("abcdefgh", each))).sentence == sentence


def test_with_too_few_answers_nothing_is_concluded() -> None:
    n = LEAST_PAIRS - 1
    found = preference(["personal"] * n, [str(k) for k in range(n)], ["t"] * n)
    assert found.sentence == "Too few"
    none = preference([None], ["a"], ["t"])
    assert (none.share, none.interval, none.sentence) == (None, None, "Too few")


# --- wrong input --------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [[], [1.5], [math.nan], [-0.1]])
def test_values_that_are_no_shares_are_refused(values: list[float]) -> None:
    with pytest.raises(InputError, match=r"at least one value|lie in \[0, 1\]"):
        clustered_share(values)


def test_pairs_must_be_whole_and_winners_known() -> None:
    with pytest.raises(InputError, match="a winner, a participant and a target each"):
        preference(["personal"], [], ["t"])
    wrong: list[Winner | None] = ["both"]  # type: ignore[list-item] # that is the test
    with pytest.raises(InputError, match=r"one of .* or None, got 'both'"):
        preference(wrong, ["a"], ["t"])
