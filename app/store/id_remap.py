"""Copying a study into another database, with new ids for all its rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from sqlite_utils import Database

from app.store.database import Row, insert, number, rows
from clpips.errors import StudyError

# Which columns of a table hold the id of a row, and of which table; parents come first.
NUMBERS = {
    "study": {"id": "study"},
    "target": {"id": "target", "study_id": "study"},
    "participant": {"id": "participant", "study_id": "study"},
    "trial": {"id": "trial", "participant_id": "participant", "target_id": "target"},
    "calibration": {"id": "calibration", "target_id": "target"},
    "round": {"id": "round", "trial_id": "trial", "repeats": "round"},
    "candidate": {"id": "candidate", "round_id": "round"},
    "submission": {"id": "submission", "round_id": "round"},
    "guide": {"id": "guide", "round_id": "round"},
    "attempt": {"id": "attempt", "participant_id": "participant"},
    "fit": {"id": "fit", "study_id": "study", "participant_id": "participant"},
    "comparison": {"fit_id": "fit"},
    "study_comparison": {"study_id": "study"},
}
OWNERS = {owner for columns in NUMBERS.values() for owner in columns.values()}


def copy_rows(
    bundle: Database,
    db: Database,
    *,
    title: str | None,
    join_code: str,
    metric_paths: Mapping[str, str] | None,
) -> int:
    """Copy the only study of a bundle; returns its new id.

    Every id is increased by the highest one in use, so order and references are preserved.
    """
    moves = {table: number(db, f"SELECT max(id) FROM {table}") for table in OWNERS}
    here = {row["id"] for row in rows(bundle, "SELECT id FROM round")}
    study_id = 0
    for table, columns in NUMBERS.items():
        # Row by row: a large study has a million of some.
        for row in bundle.query(f"SELECT * FROM {table} ORDER BY {next(iter(columns))}"):
            for column, owner in columns.items():
                row[column] = None if row[column] is None else row[column] + moves[owner]
            if table == "study":
                row.update(join_code=join_code, is_open=0, is_archived=0)
                row["title"] = title or row["title"]
                study_id = row["id"]
            elif table == "round":
                _settle_round(row)
            elif table == "submission":
                row["order"] = _moved(row["order"], moves["candidate"])
                row["shown"] = _moved(row["shown"], moves["candidate"])
            elif table == "attempt":
                _move_attempt(row, moves, here)
            elif table == "fit":
                row.update(job_id=None, metric_path=_path(row["metric_path"], metric_paths))
            elif table == "study_comparison":
                row["part"] = _moved_fits(row["part"], moves["fit"])
            insert(db, table, row)
    _copy_vectors(bundle, db)
    return study_id


def _settle_round(row: Row) -> None:
    """Its job is not copied, so a round that was being generated is cancelled."""
    row["job_id"] = None
    if row["state"] == "generating":
        row["state"] = "cancelled"


def _moved(stored: str, move: int) -> str:
    return json.dumps([each + move for each in json.loads(stored)])


def _moved_fits(part: str, move: int) -> str:
    """A study's part of a comparison names the fits that it is over."""
    found = json.loads(part)
    if "fits" in found:
        found["fits"] = [each + move for each in found["fits"]]
    return json.dumps(found)


def _move_attempt(row: Row, moves: Mapping[str, int], here: set[int]) -> None:
    """An attempt on a round that is not in the bundle must not refer to another study's round."""
    known = row["round_id"] in here
    row["round_id"] = row["round_id"] + moves["round"] if known else 0
    payload: dict[str, Any] = json.loads(row["payload"])
    if known and "order" in payload:
        payload["round"] = row["round_id"]
        for name in ("order", "shown"):
            payload[name] = [each + moves["candidate"] for each in payload[name]]
    row["payload"] = json.dumps(payload)


def _path(stored: str, metric_paths: Mapping[str, str] | None) -> str:
    """Where a fit's file is now; a bundle may not point outside the data folder."""
    if metric_paths is not None:
        if stored not in metric_paths:
            raise StudyError(f"a bundle must hold the files of its fits, got none for {stored!r}")
        return metric_paths[stored]
    path = PurePosixPath(stored)
    if path.is_absolute() or ".." in path.parts:
        raise StudyError(f"a bundle's files must lie inside the data folder, got {stored!r}")
    return stored


def _copy_vectors(bundle: Database, db: Database) -> None:
    """Existing vectors stay as they are; vectors of images that are missing here are skipped."""
    known = {row["sha"] for row in rows(db, "SELECT sha FROM image")}
    for row in bundle.query("SELECT * FROM difference_vector"):
        if row["target"] in known and row["image"] in known:
            names = ", ".join(row)
            marks = ", ".join("?" for _ in row)
            db.execute(
                f"INSERT OR IGNORE INTO difference_vector ({names}) VALUES ({marks})",
                list(row.values()),
            )
