"""Average precision, first hits and ties of one query."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from clpips.identity.gallery import (
    average_precision,
    expected_precision,
    nearest,
    rank_gallery,
)


def galleries(count: int = 400) -> list[tuple[np.ndarray, np.ndarray]]:
    """Random galleries with many ties and images that cannot be compared."""
    rng = np.random.default_rng(3)
    found = []
    for number in range(count):
        size = int(rng.integers(1, 25))
        distances = rng.integers(0, 7, size).astype(float)
        if number % 3 == 0:
            distances[rng.random(size) < 0.2] = rng.choice([np.nan, np.inf])
        found.append((distances, rng.random(size) < 0.3))
    return found


def test_the_published_example() -> None:
    assert average_precision([1, 0, 1, 0]) == pytest.approx(0.8333, abs=1e-4)


def test_ap_first_hit_and_ties_equal_scikit_learn_on_sorted_galleries() -> None:
    for distances, relevant in galleries():
        found = rank_gallery(distances, relevant)
        there = np.isfinite(distances)
        order = np.argsort(distances[there], kind="stable")
        ranked = relevant[there][order]
        assert found.n_ranked == there.sum()
        assert found.n_relevant == ranked.sum()
        if not ranked.any():
            assert (found.ap, found.first_hit) == (0.0, None)
            continue
        oracle = average_precision_score(ranked, -np.arange(len(ranked)))
        assert found.ap == pytest.approx(oracle, abs=1e-12)
        assert found.first_hit == np.flatnonzero(ranked)[0] + 1
        assert found.ap_ties[0] - 1e-12 <= found.ap <= found.ap_ties[1] + 1e-12


def test_the_tie_range_is_that_of_all_orders_of_equal_images() -> None:
    distances = np.array([0.0, 1.0, 1.0, 1.0, 2.0, 2.0])
    relevant = np.array([False, True, False, True, False, True])
    values = set()
    for order in itertools.permutations(range(6)):
        if all(distances[a] <= distances[b] for a, b in itertools.pairwise(order)):
            values.add(average_precision(relevant[list(order)]))
    worst, best = rank_gallery(distances, relevant).ap_ties
    assert (worst, best) == pytest.approx((min(values), max(values)))


def test_chance_is_the_mean_over_every_order() -> None:
    for n_relevant, size in [(1, 4), (2, 5), (3, 6), (6, 6)]:
        relevant = [place < n_relevant for place in range(size)]
        every = [average_precision(order) for order in itertools.permutations(relevant)]
        assert expected_precision(n_relevant, size) == pytest.approx(np.mean(every))


def test_the_nearest_come_in_file_order_where_they_tie() -> None:
    distances = np.array([2.0, 1.0, np.nan, 1.0, 0.0, 2.0])
    assert nearest(distances, 4).tolist() == [4, 1, 3, 0]
    assert nearest(distances, 99).tolist() == [4, 1, 3, 0, 5]
