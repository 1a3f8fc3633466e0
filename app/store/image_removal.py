"""Images that nothing uses any more, removed with their files."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from sqlite_utils import Database

from app.store.database import DatabaseAccess, first, now, number, rows
from app.store.images import image_file

BATCH = 500  # files removed in one transaction, so that nobody waits long for it
JUST_NOW_SECONDS = 60.0
"""An image added again so shortly before may be about to be used by a new study."""


def remove_unused(access: DatabaseAccess, images: Collection[str]) -> int:
    """Remove those of some images that no study uses; returns how many.

    First the rows go, then, once that is on disk, the files: a crash in between leaves a file
    too many, never a row without its file. An image that was added once more since the oldest
    running job began stays, because that job may be about to use it; :func:`left_behind` finds it
    later.

    Args:
        access: the database and its settings.
        images: content hashes.
    """
    wanted = sorted(images)
    removed = 0
    for start in range(0, len(wanted), BATCH):
        with access.write() as db:
            gone = _delete_rows(db, wanted[start : start + BATCH])
        with access.write() as db:  # nobody can add an image while its file is removed
            for sha, media_type in gone:
                if first(db, "SELECT 1 FROM image WHERE sha = ?", [sha]) is None:
                    image_file(access, sha, media_type).unlink(missing_ok=True)
        removed += len(gone)
    return removed


def left_behind(db: Database) -> set[str]:
    """Images that stayed at an earlier removal, if nothing uses them now."""
    sql = "SELECT json_group_array(sha) AS shas FROM image WHERE added_again_at IS NOT NULL"
    again = (first(db, sql) or {"shas": "[]"})["shas"]
    return {row["sha"] for row in rows(db, _UNUSED, [again, _oldest_running(db)])}


def remove_files(paths: Collection[Path]) -> None:
    """Remove files; those that are gone already do not matter."""
    for path in paths:
        path.unlink(missing_ok=True)


def _delete_rows(db: Database, images: list[str]) -> list[tuple[str, str]]:
    """Delete the rows of unused images; hash and media type of each."""
    since = _oldest_running(db)
    unused = [
        (row["sha"], row["media_type"])
        for row in rows(db, _UNUSED, [json.dumps(images), since])
        if row["added_again_at"] is None or not _named_by_a_job(db, row["sha"])
    ]
    for sha, _ in unused:
        db.execute("DELETE FROM image WHERE sha = ?", [sha])
    return unused


_UNUSED = """
    SELECT image.sha, media_type, added_again_at
    FROM json_each(?) AS wanted JOIN image ON image.sha = wanted.value
    WHERE NOT EXISTS (SELECT 1 FROM target WHERE target.image = image.sha)
        AND NOT EXISTS (SELECT 1 FROM candidate WHERE candidate.image = image.sha)
        AND NOT EXISTS (SELECT 1 FROM calibration WHERE calibration.image = image.sha)
        AND NOT EXISTS (SELECT 1 FROM round WHERE round.start = image.sha)
        AND (added_again_at IS NULL OR added_again_at < ?)"""


def _oldest_running(db: Database) -> str:
    """When the oldest running job began, at the latest a minute ago."""
    running = first(db, "SELECT min(started_at) AS at FROM job WHERE state = 'running'")
    at = None if running is None else running["at"]
    recent = now(seconds=-JUST_NOW_SECONDS)
    return recent if at is None else min(at, recent)


def _named_by_a_job(db: Database, sha: str) -> bool:
    """Whether a job's result names an image that no board shows, of a selection for example."""
    return number(db, "SELECT EXISTS (SELECT 1 FROM job WHERE instr(result, ?))", [sha]) == 1
