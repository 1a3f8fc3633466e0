"""The platform's own settings, as text by key."""

from __future__ import annotations

from app.store.database import DatabaseAccess, first


class PlatformSettings:
    """Settings that hold for every study of this data folder."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def get(self, key: str, default: str | None = None) -> str | None:
        """A setting of the platform, or ``default``."""
        with self._access.read() as db:
            row = first(db, "SELECT value FROM setting WHERE key = ?", [key])
        return default if row is None else str(row["value"])

    def set(self, key: str, value: str) -> None:
        """Keep a setting of the platform."""
        with self._access.write() as db:
            db.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", [key, value])

    def get_or_set(self, key: str, value: str) -> str:
        """A setting of the platform, which becomes ``value`` where it is not set yet."""
        found = self.get(key)
        if found is not None:
            return found
        with self._access.write() as db:
            db.execute("INSERT OR IGNORE INTO setting VALUES (?, ?)", [key, value])
        return self.get(key, value) or value
