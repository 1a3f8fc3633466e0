"""Connections to the database: short-lived, with one kind of transaction for reads and writes."""

from __future__ import annotations

import threading
import time
import warnings
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlite_utils import Database

# The module that sqlite-utils itself uses (pysqlite3 where installed), so that exceptions match;
# it is documented, but its annotations do not re-export it.
from sqlite_utils.utils import sqlite3  # type: ignore[attr-defined]

from app.settings import Settings
from app.store.integrity import check_folder
from app.store.migrations import LOCK_SECONDS, migrate
from app.store.private_files import make_database, make_folder
from app.store.unavailable import (
    DatabaseBusy,
    DiskFull,
    StoreUnavailable,
    is_full,
    why_unavailable,
)
from clpips.errors import StudyError

SAFE_SQLITE = (3, 51, 3)
TRIAL = 50_000  # bytes of a write that is tried after one has failed

Row = dict[str, Any]
DatabaseError: type[Exception] = sqlite3.DatabaseError


@dataclass
class _File:
    """What the whole process shares about one database."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    """Threads that want to write queue here instead of spinning in SQLite."""
    trouble: StoreUnavailable | None = None
    """Why the last write failed, until one succeeds."""


_files: dict[Path, _File] = {}


class DatabaseAccess:
    """Opens connections to the database of one data folder; every part of the store has one.

    Args:
        where: the data folder, or the settings that name it. The folder and the database are
            made where they are missing, and an older database is migrated.
        patience: for how many seconds a read or a write waits while the database is locked.

    Raises:
        StudyError: the file belongs to another program or to a newer version of this one, is
            damaged or no SQLite file, is empty or lacks images although there are some beside
            it, or the folder cannot be written.
    """

    def __init__(self, where: Path | str | Settings, *, patience: float = LOCK_SECONDS) -> None:
        self.patience = patience
        self.settings = where if isinstance(where, Settings) else Settings(data_dir=Path(where))
        self.path = self.settings.database.absolute()
        self._file = _files.setdefault(self.path, _File())
        _warn_of_old_sqlite()
        try:
            self._open()
        except OSError as error:
            raise StudyError(
                "the data folder must be one that can be written, "
                f"got '{self.path.parent}' ({error.strerror or error})"
            ) from error
        except DatabaseError as error:
            if isinstance(why_unavailable(error, self.path.parent), DiskFull):
                raise DiskFull from error
            raise StudyError(
                "the database must be an SQLite file that can be written, "
                f"got '{self.path}' ({error})"
            ) from error

    def _open(self) -> None:
        allow = self.settings.allow_missing_images
        check_folder(self.path, self.settings.images.absolute(), allow_missing=allow)
        make_folder(self.path.parent)
        make_database(self.path)
        db = connect(self.path)
        try:
            migrate(db, backups=self.settings.backups)
            self._keep_open(connect(self.path, any_thread=True))
        finally:
            db.conn.close()

    def _keep_open(self, db: Database) -> None:
        """Keep one idle connection for as long as this object lives.

        SQLite deletes the write-ahead log and its index with the last connection. To make them
        anew takes room on the disk, so on a full disk not even reads would succeed.
        """
        weakref.finalize(self, db.conn.close)
        db.conn.execute("SELECT count(*) FROM sqlite_schema").fetchone()

    @contextmanager
    def read(self) -> Iterator[Database]:
        """One snapshot of the database: everything read inside the block is consistent.

        Raises:
            StoreUnavailable: the file cannot be read at the moment.
        """
        with self.explained():
            db = connect(self.path, timeout=self.patience)
            try:
                db.conn.execute("PRAGMA query_only = ON")
                db.conn.execute("BEGIN")
                yield db
            finally:
                db.conn.close()

    @contextmanager
    def write(self) -> Iterator[Database]:
        """One transaction, committed as a whole or rolled back; after the block it is on disk.

        ``BEGIN IMMEDIATE`` because a read that later turns into a write fails at once when
        another process has written in between, however long the timeout.

        Raises:
            StoreUnavailable: the database stayed locked, the disk is full, or the file cannot be
                written; nothing was changed.
        """
        with self.explained(), self._turn() as seconds_left:
            db = connect(self.path, timeout=seconds_left)
            try:
                db.conn.execute("BEGIN IMMEDIATE")
                yield db
                db.conn.execute("COMMIT")
                self._file.trouble = None
            finally:
                db.conn.close()  # an open transaction is rolled back

    def trouble(self) -> StoreUnavailable | None:
        """Why nothing can be stored at the moment; ``None`` if all is well.

        After a write that failed, another one is tried: it needs new pages, as a ranking may.
        A database that is merely locked counts as well: it will be free again.
        """
        if is_full(self.path.parent):
            return DiskFull()
        if self._file.trouble is None:
            return None
        try:
            with self.write() as db:
                db.execute(
                    "INSERT OR REPLACE INTO setting VALUES ('trial', hex(zeroblob(?)))", [TRIAL]
                )
                db.execute("DELETE FROM setting WHERE key = 'trial'")
        except DatabaseBusy:
            return None
        except StoreUnavailable as reason:
            return reason
        return None

    @contextmanager
    def _turn(self) -> Iterator[float]:
        """Hold this process's write lock; what is left of the patience for SQLite's own lock."""
        begun = time.monotonic()
        if not self._file.lock.acquire(timeout=self.patience):
            raise DatabaseBusy
        try:
            yield max(0.1, self.patience - (time.monotonic() - begun))
        finally:
            self._file.lock.release()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Say in our own words why SQLite could not read or write."""
        try:
            yield
        except DatabaseError as error:
            reason = why_unavailable(error, self.path.parent)
            if reason is None:
                raise
            if not isinstance(reason, DatabaseBusy):
                self._file.trouble = reason
            raise reason from error

    def stored_path(self, path: Path | str) -> str:
        """A path as the store keeps it: relative to the data folder where it lies inside."""
        folder = self.settings.data_dir.absolute()
        absolute = folder / path
        inside = absolute.is_relative_to(folder)
        return absolute.relative_to(folder).as_posix() if inside else str(absolute)

    def absolute_path(self, stored: str) -> Path:
        """Where a stored path lies on this machine."""
        return self.settings.data_dir.absolute() / stored


