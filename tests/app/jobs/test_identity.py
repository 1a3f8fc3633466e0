"""The job that ranks a gallery: what comes out, what is refused, and what is left behind."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from identity_uploads import packed, png, tables
from staged import ranked_study

from app.files import identity_runs, identity_sample
from app.files.backup import write_backup
from app.files.identity_runs import delete_run, request_run, run_folder, runs
from app.files.restore import restore_backup
from app.files.study_deletion import delete_study
from app.jobs import identity
from app.store import Store
from app.study.identity_run import PICTURES, RESULTS, IdentityRun, Source
from app.study.types import Job
from app.worker import Worker
from clpips.errors import Cancelled, ClpipsError, StudyError
from clpips.progress import Watch

OWN = ("a,dog,good", "b,dog,good", "a,dog,bad")
GALLERY = ("a,dog", "a,dog", "b,dog", "c,dog")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


def asked(
    queries: Source = "upload", gallery: Source = "upload", study_id: int | None = None
) -> IdentityRun:
    return IdentityRun("0123456789abcdef", "alex", queries, gallery, "mine.zip", study_id)


def uploads(**changed: bytes) -> dict[str, bytes]:
    both = packed(tables(queries=OWN, gallery=GALLERY, references=("a,dog", "b,dog")))
    return {"queries": both, "gallery": both, **changed}


def ranked(store: Store, run: IdentityRun, files: dict[str, bytes]) -> Path:
    """Request a ranking and let a worker do it; its folder."""
    job = request_run(store, run, files, Watch())
    Worker(store.settings).do_next(["identity"])
    ended = store.jobs.get(job.id)
    assert ended.state == "done", ended.message
    return run_folder(store, run)


def test_the_figures_of_an_upload_are_those_of_the_command(store: Store) -> None:
    folder = ranked(store, asked(), uploads())
    report = json.loads((folder / "report.json").read_text())
    good = report["methods"]["good"]["macro"]
    assert (good["map"], good["rank1"], good["ceiling_map"], good["n_queries"]) == (1, 1, 1, 2)
    assert good["reference_similarity"] == pytest.approx(1)
    assert report["compared_by"]["name"] == "alex"
    assert all((folder / name).is_file() for name in RESULTS)
    rows = list(csv.DictReader((folder / "results.csv").read_text("utf-8-sig").splitlines()))
    assert [(row["method"], row["species"], row["map"]) for row in rows] == [
        ("good", "dog", "1.0"),
        ("bad", "dog", "1.0"),
    ]
    shown = json.loads((folder / PICTURES).read_text())
    assert [near["is_hit"] for near in shown["bad"][0]["near"]] == [True, True, False, False]
    assert str(store.settings.data_dir) not in (folder / "report.html").read_text()


def test_an_image_that_cannot_be_read_is_named_as_the_table_names_it(store: Store) -> None:
    files = {**tables(gallery=GALLERY), "gallery/3.png": b"no picture"}
    folder = ranked(store, asked(), uploads(gallery=packed(files)))
    report = json.loads((folder / "report.json").read_text())
    assert report["methods"]["good"]["macro"]["n_left_out"] == 1
    assert [note for note in report["notes"] if note.startswith("left out: gallery/3.png: ")]


def test_the_images_of_a_study_search_for_its_targets(store: Store) -> None:
    study = ranked_study(store, people=1, targets=2)
    files = tables(gallery=("TARGET_0,thing", "other,thing"))
    folder = ranked(store, asked("study", "upload", study.id), {"gallery": packed(files)})
    report = json.loads((folder / "report.json").read_text())
    (one,) = report["methods"].values()
    assert one["macro"]["n_queries"] == 4  # of the target that the gallery does not show, none
    assert "left out: the images of 'target 1', which the gallery does not show" in report["notes"]
    assert one["macro"]["reference_similarity"] is not None


def test_the_sample_tells_a_thing_from_one_that_has_drifted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity_sample, "KINDS", ("dog",))
    monkeypatch.setattr(identity_sample, "IDENTITIES", 4)
    monkeypatch.setattr(identity_sample, "SIDE", 96)
    run = replace(asked("sample", "sample"), encoder="efficientnet-lite0")
    report = json.loads((ranked(store, run, {}) / "report.json").read_text())
    same, drifted = (report["methods"][name]["macro"] for name in identity_sample.METHODS)
    assert same["map"] > drifted["map"] + 0.2
    assert same["chance_map"] < 0.5


# --- bad input ----------------------------------------------------------------------------------


GOOD = tables(queries=OWN, gallery=GALLERY)
WITHOUT_SPECIES = "name,file_path\na,queries/0.png\n"


@pytest.mark.parametrize(
    ("queries", "says"),
    [
        (b"not a zip", "an upload must be a folder or a zip archive"),
        (packed({"x.png": png(1)}), "the .zip must hold queries.csv, got none"),
        (packed({**GOOD, "old/queries.csv": ""}), "must hold one queries.csv, got 'old/queries"),
        (
            packed({**GOOD, "queries.csv": WITHOUT_SPECIES}),
            "queries.csv, row 1: the column 'species' is missing",
        ),
        (
            packed({"queries.csv": GOOD["queries.csv"]}),
            "queries.csv: every image must be in the .zip, got 'queries/0.png', which is not",
        ),
        (packed({**GOOD, "../x.png": b""}), "must be named by a path inside the archive"),
        (
            packed({"queries.csv": "name,species,file_path\na,dog,/etc/hostname\n"}),
            "every image must be in the .zip, got '/etc/hostname', which is not",
        ),
        (
            packed(tables(queries=("a,cat",))),
            "the gallery must have images of every species of the queries, got none of 'cat'",
        ),
    ],
)
def test_a_bad_archive_is_one_sentence_and_nothing_is_stored(
    store: Store, queries: bytes, says: str
) -> None:
    with pytest.raises(ClpipsError) as refused:
        request_run(store, asked(), uploads(queries=queries), Watch())
    assert says in str(refused.value)
    assert "/tmp" not in str(refused.value) and "\n" not in str(refused.value)
    assert not runs(store) and not list(store.settings.identity.glob("*"))


def test_one_archive_may_hold_all_tables_and_is_stored_once(store: Store) -> None:
    both = uploads()["queries"]
    folder = ranked(store, asked(), {"queries": both})
    assert (folder / "queries.zip").is_file() and not (folder / "gallery.zip").exists()
    report = json.loads((folder / "report.json").read_text())
    assert report["methods"]["good"]["macro"]["ceiling_map"] == 1


def test_an_archive_that_unpacks_to_too_much_is_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = identity_runs.read_upload.__globals__["Limits"](total=1000)
    monkeypatch.setitem(identity_runs.read_upload.__globals__, "LIMITS", limits)
    with pytest.raises(ClpipsError, match="at most 1,000 bytes when unpacked"):
        request_run(store, asked(), uploads(), Watch())


def test_a_study_that_the_gallery_does_not_show_is_refused(store: Store) -> None:
    study = ranked_study(store, people=1, targets=1)
    with pytest.raises(StudyError, match="under their names, got none of 'target 0'"):
        request_run(store, asked("study", "sample", study.id), {}, Watch())


# --- stopping and deleting ----------------------------------------------------------------------


def started(store: Store) -> Job:
    job = request_run(store, asked(), uploads(), Watch())
    assert store.jobs.claim("test", ["identity"]) is not None
    return job


def test_cancelled_it_leaves_no_result(store: Store) -> None:
    said: list[str] = []
    job = started(store)
    watch = Watch(lambda _, words: said.append(words), lambda: said[-1:] == ["Ranking query 2"])
    with pytest.raises(Cancelled):
        identity.run(store, job, watch)
    assert sorted(each.name for each in run_folder(store, asked()).iterdir()) == [
        "gallery.zip",
        "queries.zip",
    ]


def test_after_a_killed_worker_another_does_it_without_embedding_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    job = started(store)
    watch = Watch(lambda _, words: said.append(words), lambda: said[-1:] == ["Ranking query 1"])
    with pytest.raises(Cancelled):
        identity.run(store, job, watch)
    assert store.jobs.reclaim_from(lambda name: name == "test") == 1
    monkeypatch.setattr("clpips.features.embedding.network.NetworkEncoder.embed", None)
    Worker(store.settings).do_next(["identity"])
    assert store.jobs.get(job.id).state == "done"


def test_a_ranking_is_deleted_with_its_files_once_it_has_ended(store: Store) -> None:
    job = started(store)
    with pytest.raises(StudyError, match="must have ended"):
        delete_run(store, job)
    assert run_folder(store, asked()).is_dir()
    store.jobs.finish(job.id, "test", {})
    delete_run(store, job)
    assert not runs(store) and not run_folder(store, asked()).exists()


def test_a_deleted_study_takes_the_rankings_of_its_images_with_it(store: Store) -> None:
    study = ranked_study(store, people=1, targets=1)
    gallery = packed(tables(gallery=("target 0,thing",)))
    request_run(store, asked("study", "upload", study.id), {"gallery": gallery}, Watch())
    delete_study(store, study.id, title=study.title)
    assert not runs(store) and not run_folder(store, asked()).exists()


def test_a_backup_holds_rankings(store: Store, tmp_path: Path) -> None:
    folder = ranked(store, asked(), uploads())
    write_backup(store, tmp_path / "backup.tar", Watch())
    restore_backup(tmp_path / "backup.tar", tmp_path / "again", Watch())
    again = Store(tmp_path / "again")
    ((_, run),) = runs(again)
    names = sorted(each.name for each in folder.iterdir())
    assert sorted(each.name for each in run_folder(again, run).iterdir()) == names
