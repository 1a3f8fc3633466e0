"""Fitted metrics with their reports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.store.database import DatabaseAccess, Row, first, insert, now, row_by_id, rows
from app.store.studies import read_study
from app.study.records import Fit
from clpips.features.names import Backbone


class Fits:
    """Fits: of one participant, or pooled over a study.

    Paths inside the data folder are stored relative to it, so that the folder can move.
    """

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def add(
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
            "metric_path": self._access.stored_path(metric_path),
            "report": json.dumps(dict(report), allow_nan=False),
            "job_id": job_id,
            "created_at": now(),
        }
        with self._access.write() as db:
            read_study(db, study_id)
            return self._fit({"id": insert(db, "fit", row), **row})

    def of_study(self, study_id: int) -> tuple[Fit, ...]:
        """All fits of a study, newest first."""
        with self._access.read() as db:
            found = rows(db, "SELECT * FROM fit WHERE study_id = ? ORDER BY id DESC", [study_id])
        return tuple(self._fit(row) for row in found)

    def get(self, fit_id: int) -> Fit:
        """One fit.

        Raises:
            StudyError: there is none with this id.
        """
        with self._access.read() as db:
            return self._fit(row_by_id(db, "fit", fit_id))

    def latest(self, study_id: int, participant_id: int | None = None) -> Fit | None:
        """The newest fit of one person, or the newest that is nobody's own (pooled)."""
        sql = """SELECT * FROM fit WHERE study_id = ? AND participant_id IS ?
                 ORDER BY id DESC LIMIT 1"""
        with self._access.read() as db:
            row = first(db, sql, [study_id, participant_id])
        return None if row is None else self._fit(row)

    def stored_path(self, fit: Fit) -> str:
        """The path of a fit's file as its row has it, and as :meth:`Transfer.import_study` expects.

        Relative to the data folder where it lies inside.
        """
        return self._access.stored_path(fit.metric_path)

    def _fit(self, row: Row) -> Fit:
        return Fit(
            **{
                **row,
                "metric_path": self._access.absolute_path(row["metric_path"]),
                "report": json.loads(row["report"]),
            }
        )
