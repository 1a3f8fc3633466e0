"""Observations: each pair's vector once, as few network passes as can be, fits unchanged."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import layer_person, scene, simulated

from clpips import CLPIPS
from clpips.errors import Cancelled, InputError
from clpips.features import batching
from clpips.features.lpips import Network
from clpips.metric.centering import centred
from clpips.metric.observations import Observation, observe
from clpips.metric.ranking_problem import RankingProblem
from clpips.metric.settings import FitSettings
from clpips.progress import Watch
from clpips.types import Ranking

NAMES = [f"{number}.png" for number in range(8)]


class Counting(Network):
    """AlexNet that counts the pictures and passes that go through it."""

    def __init__(self) -> None:
        super().__init__("alex")
        self.pictures, self.passes = 0, 0

    def features(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        self.pictures += len(images)
        self.passes += 1
        return super().features(images)


@pytest.fixture
def network() -> Counting:
    return Counting()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pictures")
    for number, name in enumerate(NAMES):
        scene(number, 64).save(made / name)
    scene(20, 80).save(made / "larger.png")
    return made


def ranked(folder: Path, target: int | str, *images: int | str, by: str = "ada") -> Ranking:
    def path(each: int | str) -> str:
        return str(folder / (NAMES[each] if isinstance(each, int) else each))

    return Ranking(by, path(target), tuple(map(path, images)), tuple(range(1, len(images) + 1)))


def straight(rankings: list[Ranking]) -> list[np.ndarray]:
    network = Network("alex")
    return [network.difference_vectors(r.target, r.images, batch_size=1).vectors for r in rankings]


def check(network: Counting, rankings: list[Ranking]) -> list[Observation]:
    found = observe(rankings, lambda: network)
    for one, expected in zip(found, straight(rankings), strict=True):
        np.testing.assert_allclose(one.vectors, expected, atol=1e-7)
    return found


def test_vectors_are_those_of_each_pair_in_the_order_of_the_ranking(network, folder) -> None:
    found = check(network, [ranked(folder, 0, 1, 2, 3), ranked(folder, 1, 3, 0, "larger.png")])
    assert [one.vectors.shape for one in found] == [(3, 1152), (3, 1152)]
    assert all(one.vectors.dtype == np.float64 for one in found)


def test_many_people_who_share_pairs_cost_no_pass_more(network, folder) -> None:
    boards = [(0, 2, 3, 4), (1, 5, 6, 7)]
    check(network, [ranked(folder, *board, by=f"p{n}") for n in range(20) for board in boards])
    assert network.pictures == 8
    assert network.passes == 4  # two targets, and each target's images together


def test_every_picture_is_passed_once_however_many_targets_it_is_compared_with(
    network, folder
) -> None:
    rankings = [
        ranked(folder, target, *(each for each in range(8) if each != target))
        for target in range(8)
    ]
    check(network, rankings)
    assert network.pictures == 8  # targets are each other's images


def test_a_picture_is_passed_once_for_each_size_it_is_compared_at(network, folder) -> None:
    rankings = [
        ranked(folder, 0, 2, 3),
        ranked(folder, 1, 2, 3),
        ranked(folder, "larger.png", 2, 3, 0),
    ]
    check(network, rankings)
    assert network.pictures == 3 + 2 + 3


def test_targets_that_do_not_fit_in_memory_are_compared_in_shares(
    network, folder, monkeypatch
) -> None:
    one = sum(layer.nbytes for layer in network.features(torch.zeros(1, 3, 64, 64)))
    network.pictures = network.passes = 0
    monkeypatch.setattr(batching, "FEATURE_BYTES", 2 * one)
    check(network, [ranked(folder, target, 4, 5, 6) for target in range(4)])
    assert network.pictures == 4 + 2 * 3


def test_targets_that_share_nothing_are_not_kept_for_one_another(folder, monkeypatch) -> None:
    network, alive = Counting(), []
    right = batching._Share.compared

    def watched(self: batching._Share) -> object:
        alive.append(len(self.targets))
        return right(self)

    monkeypatch.setattr(batching._Share, "compared", watched)
    check(network, [ranked(folder, 0, 1), ranked(folder, 2, 3), ranked(folder, 4, 5)])
    assert alive == [1, 1, 1]


def test_known_vectors_need_no_network(folder) -> None:
    ranking, vectors = ranked(folder, 0, 1, 2), np.random.default_rng(0).random((2, 1152))
    known = {(ranking.target, image): v for image, v in zip(ranking.images, vectors, strict=True)}
    (found,) = observe([ranking], lambda: pytest.fail("the network was asked for"), known=known)
    assert np.array_equal(found.vectors, vectors)


def test_what_is_found_before_a_cancel_is_kept(network, folder) -> None:
    class Kept(dict):
        def get(self, target: str, image: str) -> None:
            return None

        def put(self, target: str, image: str, vector: np.ndarray) -> None:
            self[target, image] = vector

    cache = Kept()
    with pytest.raises(Cancelled):
        observe(
            [ranked(folder, 0, 1, 2), ranked(folder, 3, 4, 5)],
            lambda: network,
            cache=cache,
            watch=Watch(cancelled=lambda: len(cache) == 2),
        )
    assert len(cache) == 2


def test_rankings_of_the_same_pairs_share_one_table_of_single_precision(network, folder) -> None:
    found = observe([ranked(folder, 0, 1, 2), ranked(folder, 0, 2, 1)] * 50, lambda: network)
    assert len({id(one.table) for one in found}) == 1
    assert (found[0].table.shape, found[0].table.dtype) == ((2, 1152), np.float32)


@pytest.mark.parametrize("odd", [1 / 3, 1e300, np.nan])
def test_numbers_that_single_precision_cannot_hold_are_kept_whole(odd: float) -> None:
    ranking = Ranking("a", "t", ("x", "y"), (1, 2))
    known = {("t", "x"): np.array([0.5, 1.0]), ("t", "y"): np.array([0.25, odd])}
    (found,) = observe([ranking], lambda: pytest.fail("no network"), known=known)
    assert found.table.dtype == np.float64
    assert np.array_equal(found.vectors, [[0.5, 1.0], [0.25, odd]], equal_nan=True)


def test_vectors_of_different_spaces_are_refused() -> None:
    known = {("t", "x"): np.ones(5), ("t", "y"): np.ones(1)}
    with pytest.raises(InputError, match=r"same channels, 5, got \(1,\)"):
        observe([Ranking("a", "t", ("x", "y"), (1, 2))], lambda: pytest.fail("no"), known=known)


@pytest.mark.parametrize("rows", [None, np.array([0, 1, 2])])
def test_an_observation_has_a_vector_per_image(rows) -> None:
    with pytest.raises(InputError, match="one difference vector per image"):
        Observation(Ranking("a", "t", ("x", "y"), (1, 2)), np.ones((3, 5)), rows)


# --- fits from a shared table ---------------------------------------------------------------------


def shared_and_apart() -> tuple[list[Observation], list[Observation]]:
    """Rankings of pairs that many share, and the same with a table each."""
    rng = np.random.default_rng(0)
    table = np.abs(rng.normal(size=(6, 12, 1152)) * rng.random((6, 12, 1))).astype(np.float32)
    apart = simulated(table.astype(float), layer_person(1), [*range(6)] * 10, seed=1, noise=0.3)
    known = {
        (one.ranking.target, image): vector
        for one in apart
        for image, vector in zip(one.ranking.images, one.vectors, strict=True)
    }
    rankings = [one.ranking for one in apart]
    return observe(rankings, lambda: pytest.fail("no network"), known=known), apart


@pytest.mark.parametrize("granularity", ["channel", "layer"])
def test_a_shared_table_gives_the_same_fit(granularity) -> None:
    shared, apart = shared_and_apart()
    settings = FitSettings(granularity, margin=1.0, shrinkage=20.0, start="stock")
    problems = [RankingProblem.of(each, "alex") for each in (shared, apart)]
    assert [len(problem.table) for problem in problems] == [len(shared[0].table), 480]
    assert len(shared[0].table) <= 72
    one, other = (each.channel_weights(each.solve([frozenset()], settings)) for each in problems)
    np.testing.assert_allclose(one, other, atol=1e-6 * other.max())
    assert problems[0].unit == pytest.approx(problems[1].unit, rel=1e-12)


def test_distances_of_a_problem_keep_every_gap() -> None:
    shared, _ = shared_and_apart()
    problem = RankingProblem.of(shared, "alex")
    weights = layer_person(2)
    ours = problem.distances(weights)
    np.testing.assert_allclose(ours, problem.vectors @ weights, atol=1e-9 * np.abs(ours).max())
    ends = np.cumsum([0, *(len(one.rows) for one in shared)])
    for one, (start, end) in zip(shared, itertools.pairwise(ends), strict=True):
        expected = one.vectors @ weights
        np.testing.assert_allclose(
            np.diff(ours[start:end]), np.diff(expected), atol=1e-9 * expected.max()
        )


def test_only_what_rankings_link_is_centred_together() -> None:
    table = np.array([[1.0], [3.0], [100.0], [104.0], [5.0], [7.0]])

    def one(*rows: int) -> Observation:
        names = tuple(map(str, rows))
        return Observation(Ranking("a", "t", names, (1,) * len(rows)), table, np.array(rows))

    found, rows = centred([one(0, 1), one(3, 2), one(4, 5), one(1, 4)])
    of = dict(zip((0, 1, 3, 2, 4, 5, 1, 4), found[rows, 0], strict=True))
    assert of == {0: -3, 1: -1, 4: 1, 5: 3, 2: -2, 3: 2}
    assert np.array_equal(table[:, 0], [1, 3, 100, 104, 5, 7])  # the caller's is untouched
    assert Counter(rows.tolist())[int(rows[1])] == 2


def test_tables_that_differ_are_laid_end_to_end() -> None:
    names = ("x", "y")
    tables = [np.full((2, 3), float(n)) + np.eye(2, 3) for n in range(3)]
    found, rows = centred([Observation(Ranking("a", "t", names, (1, 2)), t) for t in tables])
    assert rows.tolist() == [0, 1, 2, 3, 4, 5]
    np.testing.assert_array_equal(found, np.tile([[0.5, -0.5, 0], [-0.5, 0.5, 0]], (3, 1)))


def test_a_metric_learns_the_same_from_a_shared_table() -> None:
    shared, apart = shared_and_apart()
    one, other = (CLPIPS("alex", shrinkage=20.0, margin=1.0, start="stock") for _ in range(2))
    one.fit(shared)
    other.fit(apart)
    np.testing.assert_allclose(one.weights_, other.weights_, atol=1e-6 * other.weights_.max())
