"""A data set's tables as a folder: three CSV files and, if wanted, copies of the images."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from clpips.errors import DatasetError
from clpips.identity.datasets.split import Identity, SplitTables, by_identity
from clpips.io.atomic_files import atomic_folder, write_files
from clpips.io.image_tables import ImageRow, image_table_bytes
from clpips.progress import Watch
from clpips.text import quoted

FILES: Mapping[str, str] = {
    "train": "train_data.csv",
    "gallery": "gallery_data.csv",
    "extra": "extra_data.csv",
}
"""The files' names, as in the released code of arXiv 2512.19026."""


def write_tables(
    tables: SplitTables,
    out: str | os.PathLike[str],
    *,
    others: Mapping[str, bytes] | None = None,
) -> None:
    """Write the tables, all or none; paths are relative where images lie below the folder.

    Args:
        tables: what to write.
        out: the folder; tables of the same names are replaced.
        others: further small files, by name.

    Raises:
        OSError: no room, no permission.
    """
    folder = Path(out)
    here = Path(os.path.realpath(folder))
    contents = {
        folder / FILES[table]: image_table_bytes([_named(row, here) for row in rows])
        for table, rows in _tables(tables)
    }
    for name, content in (others or {}).items():
        contents[folder / name] = content
    write_files(contents)


def copy_tables(
    tables: SplitTables,
    out: str | os.PathLike[str],
    *,
    others: Mapping[str, bytes] | None = None,
    watch: Watch | None = None,
) -> None:
    """Write the tables with copies of their images, into a new or empty folder, all or nothing.

    Images are copied as they are and keep their endings:
    ``data/<species>/<name>/{train,gallery}/<k>.jpg`` and ``extra/<species>/<name>/<k>.jpg``, with
    k from 0 in the table's order.

    Args:
        tables: what to write.
        out: the folder.
        others: further small files, by name.
        watch: receives progress.

    Raises:
        InputError: ``out`` is a file, or not empty.
        DatasetError: two identities would share a folder.
        OSError: no room, no permission, an image that cannot be read.
    """
    watch = watch or Watch()
    places = _folders(tables)
    total = len(tables.train) + len(tables.gallery) + len(tables.extra)
    done = 0
    with atomic_folder(out) as folder:
        for table, rows in _tables(tables):
            named = []
            for row, path in _numbered(table, rows, places):
                watch.report(done / total, f"Copying image {done + 1} of {total}")
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(row.path, folder / path)
                named.append(replace(row, file_path=path))
                done += 1
            (folder / FILES[table]).write_bytes(image_table_bytes(named))
        for name, content in (others or {}).items():
            (folder / name).write_bytes(content)


def _tables(tables: SplitTables) -> Iterator[tuple[str, Sequence[ImageRow]]]:
    yield "train", tables.train
    yield "gallery", tables.gallery
    yield "extra", tables.extra


def _named(row: ImageRow, here: Path) -> ImageRow:
    """The row with its path as the table has to name it."""
    path = Path(row.path)
    inside = path.relative_to(here) if path.is_relative_to(here) else path
    return replace(row, file_path=inside.as_posix())


def _numbered(
    table: str, rows: Sequence[ImageRow], places: Mapping[Identity, str]
) -> Iterator[tuple[ImageRow, str]]:
    """Each row and the path of its copy, in the table's order."""
    count: dict[Identity, int] = {}
    for row in rows:
        number = count.get(row.identity, 0)
        count[row.identity] = number + 1
        place = places[row.identity]
        folder = f"extra/{place}" if table == "extra" else f"data/{place}/{table}"
        yield row, f"{folder}/{number}{Path(row.path).suffix.lower()}"


def _folders(tables: SplitTables) -> dict[Identity, str]:
    """The folder of each identity; no two may share one."""
    found: dict[Identity, str] = {}
    owner: dict[str, Identity] = {}
    for identity in by_identity([*tables.train, *tables.gallery, *tables.extra]):
        found[identity] = "/".join(_folder_name(part) for part in identity)
        # Upper and lower case are one folder on some systems.
        other = owner.setdefault(found[identity].casefold(), identity)
        if other != identity:
            raise DatasetError(
                f"{quoted(other)} and {quoted(identity)} would share the folder "
                f"{quoted(found[identity])}"
            )
    return found


def _folder_name(text: str) -> str:
    """A name as a folder's: anything that no system allows becomes ``_``."""
    name = re.sub(r'[\\/:*?"<>|\x00-\x1f]', "_", text).strip(" ").rstrip(".")
    return re.sub(r"^\.+", "_", name) or "_"
