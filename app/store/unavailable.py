"""Why the data cannot be read or written at the moment: errors after which a retry may succeed."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clpips.errors import ClpipsError

FULL_BYTES = 1_000_000  # with less than this left, a failed write is a full disk's


class StoreUnavailable(ClpipsError):
    """The data cannot be read or written at the moment; the same request may succeed later."""


class DatabaseBusy(StoreUnavailable):
    """Another program, or too many requests at once, kept the database locked for too long."""

    def __init__(self) -> None:
        super().__init__("the database is busy; please try again in a moment")


class DiskFull(StoreUnavailable):
    """Nothing more can be written; what is stored can be read."""

    def __init__(self) -> None:
        super().__init__("the server's disk is full, so nothing can be saved at the moment")


class Damaged(StoreUnavailable):
    """The database file holds something else than what SQLite wrote."""

    def __init__(self) -> None:
        super().__init__("the database is damaged; please restore a backup")


def why_unavailable(error: Exception, folder: Path) -> StoreUnavailable | None:
    """What an error of SQLite or of the file system means for whoever is waiting.

    Args:
        error: raised while the database or a file was read or written.
        folder: the data folder, whose free space tells a full disk from a broken one.

    Returns:
        The error to raise instead; ``None`` if it is a fault of the program.
    """
    if isinstance(error, OSError):
        return DiskFull() if error.errno in (errno.ENOSPC, errno.EDQUOT) else None
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:  # the rest is detail
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return DatabaseBusy()
        case sqlite3.SQLITE_FULL:
            return DiskFull()
        case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_CANTOPEN if is_full(folder):
            return DiskFull()
        case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_CANTOPEN:
            return StoreUnavailable("the database file cannot be read or written")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return StoreUnavailable("the database may not be written by this program")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return Damaged()
    return None


def is_full(folder: Path) -> bool:
    """Whether the disk of a folder has no room left."""
    try:
        return shutil.disk_usage(folder).free < FULL_BYTES
    except OSError:
        return False


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Raise :class:`DiskFull` for a file that could not be written for lack of room."""
    try:
        yield
    except OSError as error:
        reason = why_unavailable(error, folder)
        if reason is None:
            raise
        raise reason from error
