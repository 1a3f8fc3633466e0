"""Worker processes, and when each was last alive."""

from __future__ import annotations

from app.store.database import DatabaseAccess, now, rows


class Workers:
    """The worker processes that do the jobs."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def mark_alive(self, worker: str) -> None:
        """Note that a worker is alive."""
        with self._access.write() as db:
            db.execute("INSERT OR REPLACE INTO worker VALUES (?, ?)", [worker, now()])

    def alive(self, seconds: float = 15.0) -> tuple[str, ...]:
        """The names of the workers seen within the last ``seconds``."""
        with self._access.read() as db:
            sql = "SELECT name FROM worker WHERE seen_at >= ? ORDER BY name"
            return tuple(row["name"] for row in rows(db, sql, [now(seconds=-seconds)]))
