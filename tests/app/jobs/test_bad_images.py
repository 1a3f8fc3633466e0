"""One image that was damaged on the server fails no job: it is left out by its target's name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from signed_in import signed_in_store, study_page
from staged import add_vectors, ranked_study
from streamlit.testing.v1 import AppTest

from app.jobs.vectors import network
from app.store import Store
from app.study.types import Job, JobKind, Study
from app.worker import Worker

DAMAGED = b"no picture any more"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    network.cache_clear()
    return signed_in_store(tmp_path, monkeypatch)


@pytest.fixture
def study(store: Store) -> Study:
    return ranked_study(store, people=2, targets=7)


def damage(store: Store, study: Study, which: str) -> None:
    """Overwrite the file of target 2, or of a candidate that Ada 1 ranked for it."""
    ranked = store.rounds.ranked(study.id)
    one = next(each for each in ranked if each.trial.target.name == "target 2")
    sha = one.trial.target.image if which == "target" else one.round.candidates[0].image
    store.images.path(sha).write_bytes(DAMAGED)


def done(store: Store, study: Study, kind: JobKind, **payload: object) -> Job:
    """The job, run by a worker."""
    if kind != "compare":
        store.jobs.enqueue(kind, {"study_id": study.id, **payload}, study_id=study.id)
    assert Worker(store.settings).do_next([kind])
    ended = store.jobs.latest(study.id, kinds=[kind], limit=1)[0]
    assert ended.state == "done", ended.message
    text = json.dumps([ended.message, ended.result], ensure_ascii=False)
    assert str(store.settings.data_dir) not in text
    return ended


def page(study: Study, whose: str) -> str:
    screen = AppTest.from_function(study_page, default_timeout=120)
    screen.query_params["study"] = str(study.id)
    screen.query_params["whose-fit"] = whose
    screen.session_state["tab"] = "Fit & report"
    screen.run()
    assert not screen.exception, screen.exception[0].message
    return "\n".join(each.proto.body for each in screen.get("html"))


@pytest.mark.parametrize(("which", "lost"), [("target", 2), ("candidate", 1)])
def test_the_other_targets_are_fitted_compared_and_explained(
    store: Store, study: Study, which: str, lost: int
) -> None:
    damage(store, study, which)
    vectors = done(store, study, "vectors")
    assert vectors.result["n"] == 2 * 7 * 4 - (8 if which == "target" else 1)
    assert [words.split(":")[0] for words in vectors.result["left_out"]] == ["Target “target 2”"]
    assert not Worker(store.settings).do_next(["vectors"])  # it does not ask again for ever

    fit_job = done(store, study, "fit", scope="each", participant_id=None)
    assert len(fit_job.result["fits"]) == 2
    (words,) = fit_job.result["left_out"]
    assert words.startswith("Target “target 2”: an image cannot be used (an image must be ")
    assert words.endswith(f"{lost} ranking{'s of it are' if lost == 2 else ' of it is'} left out.")
    fits = {each.report["participants"][0]: each for each in store.fits.of_study(study.id)}
    ada = fits["Ada 1"]
    assert (ada.report["n_rankings"], ada.report["n_targets"]) == (6, 6)
    assert [(one["target"], one["n_rankings"]) for one in ada.report["left_out"]] == [
        ("target 2", 1)
    ]
    assert fits["Ada 2"].report["n_rankings"] == (6 if which == "target" else 7)
    shown = page(study, "Ada 1")
    assert "Left out: 1 ranking of target “target 2”, with an image that cannot be used" in shown
    assert DAMAGED.decode() not in shown and str(store.settings.data_dir) not in shown

    done(store, study, "compare")
    parts = store.comparisons.of_fits([ada.id])[ada.id]
    assert "table" not in parts["left_out"] and "wide" not in parts["left_out"]
    assert {row["agreement"]["n_rankings"] for row in parts["table"]} == {6}
    done(store, study, "explain", fit_id=ada.id)


def test_an_image_damaged_after_the_fit_costs_an_example_and_not_the_explanation(
    store: Store, study: Study
) -> None:
    add_vectors(store, study)
    done(store, study, "fit", scope="each", participant_id=None)
    fit = store.fits.of_study(study.id)[0]
    for target in store.studies.targets(study.id):
        store.images.path(target.image).write_bytes(DAMAGED)
    explained = done(store, study, "explain", fit_id=fit.id)
    assert explained.result["examples"] == []
    assert explained.result["left_out"][0].startswith("Target “target ")
