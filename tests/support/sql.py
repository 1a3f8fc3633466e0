"""SQL run on a database file, past the store."""

from __future__ import annotations

from pathlib import Path

from sqlite_utils.utils import sqlite3


def run_sql(path: Path, *statements: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(str(path))
    try:
        for statement in statements:
            found = connection.execute(statement).fetchall()
        connection.commit()
        return found
    finally:
        connection.close()
