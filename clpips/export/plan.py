"""What an export of rankings will hold, before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from clpips.export.image_names import Pictures


@dataclass(frozen=True, slots=True)
class Plan:
    """The files of an export.

    Args:
        tables: content by name inside the export.
        copies: the picture (by content) that each image file inside the export holds.
        about: how the tables are read, in plain words, for the export's README.
    """

    tables: Mapping[str, bytes]
    copies: Mapping[str, str]
    about: str


def shared_names(
    contents: Iterable[str], pictures: Pictures, outside: Path | None
) -> tuple[Callable[[str], str], dict[str, str]]:
    """How tables name pictures, and the copies this takes.

    Args:
        contents: the pictures that the tables name.
        pictures: where they are.
        outside: the export's folder when images are left where they are; ``None`` copies each
            picture once, into ``images/``.
    """
    if outside is not None:
        folder = outside
        return lambda content: pictures.outside(content, folder), {}
    copies = {pictures.inside(content): content for content in dict.fromkeys(contents)}
    return pictures.inside, copies
