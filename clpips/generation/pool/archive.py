"""The files of a pool, in a folder or a zip archive: named and checked before any is read."""

from __future__ import annotations

import lzma
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from clpips.errors import GenerationError
from clpips.generation.pool.archive_names import names_of
from clpips.generation.pool.listed import Limits, Listed, check_number, checked, is_hidden, wrong
from clpips.text import cut, one_line

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


class Source(Protocol):
    """Where the files of a pool are."""

    def listed(self, limits: Limits) -> list[Listed]:
        """Every file, in the order of names; hidden ones are left out."""
        ...

    def read(self, file: Listed) -> bytes:
        """A file's bytes; never more than its stated size."""
        ...

    def notes(self) -> list[str]:
        """What was done to names, in sentences."""
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
        yield _Archive(archive, *names_of(archive.infolist()))


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
                if is_hidden(relative):
                    continue
                size = self._size(path, relative)
                total += size
                found.append(checked(Listed(relative, size), len(found) + 1, total, limits))
        return sorted(found, key=lambda each: each.name)

    def notes(self) -> list[str]:
        return []

    def _size(self, path: Path, relative: str) -> int:
        try:
            if not path.resolve().is_relative_to(self.root.resolve()):
                raise wrong(relative, "must lie in the pool", "a link that leads out of it")
            status = path.stat()
        except (OSError, RuntimeError) as error:
            raise wrong(relative, "must be readable", cut(one_line(error), 200)) from error
        if not stat.S_ISREG(status.st_mode):
            raise wrong(relative, "must be a plain file", "something else")
        return status.st_size

    def read(self, file: Listed) -> bytes:
        try:
            with (self.root / file.name).open("rb") as opened:
                return opened.read(file.size + 1)
        except OSError as error:
            raise wrong(file.name, "must be readable", cut(one_line(error), 200)) from error


@dataclass(frozen=True, slots=True)
class _Archive:
    archive: zipfile.ZipFile
    entries: Mapping[str, zipfile.ZipInfo]
    renamed: list[str]

    def listed(self, limits: Limits) -> list[Listed]:
        found: list[Listed] = []
        total = 0
        for number, (name, info) in enumerate(self.entries.items(), start=1):
            _check_name(name)
            if name.endswith("/"):
                check_number(number, limits)
                continue
            total += info.file_size
            file = checked(Listed(name, info.file_size), number, total, limits)
            if info.flag_bits & 1:
                raise wrong(name, "must not be encrypted", "one that is")
            if stat.S_ISLNK(info.external_attr >> 16):
                raise wrong(name, "must be a plain file", "a link")
            if not is_hidden(name):
                found.append(file)
        return sorted(found, key=lambda each: each.name)

    def notes(self) -> list[str]:
        return list(self.renamed)

    def read(self, file: Listed) -> bytes:
        try:
            with self.archive.open(self.entries[file.name]) as opened:
                return opened.read(file.size + 1)
        except (*_BROKEN, KeyError) as error:
            reason = cut(one_line(error), 200) or type(error).__name__
            raise wrong(file.name, "must be whole", f"a damaged file: {reason}") from error


def _check_name(name: str) -> None:
    """Refuse names of an archive that lead out of it wherever it is unpacked."""
    parts = PurePosixPath(name).parts
    drive = len(name) > 1 and name[1] == ":"
    if name.startswith("/") or ".." in parts or "\0" in name or drive or not parts:
        raise wrong(name, "must be named by a path inside the archive", "one that leads out")
