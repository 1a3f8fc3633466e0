"""The pictures that rankings name: known by their content, and how an export names them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from clpips.errors import ImageError

FOLDER = "images"


class Pictures:
    """Content hashes of files, each read once, and the first path of each content."""

    def __init__(self) -> None:
        self._content: dict[str, str] = {}
        self._path: dict[str, Path] = {}

    def content_of(self, path: str) -> str:
        """The SHA-256 of a file.

        Raises:
            ImageError: there is no such file.
        """
        if path not in self._content:
            try:
                with Path(path).open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise ImageError(f"{path}: the image cannot be read ({error.strerror})") from error
            self._content[path] = digest
            self._path.setdefault(digest, Path(path))
        return self._content[path]

    def path_of(self, content: str) -> Path:
        """The first file that had this content."""
        return self._path[content]

    def inside(self, content: str) -> str:
        """Its name inside an export: ``images/<SHA-256>.<ending>``, as in a study bundle."""
        return f"{FOLDER}/{content}{self.ending(content)}"

    def outside(self, content: str, folder: Path) -> str:
        """The path of the original, relative to the folder of an export without images."""
        here, there = os.path.realpath(folder), os.path.realpath(self._path[content])
        return Path(os.path.relpath(there, here)).as_posix()

    def ending(self, content: str) -> str:
        """The original's ending in lower case."""
        return self._path[content].suffix.lower()
