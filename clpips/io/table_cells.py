"""Cells that several kinds of tables share: text, and names of image files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clpips.io.image_names import ImageFolder
from clpips.io.tabular_files import Layout
from clpips.text import quoted


def text_cell(layout: Layout, table: Path, row: int, cells: Mapping[str, Any], column: str) -> str:
    """A cell as text without blanks around it; empty where there is none.

    Raises:
        InputError: of the layout's kind, for anything but text or a number.
    """
    value = cells.get(column)
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if not isinstance(value, str | int | float):
        raise layout.wrong(table, row, f"{column} must be text, got {quoted(value)}")
    return str(value).strip()


def image_cell(
    layout: Layout, table: Path, row: int, column: str, name: str, images: ImageFolder
) -> str:
    """The real path of the image that a cell names.

    Raises:
        InputError: of the layout's kind, where there is no such file.
    """
    found = images.find(name)
    if found is None:
        raise layout.wrong(
            table,
            row,
            f"{column}: no image {quoted(name)} in {images.folder} "
            "(--images names the folder that paths are relative to)",
        )
    return found
