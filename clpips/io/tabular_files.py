"""The raw rows of a table, before their cells are checked: CSV, JSON Lines, Parquet."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO, TypeAlias

from clpips.errors import InputError
from clpips.io.csv_files import unguarded
from clpips.io.file_kinds import LFS, START, encoding, is_lfs_pointer, not_text
from clpips.text import cut, one_line, quoted

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
"""What separates columns: spreadsheets write semicolons and tabs in much of Europe."""
_HEADER = 100_000  # characters in which the header must end

Row: TypeAlias = tuple[int, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a kind of table.

    Args:
        kind: what messages call it, with its article.
        required: columns that it must have.
        optional: columns that it may have.
        error: what is raised where a rule is broken.
        others: whether it may have further columns, which are passed over.
    """

    kind: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    error: type[InputError]
    others: bool = True

    @property
    def known(self) -> tuple[str, ...]:
        """Every column that is read."""
        return (*self.required, *self.optional)

    def wrong(self, table: str | Path, row: int, rule: str) -> InputError:
        """The error for a row that breaks a rule, in one line."""
        return self.error(one_line(f"{table}, row {row}: {rule}"))

    def not_one(self, table: str | Path, rule: str) -> InputError:
        """The error for a file that is no such table, in one line."""
        return self.error(one_line(f"{table}: {self.kind} must {rule}"))


def unknown_ending(path: Path, layout: Layout) -> InputError:
    """The error for a file name with an unsupported ending."""
    return layout.not_one(path, f"end in .csv, .parquet or .jsonl, got {quoted(path.suffix)}")


def file_rows(path: Path, layout: Layout, notes: list[str]) -> Iterator[Row]:
    """Rows with their number in the file (a header is row 1).

    Args:
        path: ``.csv``, ``.tsv``, ``.parquet`` or ``.jsonl``, in letters of either case.
        layout: its columns.
        notes: receives what was found that its owner may not expect.

    Raises:
        InputError: of the layout's own kind, for the first rule that is broken.
    """
    if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises on names too long
        raise layout.error(f"{path}: no such {layout.kind.partition(' ')[2]}")
    ending = path.suffix.lower()
    readers: dict[str, Callable[..., Iterator[Row]]] = {
        ".csv": csv_rows,
        ".tsv": csv_rows,
        ".jsonl": _json_rows,
        ".parquet": _parquet_rows,
    }
    if ending not in readers:
        raise unknown_ending(path, layout)
    with path.open("rb") as file:
        yield from readers[ending](file, str(path), layout, notes)


def csv_rows(file: BinaryIO, name: str, layout: Layout, notes: list[str]) -> Iterator[Row]:
    """Rows of a CSV file with their number: the line on which each begins.

    Columns may be separated by commas, semicolons or tabs, or as a first line such as ``sep=;``
    states. The header's letters may be of either case; empty rows are passed over.

    Args:
        file: at its start.
        name: the file's name in messages.
        layout: its columns.
        notes: receives a sentence where the separator is not a comma.
    """
    try:
        with io.TextIOWrapper(file, newline="", encoding=_encoding(file, name, layout)) as text:
            yield from _text_rows(text, name, layout, notes)
    except UnicodeError as error:
        raise layout.not_one(name, f"be UTF-8 or UTF-16 text ({error})") from error


def _text_rows(file: TextIO, name: str, layout: Layout, notes: list[str]) -> Iterator[Row]:
    above, stated = _lines_above(file)
    separator = stated or _separator(file, layout)
    # strict: otherwise an unclosed quote would consume the rest of the file.
    reader = csv.reader(file, strict=True, delimiter=separator)
    begins = above + 1  # the line on which a row begins
    try:
        columns = _columns(next(reader, []), layout)
        _check_columns(name, columns, layout)
        if separator != ",":
            notes.append(f"{name}: the columns are separated by {SEPARATORS[separator]}.")
        begins = above + reader.line_num + 1
        for cells in reader:
            if any(map(str.strip, cells)):
                if len(cells) != len(columns):
                    rule = f"a row must have one value per column{_by(separator)}"
                    raise layout.wrong(name, begins, rule)
                yield begins, dict(zip(columns, map(unguarded, cells), strict=True))
            begins = above + reader.line_num + 1
    except csv.Error as error:
        reason = "a quote that opens must close" if "end of data" in str(error) else str(error)
        raise layout.wrong(name, begins, f"the row is not CSV ({reason})") from error


