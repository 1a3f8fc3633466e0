"""An on-disk cache of difference vectors, shared between processes and runs.

A vector is stored under a hash of everything it depends on: the *bytes* of both files, the feature
space, and the checksum of its frozen weights. Bytes and not decoded pixels, because hashing a
file is much faster than decoding it and equal bytes decode to equal pixels; an image saved in
another format is simply computed again. File names do not matter: an image that was moved is
still found, and one that was changed in place is not.

Each vector is a separate file, written atomically, so several processes may use one folder at
once. Every file ends in a hash of its key and content. A file that was truncated or altered fails
this check, and its vector is computed again.

The folder is ``$CLPIPS_CACHE``, else ``clpips/vectors`` in the user's cache; ``CLPIPS_CACHE=off``
disables the cache. It may grow to 1 GiB (about 200,000 AlexNet vectors), or ``$CLPIPS_CACHE_MIB``;
the least recently used files are deleted first. Deleting the folder, or any file in it, is always
safe. A folder that cannot be written to is not an error: vectors are then not stored.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import time
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from clpips.errors import InputError
from clpips.features.base import Vectors
from clpips.io.atomic_files import ENDING, atomic_file

VERSION = b"clpips vector 1\n"
"""Part of every key: increase it when the same files and weights would give other vectors."""
LIMIT = 1 << 30
FREED = 0.9
"""When the folder exceeds its limit, files are deleted down to this share of it."""
BLOCK = 4096
"""Size of a disk block in bytes: a file uses whole blocks."""
DAY, HOUR, TICK = 86_400, 3600, 2
SUFFIX = ".vector"
_HEADER = struct.Struct("<cI")
_TYPES: Mapping[bytes, np.dtype[Any]] = {b"f": np.dtype("<f4"), b"d": np.dtype("<f8")}


def default_cache() -> VectorCache | None:
    """The cache configured by the environment; ``None`` if disabled.

    Raises:
        InputError: ``CLPIPS_CACHE_MIB`` is not a positive whole number.
    """
    stated = os.environ.get("CLPIPS_CACHE")
    if stated is not None and stated.lower() == "off":
        return None
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    size = os.environ.get("CLPIPS_CACHE_MIB")
    if size is not None and not (size.isascii() and size.isdigit() and int(size) > 0):
        raise InputError(f"CLPIPS_CACHE_MIB must be a positive whole number, got {size!r}")
    folder = Path(stated).expanduser() if stated else user / "clpips" / "vectors"
    return VectorCache(folder, limit=int(size) << 20 if size else LIMIT)


class VectorCache:
    """A folder of difference vectors.

    Args:
        folder: created when the first vector is stored.
        limit: how large it may grow on disk, in bytes.
    """

    def __init__(self, folder: str | os.PathLike[str], *, limit: int = LIMIT) -> None:
        self.folder, self.limit = Path(folder), limit
        self._room = 0  # bytes that may be written before the folder is measured again
        self._writable = True

    def of(self, space: str, checksum: str, channels: int) -> SpaceCache:
        """The vectors of one feature space with certain frozen weights.

        Raises:
            InputError: weights without a checksum, so that their vectors cannot be identified.
        """
        if not checksum:
            raise InputError(f"vectors are kept by their weights' checksum, got none for {space}")
        return SpaceCache(self, f"{space}\n{checksum}\n{channels}".encode(), channels)

    def read(self, key: bytes) -> bytes | None:
        """The content stored under a key; ``None`` if missing or damaged."""
        path = self._path(key)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        with contextlib.suppress(OSError):  # for the order of deletion; accurate to a day
            if time.time() - path.stat().st_mtime > DAY:
                os.utime(path)
        kept, digest = content[:-32], content[-32:]
        return kept if hashlib.sha256(key + kept).digest() == digest else None

    def write(self, key: bytes, content: bytes) -> None:
        """Store content under a key, atomically."""
        if not self._writable:
            return
        try:
            self._make_room(len(content) + 32)
            with atomic_file(self._path(key), durable=False) as partial:
                partial.write_bytes(content + hashlib.sha256(key + content).digest())
        except OSError:  # a full disk, no permission: go on without the cache
            self._writable = False

    def _path(self, key: bytes) -> Path:
        name = hashlib.sha256(VERSION + key).hexdigest()
        return self.folder / name[:2] / (name[2:] + SUFFIX)

    def _make_room(self, size: int) -> None:
        self._room -= _on_disk(size)
        if self._room >= 0:
            return
        files = sorted(self._files())
        used = sum(size for _, size, _ in files)
        if used + _on_disk(size) > self.limit:
            for _, size_of_it, path in files:
                if used <= FREED * self.limit:
                    break
                with contextlib.suppress(OSError):  # another process deleted it first
                    path.unlink()
                used -= size_of_it
        # Other processes write too: measure again after a tenth of the room is used.
        self._room = max((self.limit - used) // 10, self.limit // 1000)

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """Last use, size on disk and path of every file; leftovers of crashes are deleted."""
        for path in self.folder.glob("??/*"):
            with contextlib.suppress(OSError):
                status = path.stat()
                if path.suffix == ENDING:
                    if time.time() - status.st_mtime > HOUR:
                        path.unlink()
                elif path.suffix == SUFFIX:
                    yield status.st_mtime, _on_disk(status.st_size), path


class SpaceCache:
    """The cached vectors of one feature space."""

    def __init__(self, cache: VectorCache, space: bytes, channels: int) -> None:
        self.cache, self.space, self.channels = cache, space, channels
        self._requested: dict[tuple[str, str], bytes] = {}

    def get(self, target: str, image: str) -> Vectors | None:
        """The vector of a pair of files; ``None`` if not cached or if a file cannot be read."""
        key = self._key(target, image)
        if key is not None:
            self._requested[target, image] = key
        content = None if key is None else self.cache.read(key)
        if content is None or len(content) < _HEADER.size:
            return None
        kind, count = _HEADER.unpack_from(content)
        if kind not in _TYPES or count != self.channels:
            return None
        vector: Vectors = np.frombuffer(content, _TYPES[kind], count, _HEADER.size)
        return vector.astype(np.float64)

    def put(self, target: str, image: str, vector: Vectors) -> None:
        """Store the vector of a pair of files that :meth:`get` did not find.

        Nothing is stored if a file changed in between: it may have been read before or after.
        """
        key = self._key(target, image)
        if key is None or self._requested.pop((target, image), None) != key:
            return
        with np.errstate(over="ignore"):
            kind = b"f" if np.array_equal(vector.astype(np.float32), vector) else b"d"
        content = vector.astype(_TYPES[kind]).tobytes()
        self.cache.write(key, _HEADER.pack(kind, len(vector)) + content)

    def _key(self, target: str, image: str) -> bytes | None:
        try:
            return b"\n".join((self.space, content_hash(target), content_hash(image)))
        except (OSError, ValueError):  # decoding it reports the error
            return None


def content_hash(name: str) -> bytes:
    """The SHA-256 of a file's bytes, in hexadecimal digits; read once while it is unchanged.

    Raises:
        OSError, ValueError: the file cannot be read.
    """
    status = Path(name).stat()
    # Of two changes within one tick of the file system's clock, only the first would be detected.
    hashed = _hashed if time.time() - status.st_mtime > TICK else _hashed.__wrapped__
    return hashed(name, status.st_size, status.st_mtime_ns, status.st_ino)


@lru_cache(maxsize=200_000)
def _hashed(name: str, size: int, changed: int, number: int) -> bytes:
    """A file's hash, read once for all its pairs unless it changes."""
    with Path(name).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest().encode()


def _on_disk(size: int) -> int:
    return -(-size // BLOCK) * BLOCK
