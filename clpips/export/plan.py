"""What an export of rankings will hold, before anything is written."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clpips.export.image_names import Pictures

# A spreadsheet would run a cell that begins so; participants write the prompts.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


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


def csv_bytes(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """A CSV table (UTF-8) with a header; absent values are empty cells.

    A prompt that looks like a formula gets an apostrophe first.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    for row in rows:
        prompt = row.get("prompt")
        guarded = f"'{prompt}" if prompt and str(prompt).startswith(_FORMULA) else prompt
        writer.writerow({**row, "prompt": guarded} if "prompt" in row else row)
    return text.getvalue().encode()
