"""Small pictures inside an HTML page that needs no other file."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from clpips.errors import ImageError
from clpips.io.image_files import read_picture

QUALITY = 82


class SmallPictures:
    """Small JPEG pictures in Base64, each file once however often it is shown.

    Args:
        side: longest side of a picture, in pixels.

    Attributes:
        data: the pictures; a page shows them by their number here.
    """

    def __init__(self, side: int) -> None:
        self.side = side
        self.data: list[str] = []
        self._number: dict[str, int | None] = {}

    def add(self, path: str) -> None:
        """Read a file's picture, unless it is there or there is no file."""
        if path and path not in self._number:
            self._number[path] = self._read(path)

    def number(self, path: str) -> int | None:
        """The place of a file's picture in :attr:`data`; ``None`` where it cannot be shown."""
        return self._number.get(path)

    def _read(self, path: str) -> int | None:
        try:
            picture = read_picture(Path(path).read_bytes(), path, min_side=1)
        except (ImageError, OSError):
            return None
        picture.thumbnail((self.side, self.side))
        content = io.BytesIO()
        picture.save(content, "JPEG", quality=QUALITY)
        self.data.append(base64.b64encode(content.getvalue()).decode())
        return len(self.data) - 1