def _encoding(file: BinaryIO, name: str, layout: Layout) -> str:
    """The encoding of a text file, which is then at its start again."""
    start = file.read(START)
    file.seek(0)
    if (other := not_text(start)) is not None:
        raise layout.not_one(name, f"be CSV or JSON Lines, got {other}")
    return encoding(start)


def _lines_above(file: TextIO) -> tuple[int, str | None]:
    """How many lines are above the header, and the separator if one of them states it.

    The file is left at its header. Excel writes and reads a first line such as ``sep=;``.
    """
    above, stated, at = 0, None, file.tell()
    while line := file.readline(_HEADER):
        if found := re.fullmatch(r'"?sep=([,;|\t])[",;|\s]*', line, re.IGNORECASE):
            stated = found[1]
        elif line.strip(",;|\t \r\n"):
            break
        above, at = above + 1, file.tell()
    file.seek(at)
    return above, stated


def _separator(file: TextIO, layout: Layout) -> str:
    """The separator by which the header has most of the columns; else a comma."""
    at = file.tell()
    start = file.read(_HEADER)
    file.seek(at)

    def known(separator: str) -> int:
        try:
            header = next(csv.reader(io.StringIO(start, newline=""), delimiter=separator), [])
        except csv.Error:
            return 0
        return len(set(layout.known).intersection(_columns(header, layout)))

    return max((each for each in SEPARATORS if each != "|"), key=known)  # the first of equals


def _columns(titles: Sequence[str], layout: Layout) -> list[str]:
    """The columns' names; one that is known may have letters of either case."""
    names = [title.strip() for title in titles]
    known = set(layout.known).difference(names)
    return [name.lower() if name.lower() in known else name for name in names]


def _check_columns(name: str, columns: Sequence[str], layout: Layout) -> None:
    for column in layout.required:
        if column not in columns:
            found = cut(one_line(", ".join(columns))) or "none"
            raise layout.wrong(name, 1, f"the column {column!r} is missing, got {found}")
    for column in layout.known:
        if columns.count(column) > 1:
            raise layout.wrong(name, 1, f"the column {column!r} must appear only once")
    unknown = [column for column in columns if column and column not in layout.known]
    if unknown and not layout.others:
        known = ", ".join(layout.known)
        raise layout.wrong(name, 1, f"a column must be one of {known}, got {quoted(unknown[0])}")


def _by(separator: str) -> str:
    """Which separator was found, where it is not the usual one."""
    return "" if separator == "," else f", separated by {separator!r}"


def _json_rows(file: BinaryIO, name: str, layout: Layout, notes: list[str]) -> Iterator[Row]:
    del notes
    kind = _encoding(file, name, layout)
    try:
        content = file.read().decode(kind)
    except UnicodeError as error:
        raise layout.not_one(name, f"be UTF-8 or UTF-16 text ({error})") from error
    # Not splitlines: a name may hold U+2028 and its kind, which end no line of JSON Lines.
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            rule = f"each line must be one JSON object ({error})"
            raise layout.wrong(name, number, rule) from error
        if not isinstance(row, dict):
            raise layout.wrong(name, number, "each line must be one JSON object")
        missing = [column for column in layout.required if column not in row]
        if missing:
            raise layout.wrong(name, number, f"the column {missing[0]!r} is missing")
        yield number, row


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the column {twice!r} must appear only once")
    return row


def _parquet_rows(file: BinaryIO, name: str, layout: Layout, notes: list[str]) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    del notes
    if is_lfs_pointer(file.read(START)):
        raise layout.not_one(name, f"be Parquet, got {LFS}")
    file.seek(0)
    try:
        with pyarrow.parquet.ParquetFile(file) as table:
            _check_columns(name, table.schema_arrow.names, layout)
            known = [c for c in layout.known if c in table.schema_arrow.names]
            rows = table.read(columns=known).to_pylist()
    except layout.error:
        raise
    except (pyarrow.ArrowException, OSError, ValueError, TypeError, MemoryError) as error:
        raise layout.error(one_line(f"{name}: not a Parquet file ({error})")) from error
    yield from enumerate(rows, start=2)
