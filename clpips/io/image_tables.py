"""Tables of identity-labelled images, one row an image.

Columns: ``name,species,file_path[,method,ref_path,prompt,mask_path]``. ``name`` is the identity,
``species`` its coarse class, paths are relative to
the table's folder or to ``image_dir``. Galleries, queries and references are such tables; they are
CSV, Parquet or JSON Lines.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clpips.errors import DatasetError
from clpips.io.atomic_files import write_files
from clpips.io.csv_files import csv_bytes
from clpips.io.image_names import ImageFolder
from clpips.io.table_cells import image_cell, text_cell
from clpips.io.tabular_files import Layout, file_rows
from clpips.text import named, quoted

REQUIRED = ("name", "species", "file_path")
OPTIONAL = ("method", "ref_path", "prompt", "mask_path")
FILES = ("file_path", "ref_path", "mask_path")
LAYOUT = Layout("a table of images", REQUIRED, OPTIONAL, DatasetError)
GENERATED = "generated"
"""The method of queries whose table names none."""


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One image of a table.

    Args:
        name: its identity; unique within a species.
        species: its coarse class.
        file_path: as it stands in the table.
        path: the file; empty where it is not there and need not be.
        method: what generated it; :data:`GENERATED` where the table names none.
        ref_path: the reference image that it was generated from, as it stands; may be empty.
        ref: that file; empty where there is none.
        prompt: the text that it was generated from; may be empty.
        mask_path: a picture that is white where the subject is, as it stands; may be empty.
        mask: that file; empty where there is none.
    """

    name: str
    species: str
    file_path: str
    path: str = ""
    method: str = GENERATED
    ref_path: str = ""
    ref: str = ""
    prompt: str = ""
    mask_path: str = ""
    mask: str = ""

    @property
    def identity(self) -> tuple[str, str]:
        """Species and name."""
        return self.species, self.name


def read_image_table(
    table: str | os.PathLike[str],
    *,
    image_dir: str | os.PathLike[str] | None = None,
    files: bool = True,
    notes: list[str] | None = None,
) -> list[ImageRow]:
    """The rows of a table of images, in its order.

    Args:
        table: ``.csv``, ``.tsv``, ``.parquet`` or ``.jsonl``.
        image_dir: what paths are relative to; by default the table's own folder.
        files: whether every image has to be there; not so where embeddings are given.
        notes: receives what was found that the table's owner may not expect.

    Raises:
        DatasetError: a missing column, an empty cell, an image twice for one method, or one that
            is not there. The sentence names file, row (the header is row 1) and rule.
    """
    source = Path(table)
    images = ImageFolder(Path(image_dir) if image_dir is not None else source.parent)
    found: list[ImageRow] = []
    seen: dict[tuple[str, str], int] = {}
    for number, cells in file_rows(source, LAYOUT, [] if notes is None else notes):
        row = _row(source, number, cells, images, required=files)
        first = seen.setdefault((row.method, row.path or row.file_path), number)
        if first != number:
            raise LAYOUT.wrong(
                source,
                number,
                f"an image must appear once, got {quoted(row.file_path)} (first in row {first})",
            )
        found.append(row)
    if not found:
        raise LAYOUT.not_one(source, "hold at least one row, got none")
    return found


def check_species(queries: Sequence[ImageRow], gallery: Collection[str]) -> None:
    """Check that queries have something to search.

    Args:
        queries: the images.
        gallery: the species that the gallery has images of.

    Raises:
        DatasetError: a species without any gallery image.
    """
    absent = sorted({row.species for row in queries}.difference(gallery))
    if absent:
        raise DatasetError(
            f"the gallery must have images of every species of the queries, got none of "
            f"{named(absent)}"
        )


def write_image_table(rows: Sequence[ImageRow], path: str | os.PathLike[str]) -> None:
    """Write a CSV table of images; optional columns appear where a row has them."""
    write_files({Path(path): image_table_bytes(rows)})


def image_table_bytes(rows: Sequence[ImageRow]) -> bytes:
    """The same table as the file's content."""
    optional = [c for c in OPTIONAL if any(_cell(row, c) for row in rows)]
    columns = (*REQUIRED, *optional)
    cells = [{column: _cell(row, column) for column in columns} for row in rows]
    return csv_bytes(columns, cells)


def _cell(row: ImageRow, column: str) -> str:
    value = str(getattr(row, column))
    return "" if column == "method" and value == GENERATED else value


def _row(
    source: Path, number: int, cells: Mapping[str, Any], images: ImageFolder, *, required: bool
) -> ImageRow:
    values = {
        column: text_cell(LAYOUT, source, number, cells, column)
        for column in (*REQUIRED, *OPTIONAL)
    }
    for column in REQUIRED:
        if not values[column]:
            raise LAYOUT.wrong(source, number, f"{column} must not be empty")
    values["method"] = values["method"] or GENERATED
    found: dict[str, str] = {}
    for column in FILES:
        name = values[column]
        if name and required:
            found[column] = image_cell(LAYOUT, source, number, column, name, images)
        else:
            found[column] = (images.find(name) or "") if name else ""
    return ImageRow(
        **values, path=found["file_path"], ref=found["ref_path"], mask=found["mask_path"]
    )
