"""A look into a database file that may be damaged, old, or another program's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.store.database import DatabaseError, connect, first, now, number
from app.store.migrations import refuse_foreign
from app.store.workers import ALIVE_SECONDS
from clpips.errors import StudyError
from clpips.text import one_line


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a look found; the numbers are 0 where there is a fault."""

    fault: str | None
    studies: int = 0
    rankings: int = 0
    workers: int = 0


def inspect(database: Path) -> Inspection:
    """Check a database and count what it holds; nothing is migrated and nothing is written."""
    try:
        db = connect(database, timeout=2.0)
        try:
            db.conn.execute("PRAGMA query_only = ON")
            refuse_foreign(db)
            verdict = first(db, "PRAGMA quick_check(1)")
            if verdict != {"quick_check": "ok"}:
                return Inspection("it is damaged")
            alive = "SELECT count(*) FROM worker WHERE seen_at >= ?"
            return Inspection(
                None,
                number(db, "SELECT count(*) FROM study"),
                number(db, "SELECT count(DISTINCT round_id) FROM submission"),
                number(db, alive, [now(seconds=-ALIVE_SECONDS)]),
            )
        finally:
            db.conn.close()
    except (DatabaseError, StudyError) as error:
        return Inspection(one_line(error))
