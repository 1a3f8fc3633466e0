"""The files of a pool, in a folder or a zip archive: named and checked before any is read."""

from __future__ import annotations

import lzma
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from clpips.errors import GenerationError
from clpips.text import one_line

IMAGES = (".png", ".jpg", ".jpeg", ".webp")
_OTHER_IMAGES = (".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".jp2", ".jxl", ".svg")
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst")
_BROKEN = (
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a pool may hold: bytes in all, unpacked; bytes of one file; number of files."""

    total: int = 2_000_000_000
    file: int = 100_000_000
    files: int = 20_000


@dataclass(frozen=True, slots=True)
class Listed:
    """One file of a pool: its path with slashes, and its bytes when unpacked."""

    name: str
    size: int


class Source(Protocol):
    """Where the files of a pool are."""

    def listed(self, limits: Limits) -> list[Listed]:
        """Every file, in the order of names; hidden ones are left out."""
        ...

    def read(self, file: Listed) -> bytes:
        """A file's bytes; never more than its stated size."""
        ...


@contextmanager
def opened_source(path: Path) -> Iterator[Source]:
    """The folder or the zip archive at a path.

    Raises:
        GenerationError: neither is there.
    """
    if path.is_dir():
        yield _Folder(path)
        return
    if not path.is_file():
        raise GenerationError(f"a pool must be a folder or a .zip file, got nothing at {path}")
    try:
        archive = zipfile.ZipFile(path)
    except _BROKEN as error:
        raise GenerationError(
            f"{path.name}: a pool must be a folder or a zip archive, got a file that is neither"
        ) from error
    with archive:
        yield _Archive(archive)


def is_image(name: str) -> bool:
    """Whether a file's ending is that of PNG, JPEG or WebP."""
    return name.lower().endswith(IMAGES)


@dataclass(frozen=True, slots=True)
class _Folder:
    root: Path

    def listed(self, limits: Limits) -> list[Listed]:
        found: list[Listed] = []
        total = 0
        for folder, folders, names in os.walk(self.root):
            folders[:] = [each for each in folders if not each.startswith(".")]
            for name in names:
                path = Path(folder, name)
                relative = path.relative_to(self.root).as_posix()
                if _hidden(relative):
                    continue
                size = self._size(path, relative)
                total += size
                found.append(_checked(Listed(relative, size), len(found) + 1, total, limits))
        return sorted(found, key=lambda each: each.name)

    def _size(self, path: Path, relative: str) -> int:
        try:
            if not path.resolve().is_relative_to(self.root.resolve()):
                raise _wrong(relative, "must lie in the pool", "a link that leads out of it")
            status = path.stat()
        except (OSError, RuntimeError) as error:
            raise _wrong(relative, "must be readable", one_line(error)) from error
        if not stat.S_ISREG(status.st_mode):
            raise _wrong(relative, "must be a plain file", "something else")
        return status.st_size

    def read(self, file: Listed) -> bytes:
        try:
            with (self.root / file.name).open("rb") as opened:
                return opened.read(file.size + 1)
        except OSError as error:
            raise _wrong(file.name, "must be readable", one_line(error)) from error


@dataclass(frozen=True, slots=True)
class _Archive:
    archive: zipfile.ZipFile

    def listed(self, limits: Limits) -> list[Listed]:
        found: dict[str, Listed] = {}
        total = 0
        for number, info in enumerate(self.archive.infolist(), start=1):
            name = info.filename
            _check_name(name)
            if info.is_dir():
                _check_number(number, limits)
                continue
            total += info.file_size
            file = _checked(Listed(name, info.file_size), number, total, limits)
            if info.flag_bits & 1:
                raise _wrong(name, "must not be encrypted", "one that is")
            if stat.S_ISLNK(info.external_attr >> 16):
                raise _wrong(name, "must be a plain file", "a link")
            if name in found:
                raise _wrong(name, "must be in the archive once", "two files of that name")
            if not _hidden(name):
                found[name] = file
        return sorted(found.values(), key=lambda each: each.name)

    def read(self, file: Listed) -> bytes:
        try:
            with self.archive.open(file.name) as opened:
                return opened.read(file.size + 1)
        except (*_BROKEN, KeyError) as error:
            reason = one_line(error) or type(error).__name__
            raise _wrong(file.name, "must be whole", f"a damaged file: {reason}") from error


def _checked(file: Listed, number: int, total: int, limits: Limits) -> Listed:
    """A file within the limits, of a kind that a pool may hold."""
    _check_number(number, limits)
    try:
        file.name.encode()
    except UnicodeEncodeError:
        raise _wrong(file.name, "must have a name in UTF-8", "other bytes in it") from None
    if file.size > limits.file:
        raise _wrong(file.name, f"must have at most {limits.file:,} bytes", f"{file.size:,}")
    if total > limits.total:
        raise GenerationError(
            f"a pool must have at most {limits.total:,} bytes when unpacked, "
            f"got more up to {shown(file.name)}"
        )
    if _hidden(file.name):
        return file
    lower = file.name.lower()
    if lower.endswith(_ARCHIVES):
        raise _wrong(file.name, "must not be an archive itself", "one inside the pool")
    if lower.endswith(_OTHER_IMAGES):
        raise _wrong(file.name, "must be PNG, JPEG or WebP", "another image format")
    return file


def _check_number(number: int, limits: Limits) -> None:
    if number > limits.files:
        raise GenerationError(f"a pool must have at most {limits.files:,} files, got more")


def _check_name(name: str) -> None:
    """Refuse names of an archive that lead out of it wherever it is unpacked."""
    parts = PurePosixPath(name).parts
    drive = len(name) > 1 and name[1] == ":"
    if name.startswith("/") or ".." in parts or "\\" in name or "\0" in name or drive or not parts:
        raise _wrong(name, "must be named by a path inside the archive", "one that leads out")


def _hidden(name: str) -> bool:
    """What systems leave in folders and archives on their own account."""
    parts = PurePosixPath(name).parts
    return parts[0] == "__MACOSX" or any(part.startswith(".") for part in parts)


def shown(name: str) -> str:
    """A file's name as a sentence can hold it: printable, at most 120 characters."""
    printable = "".join(letter if letter.isprintable() else "?" for letter in name)
    return printable if len(printable) <= 120 else f"{printable[:119]}…"


def _wrong(name: str, rule: str, fact: str) -> GenerationError:
    return GenerationError(f"{shown(name)}: a pool's file {rule}, got {fact}")
