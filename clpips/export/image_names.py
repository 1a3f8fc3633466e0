"""The pictures that rankings name: known by their content, and how an export names them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from clpips.errors import ImageError
from clpips.io.image_files import picture_size, read_picture

FOLDER = "images"


class Pictures:
    """Content hashes of files, each read once, and the first path of each content."""

    def __init__(self) -> None:
        self._content: dict[str, str] = {}
        self._path: dict[str, Path] = {}

    def content_of(self, path: str) -> str:
        """The SHA-256 of an image file, which is decoded once: an export holds images only.

        Raises:
            ImageError: there is no such image.
        """
        if path not in self._content:
            picture_size(Path(path))  # refuses what is no image before all of it is read
            try:
                data = Path(path).read_bytes()
            except OSError as error:
                raise ImageError(f"{path}: the image cannot be read ({error.strerror})") from error
            read_picture(data, Path(path).name, min_side=1)
            digest = hashlib.sha256(data).hexdigest()
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
