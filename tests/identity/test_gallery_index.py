"""Galleries that are searched through an index rank as those that are compared whole."""

from __future__ import annotations

import numpy as np
import pytest

from clpips.features.embedding.encoder import unit
from clpips.identity.distances import CosineDistances, image_key
from clpips.identity.gallery import rank_gallery, rank_part
from clpips.identity.gallery_index import GalleryIndex
from clpips.identity.ranking import GalleryRanking, RankedQuery
from clpips.io.image_tables import ImageRow
from clpips.progress import Watch

IDENTITIES, VIEWS, WIDTH = 300, 10, 32


@pytest.fixture(scope="module")
def planted() -> tuple[list[ImageRow], list[ImageRow], CosineDistances]:
    """Queries, a gallery and their distances; an image of each that cannot be compared."""
    rng = np.random.default_rng(2)
    centres = rng.normal(size=(IDENTITIES, WIDTH))
    gallery = [
        ImageRow(f"n{name}", "dog", f"g{name}-{view}.png")
        for name in range(IDENTITIES)
        for view in range(VIEWS)
    ]
    queries = [ImageRow(f"n{name}", "dog", f"q{name}.png") for name in range(0, IDENTITIES, 5)]
    own = [int(row.name[1:]) for row in gallery + queries]
    features = unit(centres[own] + 0.7 * rng.normal(size=(len(own), WIDTH))).astype(np.float32)
    features[[3, len(gallery) + 2]] = np.nan
    places = {image_key(row): place for place, row in enumerate(gallery + queries)}
    return queries, gallery, CosineDistances(features, places)


def ranked(planted: tuple, exact_up_to: int) -> tuple[list[RankedQuery], list[str]]:
    queries, gallery, distances = planted
    ranking = GalleryRanking(gallery, distances, exact_up_to=exact_up_to)
    return ranking.rank(queries, Watch()), ranking.searches()


def test_an_index_ranks_as_comparing_all_does(planted: tuple) -> None:
    (exact, none), (found, said) = ranked(planted, 10**6), ranked(planted, 100)
    assert none == []
    assert "recall@10 0.9" in said[0] or "recall@10 1.000" in said[0]
    first, second = ([one.result.ap for one in results] for results in (exact, found))
    assert 0.2 < np.mean(first) < 0.95
    assert second == pytest.approx(first, abs=0.01)
    assert [one.result.n_relevant for one in found] == [one.result.n_relevant for one in exact]
    assert [one.result.n_ranked for one in found] == [one.result.n_ranked for one in exact]
    assert found[2].is_missing
    assert found[2].result == exact[2].result
    assert [one.gallery_similarity for one in found] == [one.gallery_similarity for one in exact]
    nearest = [
        np.mean([a.image is b.image for a, b in zip(x.neighbours, y.neighbours, strict=True)])
        for x, y in zip(exact, found, strict=True)
        if x.neighbours
    ]
    assert np.mean(nearest) > 0.9


def test_recall_is_that_against_comparing_all(planted: tuple) -> None:
    queries, gallery, distances = planted
    index = GalleryIndex(distances.features, distances.rows_of(gallery))
    vectors = distances.of(queries)
    found = [set(places) for places, _ in index.nearest(vectors, count=10)]
    shares = [
        len(set(np.argsort(row, kind="stable")[:10]) & near) / 10
        for row, near in zip(distances.between(queries, gallery), found, strict=True)
        if np.isfinite(row).any()
    ]
    assert index.recall >= 0.98
    assert index.recall == pytest.approx(np.mean(shares), abs=0.01)


def test_a_part_that_holds_all_ranks_as_the_gallery() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        distances, relevant = rng.integers(0, 6, 12).astype(float), rng.random(12) < 0.3
        part = rank_part(distances, relevant, complete_below=np.inf, n_ranked=12)
        assert part == rank_gallery(distances, relevant)


def test_ranks_beyond_the_part_are_bounded_by_the_true_ones_and_near_them_on_average() -> None:
    rng = np.random.default_rng(4)
    true, estimated = [], []
    for _ in range(300):
        distances, relevant = rng.random(60), rng.random(60) < 0.1
        whole = rank_gallery(distances, relevant)
        bound = np.sort(distances)[20]
        kept = (distances <= bound) | relevant
        part = rank_part(distances[kept], relevant[kept], complete_below=bound, n_ranked=60)
        assert part.ap_ties[0] - 1e-12 <= whole.ap <= part.ap_ties[1] + 1e-12
        true.append(whole.ap)
        estimated.append(part.ap)
    assert np.mean(estimated) == pytest.approx(np.mean(true), abs=0.005)
