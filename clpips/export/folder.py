"""A folder that is whole or not there."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clpips.errors import InputError


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
        partial.chmod(_usual_rights())
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


def _usual_rights() -> int:
    """A temporary folder is private to its owner; a finished one has the usual rights."""
    umask = os.umask(0)
    os.umask(umask)
    return 0o777 & ~umask
