"""A database that another program holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

# Two SQLite libraries in one process do not see each other's locks.
from sqlite_utils.utils import sqlite3

from app.store import Store


@contextmanager
def held(store: Store) -> Iterator[None]:
    """Hold the database as a program would that died inside a transaction."""
    connection = sqlite3.connect(store.path, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
    finally:
        connection.close()
