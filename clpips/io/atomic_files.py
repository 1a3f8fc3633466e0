"""Atomic writes: a file or a folder appears complete, or everything stays as it was."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from clpips.errors import InputError

ENDING = ".partial"
"""How the names of unfinished files end; only a crash leaves one behind."""


@contextmanager
def atomic_file(final: Path, *, overwrite: bool = True, durable: bool = True) -> Iterator[Path]:
    """A fresh path beside ``final``; the file written there becomes ``final`` at the block's end.

    Its folder is made where it is missing. An error or a cancellation inside the block leaves
    ``final`` as it was, nothing beside it, and no folder that was not there before.

    Args:
        final: where the file goes.
        overwrite: whether it replaces a file that is there already.
        durable: whether it has to survive a power failure; otherwise there is no wait for the disk.

    Raises:
        FileExistsError: ``final`` exists and must not be overwritten.
        OSError: no room, no permission, a folder in the way.
    """
    with _moved_into_place([final], overwrite=overwrite, durable=durable) as (partial,):
        yield partial


def write_files(contents: Mapping[Path, bytes]) -> None:
    """Write every file, or none: all are complete on disk before the first is renamed.

    Raises:
        OSError: no room, no permission, a folder in the way.
    """
    with _moved_into_place(contents) as partials:
        for partial, content in zip(partials, contents.values(), strict=True):
            partial.write_bytes(content)


@contextmanager
def atomic_folder(out: str | os.PathLike[str]) -> Iterator[Path]:
    """A fresh folder to fill, which becomes ``out`` at the block's end.

    An error or a cancellation inside the block leaves nothing of it behind, and no parent folder
    that was not there before.

    Raises:
        InputError: ``out`` is a file, or a folder with something in it.
    """
    if not os.fspath(out):
        raise InputError("an export must go into a folder, got an empty name")
    final = Path(out)
    _check_free(final)
    with _moved_into_place([final]) as (partial,):
        partial.mkdir()
        yield partial


@contextmanager
def _moved_into_place(
    finals: Iterable[Path], *, overwrite: bool = True, durable: bool = True
) -> Iterator[list[Path]]:
    """A fresh path beside each; what was made there is renamed when the block ends well."""
    pairs = [(_path_beside(each), each) for each in finals]
    made: list[Path] = []
    try:
        for _, final in pairs:
            made += _make_folder(final.absolute().parent)
        yield [partial for partial, _ in pairs]
        if durable:
            for partial, _ in pairs:
                _sync(partial)
        for partial, final in pairs:
            _move(partial, final, overwrite=overwrite)
        if durable:
            changed = [final.absolute() for _, final in pairs] + made
            for folder in dict.fromkeys(each.parent for each in changed):
                _sync_entries(folder)
    except BaseException:
        for partial, _ in pairs:
            _remove(partial)
        for folder in reversed(made):
            with contextlib.suppress(OSError):  # other files have been put into it
                folder.rmdir()
        raise


def _path_beside(final: Path) -> Path:
    return final.absolute().parent / f".{secrets.token_hex(8)}{ENDING}"


def _make_folder(folder: Path) -> list[Path]:
    """Make a folder and its missing parents; returns the created ones, outermost first."""
    missing = []
    for each in (folder, *folder.parents):
        if each.exists():
            break
        missing.append(each)
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _move(partial: Path, final: Path, *, overwrite: bool) -> None:
    if not overwrite:
        os.link(partial, final)  # unlike a rename, it refuses to overwrite
        partial.unlink()
        return
    if partial.is_dir() and final.is_dir():
        final.rmdir()  # empty; not every system renames over a folder
    partial.replace(final)


def _remove(partial: Path) -> None:
    if partial.is_dir():
        shutil.rmtree(partial, ignore_errors=True)
    else:
        partial.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Bring a file, or a folder with everything in it, to the disk."""
    if path.is_dir():
        for each in path.iterdir():
            _sync(each)
        _sync_entries(path)
        return
    descriptor = os.open(path, os.O_RDWR)  # some systems sync only what they may write
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_entries(folder: Path) -> None:
    """Make the names in a folder survive a power cut, where the system can do that."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except (PermissionError, IsADirectoryError):
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


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
