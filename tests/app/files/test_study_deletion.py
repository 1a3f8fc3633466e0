"""Deleting a study: everything of it goes, from the database and the disk, and nothing else."""

from __future__ import annotations

import io
import threading
import time
import zipfile
from pathlib import Path

import pytest
from pictures import scene
from sql import run_sql
from staged import add_vectors, empty_study, job, person, picture, rank_once, ranked_study

from app.files.bundle import open_bundle, write_bundle
from app.files.pools import add_pool
from app.files.study_deletion import delete_study
from app.jobs import export, fit
from app.settings import Settings
from app.store import Store, image_removal
from app.study.records import CalibrationBoard
from app.study.submission import Submission
from app.study.types import Study
from app.worker import Worker
from clpips.errors import StudyError
from clpips.progress import Watch
from clpips.types import Provenance

TITLE = "Hüte & Shapes"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


@pytest.fixture
def no_one_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images that were added again just now count as long there."""
    monkeypatch.setattr(image_removal, "JUST_NOW_SECONDS", 0.0)


def pool(numbers: range) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for number in numbers:
            content = io.BytesIO()
            scene(number, 64).save(content, "PNG")
            packed.writestr(f"{number}.png", content.getvalue())
    return buffer.getvalue()


def files(store: Store) -> set[str]:
    """Every file of the data folder but the database itself."""
    folder = store.settings.data_dir
    found = {each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()}
    return {each for each in found if not each.startswith("clpips.sqlite")}


def counts(store: Store) -> dict[str, int]:
    tables = run_sql(store.path, "SELECT name FROM sqlite_master WHERE type = 'table'")
    kept = [str(name) for (name,) in tables if not str(name).startswith(("_", "sqlite_", "job"))]
    return {
        name: int(str(run_sql(store.path, f"SELECT count(*) FROM {name}")[0][0])) for name in kept
    }


def a_full_study(store: Store) -> Study:
    """With people, rankings, a fit, exports, a pool, a calibration board, a preview."""
    maker = add_pool(store, pool(range(500, 512)))
    study = empty_study(store, targets=2, maker=maker, calibration=1)
    board = CalibrationBoard(
        "shared",
        picture(store, 900),
        tuple(
            (picture(store, 901 + number), Provenance("scenes", "1", "a hat", number, 64, 64))
            for number in range(4)
        ),
    )
    store.calibration.add(study.id, [board])
    somebody = person(store, study)
    rank_once(store, somebody)
    rank_once(store, somebody)
    add_vectors(store, study)
    fitting = job(store, "fit", study, scope="participant", participant_id=somebody.id)
    store.jobs.finish(fitting.id, "test", fit.run(store, fitting, Watch()))
    exporting = job(store, "export", study, what="csv")
    unseen = picture(store, 990)  # made, but not shown
    result = {**export.run(store, exporting, Watch()), "choice": {"images": [{"image": unseen}]}}
    store.jobs.finish(exporting.id, "test", result)
    store.previews.save(exporting.id, b"a preview")
    return study


@pytest.mark.usefixtures("no_one_waits")
def test_all_of_a_study_goes_and_all_of_the_others_stays(store: Store) -> None:
    other = ranked_study(store)
    before, there = counts(store), files(store)
    rankings = store.rankings.of_study(other.id)
    study = a_full_study(store)
    assert len(files(store)) > len(there) + 10
    contents = store.deletion.contents(study.id)
    assert (contents.participants, contents.rankings, contents.fits) == (1, 2, 1)
    assert contents.exports == 1
    delete_study(store, study.id, title=TITLE)
    assert counts(store) == before
    assert files(store) == there
    assert store.rankings.of_study(other.id) == rankings
    with pytest.raises(StudyError, match="must exist"):
        store.studies.get(study.id)
    assert all(store.images.exists(sha) for sha in store.images.of_study(other.id))
    left = run_sql(store.path, "SELECT payload, result, study_id FROM job WHERE kind = 'export'")
    assert left == [("{}", "{}", None)]


def test_another_title_deletes_nothing(store: Store) -> None:
    study = ranked_study(store)
    before = counts(store)
    with pytest.raises(StudyError, match="title must be typed as it is"):
        delete_study(store, study.id, title="Hats")
    assert counts(store) == before
    assert store.studies.get(study.id).is_open


@pytest.mark.usefixtures("no_one_waits")
def test_a_pool_and_images_that_another_study_uses_stay(store: Store) -> None:
    maker = add_pool(store, pool(range(500, 512)))
    first, second = empty_study(store, maker=maker), empty_study(store, maker=maker)
    delete_study(store, first.id, title=TITLE)
    assert (store.settings.data_dir / maker.removeprefix("pool:")).is_file()
    assert all(store.images.exists(target.image) for target in store.studies.targets(second.id))
    delete_study(store, second.id, title=TITLE)
    assert files(store) == set()


def test_running_jobs_stop_and_what_they_had_made_is_not_kept(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = empty_study(store)
    somebody = person(store, study)
    trial = store.progress.of_participant(somebody.id).trial
    assert trial is not None
    store.rounds.request(somebody.id, trial.id, "a hat", request_id="click")
    began, ended = threading.Event(), threading.Event()

    def slow(store: Store, job: object, watch: Watch) -> dict[str, object]:
        try:
            for step in range(600):
                began.set()
                watch.report(step / 600, "on and on")
                time.sleep(0.02)
        finally:
            ended.set()
        return {}

    monkeypatch.setattr("app.worker.work_of", lambda kind: slow)
    worker = Worker(Settings(data_dir=store.settings.data_dir))
    working = threading.Thread(target=worker.do_next, args=(["generate"],))
    working.start()
    assert began.wait(10)
    delete_study(store, study.id, title=TITLE)
    assert ended.wait(1), "the job went on after its study was deleted"
    working.join(10)
    assert files(store) == set()
    assert store.jobs.latest()[0].state == "cancelled"


def test_a_bundle_brings_a_deleted_study_back(store: Store, tmp_path: Path) -> None:
    study = ranked_study(store)
    rankings = store.rankings.of_study(study.id)
    write_bundle(store, study.id, tmp_path / "study.zip", Watch())
    delete_study(store, study.id, title=TITLE)
    again = open_bundle(store, tmp_path / "study.zip", Watch())
    found = store.rankings.of_study(again.id)
    assert [(each.images, each.ranks) for each in found] == [
        (each.images, each.ranks) for each in rankings
    ]


def test_who_was_ranking_is_refused_and_nothing_comes_back(store: Store) -> None:
    study = empty_study(store)
    somebody = person(store, study)
    delete_study(store, study.id, title=TITLE)
    with pytest.raises(StudyError):
        store.rankings.submit(somebody.id, Submission("uuid-0001", 1, (1, 2), (1, 2), (1, 2)))
    assert counts(store)["attempt"] == 0


def test_an_image_that_a_job_is_about_to_use_stays_until_nothing_does(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = empty_study(store, targets=1)
    image = store.studies.targets(study.id)[0].image
    picture(store, 0)  # the same picture once more, for a study that is being made
    delete_study(store, study.id, title=TITLE)
    assert store.images.exists(image)
    monkeypatch.setattr(image_removal, "JUST_NOW_SECONDS", 0.0)
    delete_study(store, empty_study(store, targets=1).id, title=TITLE)
    assert not store.images.exists(image)


# --- targets ------------------------------------------------------------------------------------


def test_targets_come_and_go_until_somebody_has_joined(store: Store) -> None:
    study = empty_study(store, targets=2)
    first, second = store.studies.targets(study.id)
    store.targets.add(study.id, [("hat", picture(store, 70)), ("boat", picture(store, 71))])
    left = store.targets.remove(study.id, [first.id, second.id])
    assert [target.name for target in left] == ["hat", "boat"]
    assert not store.images.exists(first.image)
    somebody = person(store, study)
    assert len(store.progress.of_participant(somebody.id).trials) == 2
    with pytest.raises(StudyError, match="until somebody has joined"):
        store.targets.add(study.id, [("tree", picture(store, 72))])
    with pytest.raises(StudyError, match="until somebody has joined"):
        store.targets.remove(study.id, [left[0].id])


def test_a_target_must_be_new_and_one_must_be_left(store: Store) -> None:
    study, other = empty_study(store, targets=2), empty_study(store, targets=1)
    ids = [target.id for target in store.studies.targets(study.id)]
    with pytest.raises(StudyError, match="name of its own, got 'target 1'"):
        store.targets.add(
            study.id, [("hat", picture(store, 70)), (" target 1 ", picture(store, 71))]
        )
    with pytest.raises(StudyError, match="at least one target"):
        store.targets.remove(study.id, ids)
    with pytest.raises(StudyError, match="study's own"):
        store.targets.remove(study.id, [store.studies.targets(other.id)[0].id])
    assert [target.id for target in store.studies.targets(study.id)] == ids
