"""Figures of classes and methods, and comparisons between methods."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score

from clpips.errors import DatasetError
from clpips.features.embedding.encoder import unit
from clpips.identity.distances import CosineDistances, cosine_distances, image_key
from clpips.identity.rank_report import RankReport, query_rows, summarise
from clpips.identity.ranking import rank_queries, with_reference_similarity
from clpips.io.image_tables import ImageRow
from clpips.progress import Watch

IDENTITIES, SPECIES = 6, ("dog", "toy")


def tables(drift: float = 0.4) -> tuple[list[ImageRow], list[ImageRow], list[ImageRow], dict]:
    """Queries of two methods, gallery and references of planted identities, and embeddings."""
    rng = np.random.default_rng(5)
    queries, gallery, references, features = [], [], [], {}
    for species in SPECIES:
        for number in range(IDENTITIES):
            centre = rng.normal(size=12)

            def add(rows: list, row: ImageRow, spread: float, centre: np.ndarray = centre) -> None:
                rows.append(row)
                features[image_key(row)] = centre + spread * rng.normal(size=12)

            name = f"n{number}"
            for view in range(3):
                add(gallery, ImageRow(name, species, f"g/{species}{number}{view}.png"), 0.6)
            add(references, ImageRow(name, species, f"r/{species}{number}.png"), 0.6)
            for method, spread in (("good", 1.0), ("drifting", 1.0 + 3 * drift)):
                for view in range(2):
                    path = f"q/{method}/{species}{number}{view}.png"
                    add(queries, ImageRow(name, species, path, method=method), spread)
    return queries, gallery, references, features


def ranked(missing: tuple[str, ...] = ()) -> RankReport:
    queries, gallery, references, features = tables()
    rows = unit(np.array(list(features.values())))
    places = {key: place for place, key in enumerate(features)}
    for key in missing:
        rows[places[f"{key}\n"]] = np.nan
    distances = CosineDistances(rows, places)
    found = rank_queries(queries, gallery, distances, Watch())
    found = with_reference_similarity(found, references, distances)
    ceiling = rank_queries(references, gallery, distances, Watch())
    lost = distances.is_missing(gallery).tolist()
    return summarise(found, ceiling, gallery, lost, compared_by={}, settings={})


def test_map_cmc_and_mrr_equal_scikit_learn() -> None:
    queries, gallery, _, features = tables()
    values = {key: unit(row[None])[0].astype(np.float64) for key, row in features.items()}
    report = ranked()
    for method in report.methods:
        for species in SPECIES:
            own = [q for q in queries if q.method == method.method and q.species == species]
            pool = [g for g in gallery if g.species == species]
            precisions, ranks = [], []
            for query in own:
                scores = [values[image_key(g)] @ values[image_key(query)] for g in pool]
                relevant = np.array([g.name == query.name for g in pool])
                precisions.append(average_precision_score(relevant, scores))
                order = stats.rankdata([-s for s in scores], method="ordinal")
                ranks.append(order[relevant].min())
            figures = method.classes[species]
            assert figures.map == pytest.approx(np.mean(precisions), abs=1e-9)
            assert figures.mrr == pytest.approx(np.mean(1 / np.array(ranks)))
            assert figures.rank1 == pytest.approx(np.mean(np.array(ranks) <= 1))
            assert figures.rank5 == pytest.approx(np.mean(np.array(ranks) <= 5))
            low, high = figures.map_ci or (1.0, 0.0)
            assert low <= figures.map <= high


def test_drift_is_the_ceiling_minus_the_methods_map_and_macro_the_mean_over_classes() -> None:
    for method in ranked().methods:
        for figures in method.classes.values():
            assert figures.drift == pytest.approx(figures.ceiling_map - figures.map)
        maps = [figures.map for figures in method.classes.values()]
        assert method.macro.map == pytest.approx(np.mean(maps))
        assert method.macro.n_queries == 2 * len(SPECIES) * IDENTITIES


def test_two_methods_are_compared_over_identities() -> None:
    (pair,) = ranked().comparisons
    means = []
    for method in ranked().methods:
        by_identity: dict = {}
        for one in method.queries:
            by_identity.setdefault(one.query.identity, []).append(one.result.ap)
        means.append([np.mean(v) for v in by_identity.values()])
    differences = np.subtract(*means)
    assert pair.difference == pytest.approx(differences.mean())
    oracle = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=9999
    )
    assert pair.p == pytest.approx(oracle.pvalue, abs=0.02)
    assert pair.n_identities == len(SPECIES) * IDENTITIES


def test_missing_images_leave_the_ranking_and_are_counted() -> None:
    gone = ("g/dog00.png", "g/dog01.png", "g/dog02.png", "q/good/dog10.png")
    good = next(one for one in ranked(gone).methods if one.method == "good")
    dogs = good.classes["dog"]
    assert (dogs.n_left_out, dogs.n_queries, dogs.n_gallery) == (4, 12, 18)
    assert dogs.n_without_match == 3  # two queries of n0, and the one that cannot be compared
    lost = [one for one in good.queries if one.query.identity in (("dog", "n0"),)]
    assert [one.result.ap for one in lost] == [0.0, 0.0]
    assert good.classes["toy"].n_left_out == 0


def test_equal_gallery_images_tie_wherever_they_stand() -> None:
    rng = np.random.default_rng(0)
    pool = unit(rng.normal(size=(40_000, 16)))
    pool[[7, 20_000, 39_999]] = pool[3]
    (row,) = cosine_distances(unit(rng.normal(size=(1, 16))), pool)
    assert row[7] == row[20_000] == row[39_999] == row[3]


def test_a_named_reference_is_the_one_that_counts() -> None:
    _, gallery, references, features = tables()
    query = ImageRow("n0", "dog", "q/x.png", ref_path=references[1].file_path)
    features[image_key(query)] = features[image_key(references[1])]
    distances = CosineDistances(
        unit(np.array(list(features.values()))), {key: n for n, key in enumerate(features)}
    )
    found = rank_queries([query], gallery, distances, Watch())
    (one,) = with_reference_similarity(found, references, distances)
    assert one.reference_similarity == pytest.approx(1.0)


def test_a_class_without_a_gallery_is_refused() -> None:
    queries, gallery, _, features = tables()
    distances = CosineDistances(np.zeros((len(features), 2)), dict.fromkeys(features, 0))
    with pytest.raises(DatasetError, match="got none of 'dog'"):
        rank_queries(queries, [g for g in gallery if g.species != "dog"], distances, Watch())


def test_the_rows_of_queries_hold_every_query_once() -> None:
    rows = list(query_rows(ranked()))
    assert len(rows) == 4 * len(SPECIES) * IDENTITIES
    assert {row["first_hit"] for row in rows} <= {*range(1, 19), None}
