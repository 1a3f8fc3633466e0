"""Worker processes, and when each was last alive."""

from __future__ import annotations

import contextlib
from pathlib import Path

from app.store.database import DatabaseAccess, DatabaseError, connect, first, now, rows

ALIVE_SECONDS = 15.0


class Workers:
    """The worker processes that do the jobs."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def mark_alive(self, worker: str) -> None:
        """Note that a worker is alive."""
        with self._access.write() as db:
            db.execute("INSERT OR REPLACE INTO worker VALUES (?, ?)", [worker, now()])

    def alive(self, seconds: float = ALIVE_SECONDS) -> tuple[str, ...]:
        """The names of the workers seen within the last ``seconds``."""
        with self._access.read() as db:
            sql = "SELECT name FROM worker WHERE seen_at >= ? ORDER BY name"
            return tuple(row["name"] for row in rows(db, sql, [now(seconds=-seconds)]))


def is_in_use(database: Path) -> bool:
    """Whether a worker was alive a moment ago, asked of a file that may be damaged or old.

    Nothing is migrated and no file is made.
    """
    if not database.is_file():
        return False
    with contextlib.suppress(DatabaseError):
        db = connect(database, timeout=1.0)
        try:
            sql = "SELECT 1 AS found FROM worker WHERE seen_at >= ? LIMIT 1"
            return first(db, sql, [now(seconds=-ALIVE_SECONDS)]) is not None
        finally:
            db.conn.close()
    return False
