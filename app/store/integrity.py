"""Checks of a data folder before it is opened; they change nothing in it."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlite_utils.utils import sqlite3  # type: ignore[attr-defined] # as in app.store.database

from clpips.errors import StudyError

CHECK_SECONDS = 10.0
"""After so many seconds the check of a very large database ends; 2 GB took one second."""
INSTRUCTIONS = 100_000  # of SQLite's virtual machine, between two looks at the clock
WAL_VERSION = 2  # byte 18 of a database that uses the write-ahead log
HELP = "please restore a backup; nothing was changed"

log = logging.getLogger(__name__)


def check_folder(database: Path, images: Path, *, allow_missing: bool = False) -> None:
    """Check that a database is sound and belongs to the images beside it.

    Args:
        database: the SQLite file; it may be missing.
        images: the folder of the images; it may be missing.
        allow_missing: accept that images of the database have no file.

    Raises:
        StudyError: the file is empty beside images, is damaged, or lacks images.
    """
    try:
        _check(database, images, allow_missing=allow_missing)
    except StudyError:
        if not _log_of(database).exists():
            raise
        # Another process has it open, and may have opened or changed it during the check.
        _check(database, images, allow_missing=allow_missing)


def _check(database: Path, images: Path, *, allow_missing: bool) -> None:
    # Images first: another process that starts on a new folder makes the tables before them.
    has_images = any(_image_files(images))
    if not database.exists() or not database.stat().st_size:
        if has_images:
            raise StudyError(_empty(images))
        return
    try:
        missing = _look(database, images, has_images=has_images)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_CORRUPT:
            raise StudyError(_damaged(database)) from error
        return  # locked, or no SQLite file at all: opening it will tell
    if missing and not allow_missing:
        raise StudyError(
            f"every image of the database must have its file in '{images}', got {len(missing):,} "
            f"without, such as '{missing[0]}': please restore a backup, "
            "or set CLPIPS_ALLOW_MISSING_IMAGES=1 to go on without them; nothing was changed"
        )


def _look(database: Path, images: Path, *, has_images: bool) -> list[str]:
    """Names of the missing image files of a database that is sound."""
    with _opened_to_look(database) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
        if not tables and has_images:
            raise StudyError(_empty(images))
        if not _is_sound(connection):
            raise StudyError(_damaged(database))
        return list(_missing(connection, images)) if "image" in tables else []


def _empty(images: Path) -> str:
    return f"the database must not be empty beside the images in '{images}': {HELP}"


def _damaged(database: Path) -> str:
    return f"the database must be undamaged, got the damaged file '{database}': {HELP}"


def _log_of(database: Path) -> Path:
    return database.with_name(f"{database.name}-wal")


@contextmanager
def _opened_to_look(database: Path) -> Iterator[Any]:
    """A connection that neither writes to the file nor makes others beside it, if it can.

    A database without its log is one that nobody has open. ``immutable`` then keeps SQLite from
    making one.
    """
    with database.open("rb") as file:
        uses_log = file.read(19)[18:] == bytes([WAL_VERSION])
    unused = uses_log and not _log_of(database).exists()
    options = "immutable=1" if unused else "mode=ro"
    address = f"file:{quote(str(database.absolute()))}?{options}"
    connection = sqlite3.connect(address, uri=True, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def _is_sound(connection: Any) -> bool:
    """What ``PRAGMA quick_check`` says; a check that takes too long is not finished."""
    until = time.monotonic() + CHECK_SECONDS
    connection.set_progress_handler(lambda: time.monotonic() > until, INSTRUCTIONS)
    try:
        return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        log.warning("the database was checked in part only, for %.0f seconds", CHECK_SECONDS)
        return True
    finally:
        connection.set_progress_handler(None, 0)


def _image_files(images: Path) -> Iterator[str]:
    """The names of all image files, folder by folder."""
    for folder in _names(images):
        yield from _names(images / folder)


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 # iterdir makes a million paths
    except (FileNotFoundError, NotADirectoryError):
        return []


def _missing(connection: Any, images: Path) -> Iterator[str]:
    """The images that have a row and no file."""
    folder, found = "", set[str]()
    for (sha,) in connection.execute("SELECT sha FROM image ORDER BY sha"):
        if sha[:2] != folder:  # one folder's names at a time: there may be a million in all
            folder = sha[:2]
            found = {name.partition(".")[0] for name in _names(images / folder)}
        if sha not in found:
            yield sha
