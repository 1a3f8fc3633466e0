"""Files that are whole or not there, and other libraries' complaints in one line."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


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
