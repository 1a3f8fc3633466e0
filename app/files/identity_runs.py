"""Identity rankings in the data folder: requested, read again, deleted."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.files.identity_sample import drawn, redrawn_targets, sample
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


def request_run(store: Store, run: IdentityRun, uploads: Mapping[str, bytes]) -> Job:
    """Check and store a ranking's images, then queue its job.

    Args:
        store: where it is kept.
        run: what is asked for.
        uploads: the archives, by what they are: ``queries``, ``gallery``.

    Raises:
        DatasetError, StudyError: an archive, a table or a study that breaks a rule; nothing is
            stored.
    """
    _remove_strays(store)
    with (
        atomic_folder(run_folder(store, run)) as folder,
        tempfile.TemporaryDirectory(prefix="clpips-identity-") as scratch,
    ):
        for part, data in uploads.items():
            (folder / f"{part}.zip").write_bytes(data)
        _read(store, run, folder, Path(scratch), Watch(), draw=False)
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
    own: dict[str, list[ImageRow]] = {"query": [], "gallery": [], "reference": []}
    if run.gallery == "sample":
        drawings = sample() if run.queries == "sample" else redrawn_targets()
        for one in drawn(drawings, scratch / "drawn", watch) if draw else drawings:
            own[one.use].append(one.row)
    else:
        own["gallery"], own["reference"] = read_upload(
            zips / "gallery.zip",
            scratch / "gallery",
            [GALLERY],
            notes,
            watch.part(0.0, 0.5),
            optional=[REFERENCES],
        )
    if run.queries == "upload":
        read = read_upload(
            zips / "queries.zip", scratch / "queries", [QUERIES], notes, watch.part(0.5, 0.5)
        )
        own["query"] = read[0]
    elif run.study_id is not None:
        own["query"], targets, left_out = study_queries(store, run.study_id, own["gallery"])
        own["reference"] = own["reference"] or targets
        notes += left_out
    check_species(own["query"], {row.species for row in own["gallery"]})
    return RunImages(own["query"], own["gallery"], own["reference"], notes)


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
