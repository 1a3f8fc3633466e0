"""Files that are whole or not there: temporary file, fsync, rename, fsync of the folder."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path


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