def connect(path: Path, *, timeout: float = LOCK_SECONDS, any_thread: bool = False) -> Database:
    """A new connection with the project's settings; the caller closes ``.conn``."""
    connection = sqlite3.connect(
        str(path), timeout=timeout, isolation_level=None, check_same_thread=not any_thread
    )
    try:
        for pragma in ("synchronous = FULL", "foreign_keys = ON", "trusted_schema = OFF"):
            connection.execute(f"PRAGMA {pragma}")
    except DatabaseError:  # the first look into the file: it may be no database
        connection.close()
        raise
    return Database(connection, execute_plugins=False)


def first(db: Database, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
    """The first row of a query, or ``None``."""
    for row in db.query(sql, parameters):
        return row
    return None


def row_by_id(db: Database, table: str, id: int, noun: str = "") -> Row:
    """The row of a table with this id; ``noun`` is what the error calls it, else the table's name.

    Raises:
        StudyError: there is no such row.
    """
    row = first(db, f'SELECT * FROM "{table}" WHERE id = ?', [id])
    if row is None:
        raise StudyError(f"a {noun or table} must exist, got the unknown number {id}")
    return row


def rows(db: Database, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
    """All rows of a query."""
    return list(db.query(sql, parameters))


def number(db: Database, sql: str, parameters: Sequence[Any] = ()) -> int:
    """The one whole number that a query gives; 0 for null."""
    return int(db.execute(sql, parameters).fetchone()[0] or 0)


def insert(db: Database, table: str, row: Row) -> int:
    """Insert one row and return its id."""
    names = ", ".join(f'"{name}"' for name in row)
    marks = ", ".join("?" for _ in row)
    cursor = db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(row.values()))
    return int(cursor.lastrowid or 0)


def now(*, seconds: float = 0.0) -> str:
    """The time ``seconds`` from now: UTC, ISO 8601, milliseconds; such texts sort by time."""
    return timestamp(datetime.now(UTC) + timedelta(seconds=seconds))


def timestamp(moment: datetime) -> str:
    """An aware moment as the store writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _warn_of_old_sqlite() -> None:
    if sqlite3.sqlite_version_info < SAFE_SQLITE:
        warnings.warn(
            "SQLite must be 3.51.3 or newer to be safe with two writing processes, "
            f"got {sqlite3.sqlite_version}: install pysqlite3",
            RuntimeWarning,
            stacklevel=3,
        )
