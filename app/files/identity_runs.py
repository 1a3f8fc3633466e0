"""Identity rankings in the data folder: requested, read again, deleted."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.files.identity_sample import Use, drawn, redrawn_targets, sample
from app.files.identity_study import study_queries
from app.files.identity_tables import GALLERY, QUERIES, REFERENCES, read_upload
from app.store import Store
from app.study.identity_run import KEY, IdentityRun, run_of
from app.study.types import Job
from clpips.io.atomic_files import atomic_folder
from clpips.io.image_tables import ImageRow, check_species
from clpips.progress import Watch

STRAY_SECONDS = 3600.0
"""Until a folder without a job may go: one that is being stored has none yet."""


@dataclass(frozen=True, slots=True)
class RunImages:
    """The images of a ranking.

    Args:
        queries, gallery, references: see :class:`clpips.identity.rank_run.RankTables`.
        notes: what was found while they were read.
    """

    queries: list[ImageRow]
    gallery: list[ImageRow]
    references: list[ImageRow]
    notes: list[str]


def run_folder(store: Store, run: IdentityRun) -> Path:
    """Where a ranking's uploads and results lie."""
    return store.settings.identity / run.key


def runs(store: Store, limit: int = -1) -> list[tuple[Job, IdentityRun]]:
    """The newest rankings, or all, newest first, in any state."""
    jobs = store.jobs.latest(kinds=["identity"], limit=limit)
    return [(job, run) for job in jobs if (run := run_of(job)) is not None]


def request_run(store: Store, run: IdentityRun, uploads: Mapping[str, bytes], watch: Watch) -> Job:
    """Check and store a ranking's images, then queue its job.

    Args:
        store: where it is kept.
        run: what is asked for.
        uploads: the archives, by what they are: ``queries``, ``gallery``; the first alone where
            it holds both.
        watch: progress and cancel.

    Raises:
        DatasetError, StudyError: an archive, a table or a study that breaks a rule; nothing is
            stored.
        Cancelled: the caller cancelled; nothing is stored.
    """
    _remove_strays(store)
    with (
        atomic_folder(run_folder(store, run)) as folder,
        tempfile.TemporaryDirectory(prefix="clpips-identity-") as scratch,
    ):
        for part, data in uploads.items():
            (folder / f"{part}.zip").write_bytes(data)
        _read(store, run, folder, Path(scratch), watch, draw=False)
    return store.jobs.enqueue("identity", run.payload(), study_id=run.study_id)


def images_of(store: Store, run: IdentityRun, scratch: Path, watch: Watch) -> RunImages:
    """The images of a ranking: uploads unpacked and samples drawn into an empty folder.

    Raises:
        DatasetError, StudyError: see :func:`request_run`.
        Cancelled: the caller cancelled.
    """
    return _read(store, run, run_folder(store, run), scratch, watch, draw=True)


def delete_run(store: Store, job: Job) -> None:
    """Delete a ranking and its files.

    Raises:
        StudyError: it is queued or running.
    """
    run = run_of(job)
    store.jobs.forget(job.id)
    if run is not None:
        shutil.rmtree(run_folder(store, run), ignore_errors=True)


def _read(
    store: Store, run: IdentityRun, zips: Path, scratch: Path, watch: Watch, *, draw: bool
) -> RunImages:
    notes: list[str] = []
    tables = _uploaded(run, zips, scratch, notes, watch)
    queries, references = tables.get(QUERIES, []), tables.get(REFERENCES, [])
    gallery = tables.get(GALLERY, [])
    if run.gallery == "sample":
        drawings = list(sample() if run.queries == "sample" else redrawn_targets())
        drawings = drawn(drawings, scratch / "drawn", watch) if draw else drawings
        uses: tuple[Use, ...] = ("query", "gallery", "reference")
        queries, gallery, references = (
            [one.row for one in drawings if one.use == use] for use in uses
        )
    if run.study_id is not None:
        queries, targets, left_out = study_queries(store, run.study_id, gallery)
        references = references or targets
        notes += left_out
    check_species(queries, {row.species for row in gallery})
    return RunImages(queries, gallery, references, notes)


def _uploaded(
    run: IdentityRun, zips: Path, scratch: Path, notes: list[str], watch: Watch
) -> dict[str, list[ImageRow]]:
    """The rows of the uploaded tables, by their names."""
    archives: dict[str, list[str]] = {}
    if run.queries == "upload":
        archives["queries"] = [QUERIES]
    if run.gallery == "upload":
        place = "gallery" if (zips / "gallery.zip").exists() else "queries"
        archives.setdefault(place, []).extend([GALLERY, REFERENCES])
    found: dict[str, list[ImageRow]] = {}
    for number, (name, tables) in enumerate(archives.items()):
        part = watch.part(number / len(archives), 1 / len(archives))
        found |= read_upload(zips / f"{name}.zip", scratch / name, tables, notes, part)
    return found


def _remove_strays(store: Store) -> None:
    """Remove what a crash left behind: folders that no ranking has."""
    folder = store.settings.identity
    if not folder.is_dir():
        return
    named = {run.key for _, run in runs(store)}
    for each in folder.iterdir():
        is_old = time.time() - each.stat().st_mtime > STRAY_SECONDS
        if is_old and each.name not in named and KEY.fullmatch(each.name):
            shutil.rmtree(each, ignore_errors=True)
