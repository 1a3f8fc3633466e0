"""Pooled weights: no ranking of what is left out, and each person weighs the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from little import BLOCK, SPACE, STOCK, changed, exactly, person

from clpips.errors import Cancelled
from clpips.metric.observations import Observation
from clpips.metric.pooled import POOLED_SETTINGS, PooledPrior
from clpips.metric.ranking_problem import RankingProblem
from clpips.progress import Watch

__all__ = ["exactly"]  # the fixture

FIRST = np.where(BLOCK == 0, 3 * STOCK, 0.02 * STOCK)
LAST = np.where(BLOCK == 2, 3 * STOCK, 0.02 * STOCK)
SETS = [frozenset[str](), frozenset({"t0"}), frozenset({"t1", "t2"})]


def people() -> list[Observation]:
    return [*person("ada", FIRST, seed=1), *person("bo", LAST, seed=2), *person("cy", LAST, seed=3)]


def weights(observations: list[Observation], *left_out: frozenset[str]) -> np.ndarray:
    return PooledPrior(observations, SPACE).weights(left_out, Watch())


def again(observations: list[Observation], prefix: str) -> list[Observation]:
    """The same boards under other targets' names."""
    return [
        Observation(replace(one.ranking, target=prefix + one.ranking.target), one.vectors)
        for one in observations
    ]


@pytest.mark.usefixtures("exactly")
def test_weights_for_a_left_out_target_see_nobodys_rankings_of_it() -> None:
    before = weights(people(), *SETS)
    after = weights(changed(people(), "t1", "t2"), *SETS)
    np.testing.assert_allclose(after[:, 2], before[:, 2], rtol=0.01, atol=0.002)
    for number in (0, 1):  # which do see them
        assert np.abs(after[:, number] - before[:, number]).max() > 0.05


@pytest.mark.usefixtures("exactly")
def test_they_are_the_weights_of_a_study_without_that_target() -> None:
    rest = [one for one in people() if one.ranking.target not in SETS[2]]
    np.testing.assert_allclose(
        weights(people(), SETS[2]), weights(rest, frozenset()), rtol=0.01, atol=0.002
    )


@pytest.mark.usefixtures("exactly")
def test_each_person_weighs_the_same_however_many_boards_they_ranked() -> None:
    """Ada ranks each board under three names, bo under one: as if both had ranked it twice."""
    ada = person("ada", FIRST, seed=1)
    bo = person("bo", LAST, seed=1)
    uneven = [*ada, *again(ada, "x"), *again(ada, "y"), *bo]
    even = [*ada, *again(ada, "x"), *bo, *again(bo, "x")]
    mixed = weights(even, frozenset())[:, 0]
    np.testing.assert_allclose(weights(uneven, frozenset())[:, 0], mixed, rtol=0.01, atol=0.002)
    # So it is by weight, and not because the two people want the same.
    alone = weights([*ada, *again(ada, "x")], frozenset())[:, 0]
    assert np.abs(alone - mixed).max() > 0.1


def test_repeated_boards_and_doubts_take_no_say_from_a_person() -> None:
    ada = person("ada", FIRST, seed=1)
    ada += changed(ada, *(f"t{n}" for n in range(8)))  # as unrepeatable as can be
    bo = [
        Observation(replace(one.ranking, confidence=n % 2), one.vectors)
        for n, one in enumerate(person("bo", LAST, seed=2))
    ]
    problem = PooledPrior([*ada, *bo], SPACE).problem
    whose = np.array([one.ranking.participant for one in problem.observations])[problem.owner]
    assert problem.share[whose == "ada"].sum() == pytest.approx(8)
    assert problem.share[whose == "bo"].sum() == pytest.approx(8)


def test_each_set_of_targets_is_fitted_once(monkeypatch) -> None:
    prior = PooledPrior(people(), SPACE)
    asked: list[list[frozenset[str]]] = []
    solve = RankingProblem.solve

    def counted(self, left_out, *rest, **more):
        asked.append(list(left_out))
        return solve(self, left_out, *rest, **more)

    monkeypatch.setattr(RankingProblem, "solve", counted)
    first = prior.weights([SETS[0], SETS[1], SETS[0]], Watch())
    second = prior.weights([SETS[2], SETS[1]], Watch())
    prior.weights(SETS, Watch())
    assert asked == [SETS[:2], SETS[2:]]
    assert np.array_equal(first[:, 0], first[:, 2])
    assert np.array_equal(first[:, 1], second[:, 1])
    assert not np.array_equal(first[:, 0], second[:, 0])


def test_they_are_what_people_share_pulled_strongly_towards_stock() -> None:
    prior = PooledPrior([*person("ada", LAST, seed=1), *person("bo", LAST, seed=2)], SPACE)
    found = prior.weights([frozenset()], Watch())[:, 0]
    growth = [float((found[b == BLOCK] / STOCK[b == BLOCK]).mean()) for b in range(3)]
    assert growth[2] > 1.1 > growth[0]
    little_pull = replace(POOLED_SETTINGS, shrinkage=0.02)
    plain = prior.problem.solve([frozenset()], little_pull).weights[:, 0]
    assert np.abs(found - STOCK).sum() < np.abs(plain - STOCK).sum()
    assert prior.targets == tuple(f"t{n}" for n in range(8))


def test_with_every_target_left_out_they_are_stock() -> None:
    prior = PooledPrior(people(), SPACE)
    found = prior.weights([frozenset(prior.targets)], Watch())
    np.testing.assert_allclose(found[:, 0], STOCK, rtol=1e-5)


def test_it_can_be_stopped() -> None:
    with pytest.raises(Cancelled):
        PooledPrior(people(), SPACE).weights(SETS, Watch(cancelled=lambda: True))
