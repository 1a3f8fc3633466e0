"""Files made for download."""

from __future__ import annotations

from pathlib import Path

from app.store.database import DatabaseAccess, Row, insert, now, row_by_id, rows
from app.store.studies import read_study
from app.study.records import Export
from clpips.errors import StudyError


class Exports:
    """Exported files of a study: metrics, rankings, bundles, texts for papers.

    Paths inside the data folder are stored relative to it, so that the folder can move.
    """

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def add(
        self,
        study_id: int,
        name: str,
        path: Path | str,
        media_type: str,
        bytes: int,
        sha256: str,
        fit_id: int | None = None,
    ) -> Export:
        """Keep a file for download under the ``name`` that the browser will save it as.

        Raises:
            StudyError: no such study, or a name that is a path.
        """
        if not name or name.startswith(".") or any(letter in name for letter in '/\\"\r\n\0'):
            raise StudyError(f"a download's name must be a plain file name, got {name!r}")
        row = {
            "study_id": study_id,
            "fit_id": fit_id,
            "name": name,
            "path": self._access.stored_path(path),
            "media_type": media_type,
            "bytes": bytes,
            "sha256": sha256,
            "created_at": now(),
        }
        with self._access.write() as db:
            read_study(db, study_id)
            return self._export({"id": insert(db, "export", row), **row})

    def of_study(self, study_id: int) -> tuple[Export, ...]:
        """All files made for a study, newest first."""
        sql = "SELECT * FROM export WHERE study_id = ? ORDER BY id DESC"
        with self._access.read() as db:
            found = rows(db, sql, [study_id])
        return tuple(self._export(row) for row in found)

    def get(self, export_id: int) -> Export:
        """One file made for download.

        Raises:
            StudyError: there is none with this id.
        """
        with self._access.read() as db:
            return self._export(row_by_id(db, "export", export_id, "download"))

    def _export(self, row: Row) -> Export:
        return Export(**{**row, "path": self._access.absolute_path(row["path"])})
