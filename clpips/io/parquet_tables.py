"""Tables with pictures in Parquet files, as data sets on the Hugging Face hub are published.

A table may be cut into several files. Rows are read a few at a time, so that memory stays small
however large the table is; a picture is a struct of ``bytes`` and ``path``, or plain bytes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from clpips.errors import DatasetError
from clpips.io.file_kinds import LFS, START, is_lfs_pointer
from clpips.text import named, one_line, quoted

AT_ONCE = 8
"""Rows that are held in memory at a time; each may hold several large pictures."""
_SHARD = re.compile(r"[-_.]?\d+-of-\d+(-[0-9a-f]+)?$|^\d+$")
_PLAIN = {"", ".", "data", "default", "train", "validation", "val", "test", "all"}


class TableRow(NamedTuple):
    """One row: its position in the whole table from 0, where it stands, and its cells."""

    position: int
    file: Path
    number: int
    cells: Mapping[str, Any]

    @property
    def where(self) -> str:
        """File and row for messages; the first row is 2, as in a table with a header."""
        return f"{self.file}, row {self.number}"


@dataclass(frozen=True)
class ParquetTable:
    """One table in one or more files, in the order of their names.

    Args:
        name: see :func:`table_name`.
        files: none empty; all have the first one's columns.
    """

    name: str
    files: tuple[Path, ...]

    @property
    def path(self) -> Path:
        """The first file, which messages about the whole table name."""
        return self.files[0]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns.

        Raises:
            DatasetError: not Parquet, or files that differ in their columns.
        """
        found = [_columns(file) for file in self.files]
        for file, columns in zip(self.files, found, strict=True):
            if set(columns) != set(found[0]):
                raise DatasetError(
                    f"{file}: the files of one table must have the same columns, got "
                    f"{named(sorted(set(columns) ^ set(found[0])))} in only some of them"
                )
        return found[0]

    @cached_property
    def n_rows(self) -> int:
        """The rows of all files.

        Raises:
            DatasetError: not Parquet.
        """
        return sum(_count(file) for file in self.files)

    def rows(
        self, columns: Sequence[str], wanted: Collection[int] | None = None
    ) -> Iterator[TableRow]:
        """Some columns of the rows, in order.

        Args:
            columns: which; each must be there.
            wanted: the positions of the rows; all by default. Row groups without any are
                passed over unread.

        Raises:
            DatasetError: a file that is damaged.
        """
        chosen = None if wanted is None else frozenset(wanted)
        start = 0
        for file in self.files:
            with _opened(file) as table:
                number = 2
                for group in range(table.num_row_groups):
                    size = table.metadata.row_group(group).num_rows
                    if chosen is None or not chosen.isdisjoint(range(start, start + size)):
                        for offset, cells in enumerate(_group_rows(table, group, columns)):
                            if chosen is None or start + offset in chosen:
                                yield TableRow(start + offset, file, number + offset, cells)
                    start, number = start + size, number + size


def parquet_tables(path: Path) -> list[ParquetTable]:
    """The tables of a Parquet file or of all such files in a folder and its folders, by name."""
    if path.is_file():
        return [ParquetTable(table_name(PurePath(path.name)), (path,))]
    found: dict[str, list[Path]] = {}
    for file in sorted(path.rglob("*.parquet"), key=_natural):
        found.setdefault(table_name(file.relative_to(path)), []).append(file)
    return [ParquetTable(name, tuple(files)) for name, files in found.items()]


def table_name(relative: PurePath) -> str:
    """The name of a table: its file's, or its folder's where the file's name is a general one.

    >>> table_name(PurePath("flux.parquet")), table_name(PurePath("flux-00000-of-00002.parquet"))
    ('flux', 'flux')
    >>> table_name(PurePath("NearID-Flux/data/train-00000-of-00002.parquet"))
    'NearID-Flux'
    >>> table_name(PurePath("train-00000-of-00002.parquet"))
    ''
    """
    parts = (*relative.parts[:-1], _SHARD.sub("", relative.stem))
    return next((part for part in reversed(parts) if part.lower() not in _PLAIN), "")


def picture_bytes(cell: Any, where: str, folder: Path) -> bytes | None:
    """The file of a picture in a cell; ``None`` for an empty cell.

    Args:
        cell: ``None``, bytes, or a mapping with ``bytes`` or, instead, ``path``.
        where: names the cell in messages.
        folder: what a cell's path is relative to.

    Raises:
        DatasetError: another kind of value, or a path to no file.
    """
    if cell is None or isinstance(cell, bytes):
        return cell or None
    if isinstance(cell, Mapping) and {"bytes", "path"} & set(cell):
        data, path = cell.get("bytes"), cell.get("path")
        if isinstance(data, bytes) and data:
            return data
        if data is None and not path:
            return None
        if data is None and isinstance(path, str):
            file = folder / path
            if not file.is_file():
                raise DatasetError(one_line(f"{where}: no image {quoted(path)} in {folder}"))
            return file.read_bytes()
    raise DatasetError(
        one_line(f"{where} must hold a picture (bytes, or bytes and path), got {quoted(cell)}")
    )


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sorts part-2 before part-10."""
    return [
        (int(piece), "") if piece.isdigit() else (-1, piece)
        for piece in re.split(r"(\d+)", path.as_posix())
    ]


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    """A Parquet file; whatever pyarrow raises inside becomes one sentence."""
    import pyarrow
    import pyarrow.parquet

    try:
        with file.open("rb") as source:
            if is_lfs_pointer(source.read(START)):
                raise DatasetError(f"{file}: a table must be Parquet, got {LFS}")
            source.seek(0)
            # Not pre-buffered: that would hold a whole row group of pictures in memory.
            with pyarrow.parquet.ParquetFile(
                source, pre_buffer=False, buffer_size=1 << 20
            ) as table:
                yield table
    except FileNotFoundError:
        raise DatasetError(f"{file}: no such table") from None
    except (pyarrow.ArrowException, OSError, ValueError, TypeError, MemoryError) as error:
        raise DatasetError(one_line(f"{file}: not a Parquet file, or damaged ({error})")) from error


def _columns(file: Path) -> tuple[str, ...]:
    with _opened(file) as table:
        return tuple(table.schema_arrow.names)


def _count(file: Path) -> int:
    with _opened(file) as table:
        return int(table.metadata.num_rows)


def _group_rows(table: Any, group: int, columns: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    batches = table.iter_batches(batch_size=AT_ONCE, row_groups=[group], columns=list(columns))
    for batch in batches:
        yield from batch.to_pylist()
