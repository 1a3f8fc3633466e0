"""Fitted metrics with their reports, and the files made for download."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from app.store.database import Door, Row, first, insert, now, rows
from app.store.studies import read_study
from app.study.records import Export, Fit
from clpips.errors import StudyError
from clpips.features.names import Backbone


class Fits(Door):
    """What the researcher gets out of a study.

    Paths inside the data folder are stored relative to it, so that the folder can move.
    """

    def add_fit(
        self,
        study_id: int,
        participant_id: int | None,
        scope: str,
        backbone: Backbone,
        metric_path: Path | str,
        report: Mapping[str, Any],
        job_id: int | None = None,
    ) -> Fit:
        """Keep a fitted metric; earlier ones stay.

        Args:
            study_id: the study whose rankings it learnt from.
            participant_id: whose they were; ``None`` for everybody's.
            scope: ``participant`` or ``pooled``.
            backbone: the network under it.
            metric_path: its file; relative ones count from the data folder.
            report: the agreement report, JSON-serialisable; a number that is not finite is
                refused by JSON and so by this.
            job_id: the job that made it.

        Raises:
            StudyError: no such study.
            ValueError: a report that JSON cannot hold.
        """
        row = {
            "study_id": study_id,
            "participant_id": participant_id,
            "scope": scope,
            "backbone": backbone,
            "metric_path": self.stored_path(metric_path),
            "report": json.dumps(dict(report), allow_nan=False),
            "job_id": job_id,
            "created_at": now(),
        }
        with self._write() as db:
            read_study(db, study_id)
            return self._fit({"id": insert(db, "fit", row), **row})

    def fits(self, study_id: int) -> tuple[Fit, ...]:
        """All fits of a study, newest first."""
        with self._read() as db:
            found = rows(db, "SELECT * FROM fit WHERE study_id = ? ORDER BY id DESC", [study_id])
        return tuple(self._fit(row) for row in found)

    def fit(self, fit_id: int) -> Fit:
        """One fit.

        Raises:
            StudyError: there is none with this id.
        """
        with self._read() as db:
            row = first(db, "SELECT * FROM fit WHERE id = ?", [fit_id])
        if row is None:
            raise StudyError(f"a fit must exist, got the unknown number {fit_id}")
        return self._fit(row)

    def latest_fit(self, study_id: int, participant_id: int | None = None) -> Fit | None:
        """The newest fit of one person, or the newest that is nobody's own (pooled)."""
        sql = """SELECT * FROM fit WHERE study_id = ? AND participant_id IS ?
                 ORDER BY id DESC LIMIT 1"""
        with self._read() as db:
            row = first(db, sql, [study_id, participant_id])
        return None if row is None else self._fit(row)

    def add_comparison(self, fit_id: int, part: Mapping[str, Any]) -> None:
        """Keep what the comparison job says of one fit; what it said before is replaced.

        Args:
            fit_id: the fit.
            part: JSON-serialisable, with finite numbers; see :func:`app.jobs.compare.run`.

        Raises:
            StudyError: there is no such fit.
            ValueError: a part that JSON cannot hold.
        """
        row = {
            "fit_id": fit_id,
            "part": json.dumps(dict(part), allow_nan=False),
            "created_at": now(),
        }
        with self._write() as db:
            if first(db, "SELECT id FROM fit WHERE id = ?", [fit_id]) is None:
                raise StudyError(f"a fit must exist, got the unknown number {fit_id}")
            db.execute(
                "INSERT OR REPLACE INTO comparison VALUES (:fit_id, :part, :created_at)", row
            )

    def comparisons(self, fit_ids: Iterable[int]) -> dict[int, dict[str, Any]]:
        """What is known so far of these fits, by fit; those never compared are not in it."""
        sql = """SELECT comparison.* FROM comparison
                 JOIN json_each(?) AS wanted ON wanted.value = fit_id ORDER BY fit_id"""
        with self._read() as db:
            found = rows(db, sql, [json.dumps(list(fit_ids))])
        return {row["fit_id"]: json.loads(row["part"]) for row in found}

    def add_export(
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
            "path": self.stored_path(path),
            "media_type": media_type,
            "bytes": bytes,
            "sha256": sha256,
            "created_at": now(),
        }
        with self._write() as db:
            read_study(db, study_id)
            return self._export({"id": insert(db, "export", row), **row})

    def exports(self, study_id: int) -> tuple[Export, ...]:
        """All files made for a study, newest first."""
        sql = "SELECT * FROM export WHERE study_id = ? ORDER BY id DESC"
        with self._read() as db:
            found = rows(db, sql, [study_id])
        return tuple(self._export(row) for row in found)

    def export(self, export_id: int) -> Export:
        """One file made for download.

        Raises:
            StudyError: there is none with this id.
        """
        with self._read() as db:
            row = first(db, "SELECT * FROM export WHERE id = ?", [export_id])
        if row is None:
            raise StudyError(f"a download must exist, got the unknown number {export_id}")
        return self._export(row)

    def _fit(self, row: Row) -> Fit:
        return Fit(
            **{
                **row,
                "metric_path": self._absolute_path(row["metric_path"]),
                "report": json.loads(row["report"]),
            }
        )

    def _export(self, row: Row) -> Export:
        return Export(**{**row, "path": self._absolute_path(row["path"])})
