"""What the comparison job found for each fit, and for the study as a whole."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from app.store.database import DatabaseAccess, first, now, row_by_id, rows
from app.store.studies import read_study


class Comparisons:
    """Each fit compared with the other metrics of its study."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def add(self, fit_id: int, part: Mapping[str, Any]) -> None:
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
        with self._access.write() as db:
            row_by_id(db, "fit", fit_id)
            db.execute(
                "INSERT OR REPLACE INTO comparison VALUES (:fit_id, :part, :created_at)", row
            )

    def of_fits(self, fit_ids: Iterable[int]) -> dict[int, dict[str, Any]]:
        """What is known so far of these fits, by fit; those never compared are not in it."""
        sql = """SELECT comparison.* FROM comparison
                 JOIN json_each(?) AS wanted ON wanted.value = fit_id ORDER BY fit_id"""
        with self._access.read() as db:
            found = rows(db, sql, [json.dumps(list(fit_ids))])
        return {row["fit_id"]: json.loads(row["part"]) for row in found}

    def add_of_study(self, study_id: int, part: Mapping[str, Any]) -> None:
        """Keep what a comparison says of the whole study; what was said before is replaced.

        Raises:
            StudyError: there is no such study.
            ValueError: a part that JSON cannot hold.
        """
        row = {
            "study_id": study_id,
            "part": json.dumps(dict(part), allow_nan=False),
            "created_at": now(),
        }
        with self._access.write() as db:
            read_study(db, study_id)
            db.execute(
                "INSERT OR REPLACE INTO study_comparison VALUES (:study_id, :part, :created_at)",
                row,
            )

    def of_study(self, study_id: int) -> dict[str, Any]:
        """What the newest comparison says of the whole study; empty before the first."""
        with self._access.read() as db:
            row = first(db, "SELECT part FROM study_comparison WHERE study_id = ?", [study_id])
        return {} if row is None else dict(json.loads(row["part"]))
