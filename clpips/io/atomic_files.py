"""Files that are whole or not there, and other libraries' complaints in one line."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from clpips.errors import InputError


def write_files(contents: Mapping[Path, bytes]) -> None:
    """Write every file, or none.

    Each is first written in full beside its place; only when all of them are safe on disk are
    they renamed. A failure leaves no partial file and no folder that was not there before.

    Raises:
        OSError: no room, no permission, a folder in the way.
    """
    partials: dict[Path, Path] = {}
    made: list[Path] = []
    try:
        for path, content in contents.items():
            made += _missing_folders(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".partial")
            partials[path] = Path(name)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partials[path].chmod(_usual_rights())
        for path, partial in partials.items():
            partial.replace(path)
    except BaseException:
        for partial in partials.values():
            partial.unlink(missing_ok=True)
        for folder in reversed(made):
            with contextlib.suppress(OSError):  # somebody else's files are in it by now
                folder.rmdir()
        raise


def one_line(message: object) -> str:
    """A message, which may hold an outsider's line breaks, as one line."""
    return " ".join(str(message).split())


def _missing_folders(path: Path) -> list[Path]:
    """The folders that must be made for a file, outermost first."""
    missing = []
    for folder in path.parents:
        if folder.exists():
            break
        missing.append(folder)
    return missing[::-1]


def _usual_rights() -> int:
    """A temporary file is private to its owner; a finished one has the usual rights."""
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask


@contextmanager
def whole_folder(out: str | os.PathLike[str]) -> Iterator[Path]:
    """A fresh folder to fill, which becomes ``out`` when the block ends without an error.

    It is filled beside its place and renamed. Whatever ends the block early, cancelling too,
    leaves no part of it behind and no parent folder that was not there before.

    Raises:
        InputError: ``out`` is a file, or a folder with something in it.
    """
    if not os.fspath(out):
        raise InputError("an export must go into a folder, got an empty name")
    final = Path(out)
    _check_free(final)
    made = _missing(final.absolute().parent)
    partial: Path | None = None
    try:
        final.absolute().parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=final.absolute().parent, prefix=".", suffix=".partial"))
        yield partial
        partial.chmod(_folder_rights())
        if final.is_dir():
            final.rmdir()  # empty; not every system renames over a folder
        partial.rename(final)
    except BaseException:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)
        for folder in reversed(made):
            with contextlib.suppress(OSError):  # somebody else's files are in it by now
                folder.rmdir()
        raise


def _check_free(final: Path) -> None:
    if any(len(os.fsencode(part)) > 255 for part in final.parts):
        raise InputError(f"a folder's name must have at most 255 bytes, got {str(final)[:80]!r}")
    if os.path.lexists(final) and not final.is_dir():
        raise InputError(f"an export must go into a folder, got the file {str(final)!r}")
    if final.is_dir() and any(final.iterdir()):
        raise InputError(f"an export must go into a new or empty folder, got {str(final)!r}")
    there = next(one for one in final.absolute().parents if os.path.lexists(one))
    if not there.is_dir():
        raise InputError(f"an export must go into a folder, but {str(there)!r} is a file")


def _missing(folder: Path) -> list[Path]:
    """The folders that must be made, outermost first."""
    missing = []
    for one in (folder, *folder.parents):
        if one.exists():
            break
        missing.append(one)
    return missing[::-1]


def _folder_rights() -> int:
    """A temporary folder is private to its owner; a finished one has the usual rights."""
    umask = os.umask(0)
    os.umask(umask)
    return 0o777 & ~umask


def part_path(final: Path) -> Path:
    """A fresh name beside ``final`` for a file that is still being written."""
    return final.with_name(f".{final.name}.{secrets.token_hex(8)}.part")


def write_whole(final: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` make a file, then put it in place so that nobody ever sees half of it.

    Args:
        final: where the file goes; its folder is made where it is missing.
        write: is handed the path to write to.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    part = part_path(final)
    try:
        write(part)
        descriptor = os.open(part, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        part.replace(final)
        sync_folder(final.parent)
    finally:
        part.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut; a system that cannot open folders skips it."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except (PermissionError, IsADirectoryError):
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
