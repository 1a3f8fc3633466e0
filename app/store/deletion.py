"""Deleting a study with everything in it: people, rankings, images, fits and files."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable
from pathlib import Path

from sqlite_utils import Database

from app.store.database import DatabaseAccess, Row, first, now, number, row_by_id, rows
from app.store.image_removal import left_behind, remove_files, remove_unused
from app.store.job_queue import ask_to_cancel, empty_jobs
from app.store.studies import read_study
from app.study.records import StudyContents
from clpips.errors import StudyError

STOP_SECONDS = 5.0
ASK_SECONDS = 0.1
_SHA = re.compile(r"\b[0-9a-f]{64}\b")


class Deletion:
    """Studies that nobody needs."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def contents(self, study_id: int) -> StudyContents:
        """What would be deleted with a study.

        Raises:
            StudyError: there is no such study.
        """
        with self._access.read() as db:
            read_study(db, study_id)
            row = first(db, _CONTENTS, [study_id])
        return StudyContents(**(row or {}))

    def delete(self, study_id: int, *, title: str) -> None:
        """Delete a study, its jobs, and every file that only it uses.

        It is closed at once and its jobs are stopped; then its people go one after the other, so
        that others' rankings are not held up. Interrupted, it is archived and can be deleted
        again. Copies of the database made before (backups) keep it.

        Args:
            study_id: the study.
            title: its title, as a confirmation.

        Raises:
            StudyError: no such study, or another title.
        """
        with self._access.write() as db:
            _close(db, study_id, title)
        self._wait_for_jobs(study_id)
        while True:
            with self._access.read() as db:
                sql = "SELECT id FROM participant WHERE study_id = ?"
                people = [row["id"] for row in rows(db, sql, [study_id])]
            if not people:
                break
            for participant_id in people:
                self._delete_participant(participant_id)
        self._delete_rest(study_id)

    def _wait_for_jobs(self, study_id: int) -> None:
        """Give running jobs a moment to stop by themselves."""
        sql = (
            "SELECT count(*) FROM job WHERE study_id = ? AND state = 'running' AND lease_until > ?"
        )
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            with self._access.read() as db:
                if not number(db, sql, [study_id, now()]):
                    return
            time.sleep(ASK_SECONDS)

    def _delete_participant(self, participant_id: int) -> None:
        with self._access.write() as db:
            images = _images_of_participant(db, participant_id)
            jobs = rows(db, "SELECT * FROM job WHERE participant_id = ?", [participant_id])
            images |= _images_named(jobs)
            files = self._files(db, _METRICS_OF_PARTICIPANT, participant_id)
            empty_jobs(db, jobs)
            db.execute("DELETE FROM participant WHERE id = ?", [participant_id])
        self._remove_previews(jobs)
        remove_files(files)
        remove_unused(self._access, images)

    def _delete_rest(self, study_id: int) -> None:
        with self._access.write() as db:
            images = _images_of_study(db, study_id)
            jobs = rows(db, "SELECT * FROM job WHERE study_id = ?", [study_id])
            images |= _images_named(jobs)
            files = self._files(db, _FILES_OF_STUDY, study_id)
            empty_jobs(db, jobs)
            db.execute("DELETE FROM study WHERE id = ?", [study_id])
            images |= left_behind(db)
        self._remove_previews(jobs)
        remove_files(files)
        remove_unused(self._access, images)

    def _files(self, db: Database, sql: str, id: int) -> list[Path]:
        """Files inside the data folder, and the folds that lie beside metrics."""
        paths = [self._access.absolute_path(row["path"]) for row in rows(db, sql, [id])]
        folder = self._access.settings.data_dir.resolve()
        inside = [path for path in paths if path.resolve().is_relative_to(folder)]
        return [*inside, *(path.with_suffix(".folds.npz") for path in inside)]

    def _remove_previews(self, jobs: Collection[Row]) -> None:
        folder = self._access.settings.data_dir / "previews"
        remove_files([folder / f"{job['id']}.jpg" for job in jobs])


# A file that another study names as well is not among them.
_METRICS_OF_PARTICIPANT = """
    SELECT metric_path AS path FROM fit WHERE participant_id = ?1 AND metric_path NOT IN (
        SELECT metric_path FROM fit WHERE participant_id IS NOT ?1)"""
_FILES_OF_STUDY = """
    SELECT path FROM export WHERE study_id = ?1
        AND path NOT IN (SELECT path FROM export WHERE study_id != ?1)
    UNION SELECT metric_path FROM fit WHERE study_id = ?1
        AND metric_path NOT IN (SELECT metric_path FROM fit WHERE study_id != ?1)"""

_CONTENTS = """
    SELECT
        (SELECT count(*) FROM participant WHERE study_id = ?1) AS participants,
        (SELECT count(*) FROM participant CROSS JOIN trial ON participant_id = participant.id
            CROSS JOIN round ON trial_id = trial.id
            WHERE study_id = ?1 AND round.state = 'ranked') AS rankings,
        (SELECT count(*) FROM image WHERE
            EXISTS (SELECT 1 FROM target WHERE image = sha AND study_id = ?1)
            OR EXISTS (SELECT 1 FROM calibration CROSS JOIN target ON target.id = target_id
                WHERE calibration.image = sha AND study_id = ?1)
            OR EXISTS (SELECT 1 FROM candidate CROSS JOIN round ON round.id = round_id
                CROSS JOIN trial ON trial.id = trial_id
                CROSS JOIN target ON target.id = target_id
                WHERE candidate.image = sha AND study_id = ?1)) AS images,
        (SELECT count(*) FROM fit WHERE study_id = ?1) AS fits,
        (SELECT count(*) FROM export WHERE study_id = ?1) AS exports,
        (SELECT count(*) FROM job WHERE study_id = ?1
            AND state IN ('queued', 'running')) AS open_jobs"""


def _close(db: Database, study_id: int, title: str) -> None:
    """Take a study out of use: nobody can join, and its jobs stop."""
    row = row_by_id(db, "study", study_id)
    if " ".join(title.split()) != row["title"]:
        raise StudyError(f"the title must be typed as it is, {row['title']!r}, got {title!r}")
    db.execute("UPDATE study SET is_open = 0, is_archived = 1 WHERE id = ?", [study_id])
    sql = "SELECT id FROM job WHERE study_id = ? AND state IN ('queued', 'running')"
    for job in rows(db, sql, [study_id]):
        ask_to_cancel(db, job["id"])


def _images_of_participant(db: Database, participant_id: int) -> set[str]:
    sql = """SELECT candidate.image FROM candidate JOIN round ON round.id = round_id
                 JOIN trial ON trial.id = trial_id WHERE participant_id = ?1
             UNION SELECT start FROM round JOIN trial ON trial.id = trial_id
                 WHERE participant_id = ?1 AND start IS NOT NULL"""
    return {row["image"] for row in rows(db, sql, [participant_id])}


def _images_of_study(db: Database, study_id: int) -> set[str]:
    sql = """SELECT image FROM target WHERE study_id = ?1
             UNION SELECT calibration.image FROM calibration
                 JOIN target ON target.id = target_id WHERE study_id = ?1"""
    return {row["image"] for row in rows(db, sql, [study_id])}


def _images_named(jobs: Iterable[Row]) -> set[str]:
    """Images that no board shows: of a selection, or painted to explain a metric."""
    return {sha for job in jobs for sha in _SHA.findall(f"{job['payload']} {job['result']}")}
