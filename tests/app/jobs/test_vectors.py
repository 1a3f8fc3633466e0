from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from staged import add_vectors, end, job, person, rank_once, ranked_study

from app.jobs import vectors
from app.store import Store
from clpips.errors import Cancelled
from clpips.features.architecture import SPECS
from clpips.metric.clpips import CLPIPS
from clpips.progress import Watch


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


def test_stored_vectors_give_the_distances_of_the_images(store: Store) -> None:
    study = ranked_study(store, people=1, targets=1)
    assert vectors.run(store, job(store, "vectors", study), Watch()) == {"n": 4}
    metric = CLPIPS("alex")
    (ranking,) = store.rankings.of_study(study.id)
    pairs = [(ranking.target, image) for image in ranking.images]
    known = store.vectors.of_pairs(pairs, "alex", checksum=SPECS["alex"].sha256)
    for target, image in pairs:
        straight = metric.distance(store.images.path(target), store.images.path(image))
        assert known[target, image] @ metric.weights == pytest.approx(straight, abs=1e-6)


def test_vectors_at_hand_are_not_computed_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = ranked_study(store, people=1, targets=1)
    add_vectors(store, study)
    monkeypatch.setattr(vectors, "network", None)  # anybody who wants it, fails
    assert vectors.run(store, job(store, "vectors", study), Watch()) == {"n": 0}


def test_vectors_of_other_weights_are_computed_again(store: Store) -> None:
    study = ranked_study(store, people=1, targets=1)
    pairs = store.vectors.missing(study.id, "alex")
    store.vectors.add((*pair, "alex", "other", np.ones(3), False) for pair in pairs)
    assert vectors.run(store, job(store, "vectors", study), Watch()) == {"n": 4}


def test_cancel_keeps_the_vectors_that_are_done(store: Store) -> None:
    study = ranked_study(store, people=1, targets=2)
    told: list[float] = []
    watch = Watch(
        progress=lambda share, words: told.append(share),
        cancelled=lambda: bool(told) and told[-1] >= 0.5,
    )
    with pytest.raises(Cancelled):
        vectors.run(store, job(store, "vectors", study), watch)
    assert len(store.vectors.missing(study.id, "alex")) == 4


def test_an_image_that_is_gone_is_left_out_by_its_target_s_name(store: Store) -> None:
    study = ranked_study(store, people=1, targets=1)
    lost = store.rankings.of_study(study.id)[0].images[0]
    store.images.path(lost).unlink()
    result = vectors.run(store, job(store, "vectors", study), Watch())
    assert result["n"] == 3
    assert result["left_out"] == ["Target “target 0”: an image cannot be used (no such image)."]
    assert [image for _, image in result["unusable"]] == [lost]


def test_candidates_that_came_too_late_for_a_job_get_another_one(store: Store) -> None:
    study = ranked_study(store, people=1, targets=1)
    running = job(store, "vectors", study)
    add_vectors(store, study)
    rank_once(store, person(store, study))
    end(store, running)
    vectors.requeue_if_stale(store, study.id)
    vectors.requeue_if_stale(store, study.id)
    assert [each.state for each in store.jobs.latest(kinds=["vectors"])] == ["queued", "done"]
    add_vectors(store, study)
    again = store.jobs.claim("test", ["vectors"])
    assert again is not None
    end(store, again)
    vectors.requeue_if_stale(store, study.id)
    assert len(store.jobs.latest(kinds=["vectors"])) == 2
