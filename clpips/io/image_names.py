"""Names of images and targets, compared as people's programs and systems write them."""

from __future__ import annotations

import os
import posixpath
import re
import unicodedata
from pathlib import Path, PurePosixPath

ENDING = re.compile(r"\.(png|jpe?g|jpe|jfif|webp|gif|bmp|tiff?|avif|jp2|ppm)$", re.IGNORECASE)


def composed(text: str) -> str:
    """One form of a text's accents (NFC): macOS takes them apart, other systems do not.

    >>> len("Mo\\u0308we"), len(composed("Mo\\u0308we"))
    (5, 4)
    """
    return unicodedata.normalize("NFC", text)


def path_key(name: str, folder: str = "") -> str:
    """What two ways to write one path share: slashes, no ``.`` or ``..``, one form of accents.

    Args:
        name: a path as a table has it, with slashes or backslashes.
        folder: what it is relative to.

    >>> path_key("deep\\\\a.png"), path_key("./a.png", "deep"), path_key("../a.png", "deep")
    ('deep/a.png', 'deep/a.png', 'a.png')
    """
    path = posixpath.join(folder, name.strip().replace("\\", "/"))
    return composed(posixpath.normpath(path))


def target_key(name: str) -> str:
    """What two ways to write one target's name share: no ending, blanks for underscores, no case.

    >>> target_key("My_Cat.PNG") == target_key("my  cat")
    True
    """
    stem = ENDING.sub("", composed(name).strip())
    return " ".join(stem.replace("_", " ").split()).casefold()


class ImageFolder:
    """Finds the files of a folder by the names that a table gives them.

    A name is found whether its separators are slashes or backslashes, and however its accents
    are composed. What was found once is remembered.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._found: dict[str, str | None] = {}
        self._listings: dict[Path, dict[str, str]] = {}

    def find(self, name: str) -> str | None:
        """The real path of a file, symbolic links resolved; ``None`` where there is none."""
        if name not in self._found:
            self._found[name] = self._search(name)
        return self._found[name]

    def _search(self, name: str) -> str | None:
        spellings = dict.fromkeys((name, name.replace("\\", "/")))
        for spelling in spellings:
            if os.path.isfile(self.folder / spelling):  # noqa: PTH113 - Path.is_file raises on no paths
                return os.path.realpath(self.folder / spelling)
        for spelling in spellings:
            path = self._by_parts(PurePosixPath(spelling))
            if path is not None and os.path.isfile(path):  # noqa: PTH113
                return os.path.realpath(path)
        return None

    def _by_parts(self, name: PurePosixPath) -> Path | None:
        """The path whose every part is the same text as the name's."""
        place = self.folder
        for part in name.parts:
            there = place / part
            if not os.path.lexists(there):
                listed = self._listing(place).get(composed(part))
                if listed is None:
                    return None
                there = place / listed
            place = there
        return place

    def _listing(self, folder: Path) -> dict[str, str]:
        if folder not in self._listings:
            try:
                names = os.listdir(folder)  # noqa: PTH208 - names alone are needed
            except (OSError, ValueError):
                names = []
            self._listings[folder] = {composed(name): name for name in names}
        return self._listings[folder]
