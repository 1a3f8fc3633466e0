"""The raw rows of a rankings file, before their cells are checked: CSV, JSON Lines, Parquet."""

from __future__ import annotations

import csv
import itertools
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO, TypeAlias

from clpips.errors import RankingsFileError
from clpips.io.git_lfs import LFS, is_lfs_pointer
from clpips.text import cut, one_line, quoted

REQUIRED = ("participant", "target", "image", "rank")
OPTIONAL = ("trial", "round", "confidence")
SEPARATORS = (",", ";", "\t")  # spreadsheets write the last two in much of Europe

Row: TypeAlias = tuple[int, Mapping[str, Any]]


def unknown_ending(path: Path) -> str:
    """The error message for a file name with an unsupported ending."""
    suffix = quoted(path.suffix)
    return f"{path}: a rankings file must end in .csv, .parquet or .jsonl, got {suffix}"


def wrong(path: Path, row: int, rule: str) -> RankingsFileError:
    """The error for a row that breaks a rule, in one line."""
    return RankingsFileError(one_line(f"{path}, row {row}: {rule}"))


def file_rows(path: Path) -> Iterator[Row]:
    """Rows with their number in the file (a header is row 1)."""
    if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises on names too long
        raise RankingsFileError(f"{path}: no such rankings file")
    readers = {".csv": _csv_rows, ".jsonl": _json_rows, ".parquet": _parquet_rows}
    if path.suffix.lower() not in readers:
        raise RankingsFileError(unknown_ending(path))
    try:
        yield from readers[path.suffix.lower()](path)
    except UnicodeError as error:
        raise RankingsFileError(
            f"{path}: a rankings file must be UTF-8 or UTF-16 text ({error})"
        ) from error


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    for column in REQUIRED:
        if column not in columns:
            found = cut(one_line(", ".join(columns))) or "none"
            raise RankingsFileError(f"{path}, row 1: the column {column!r} is missing, got {found}")
    for column in (*REQUIRED, *OPTIONAL):
        if columns.count(column) > 1:
            raise RankingsFileError(f"{path}, row 1: the column {column!r} must appear only once")


def _encoding(path: Path) -> str:
    """The encoding of a text file, from its first bytes.

    Raises:
        RankingsFileError: it is something else under the name of a text file.
    """
    with path.open("rb") as file:
        start = file.read(1024)
    other = None
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        other = "an Excel workbook or another archive: save it as CSV"
    elif is_lfs_pointer(start):
        other = LFS
    elif re.match(rb"(\xef\xbb\xbf)?\s*<(!doctype|html)", start, re.IGNORECASE):
        other = "a web page"
    if other is not None:
        raise RankingsFileError(f"{path}: a rankings file must be CSV or JSON Lines, got {other}")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\0" in start[:2]:
        return "utf-16-be" if start[0] == 0 else "utf-16-le"
    return "utf-8-sig"  # spreadsheets put a byte-order mark in front of the first column's name


def _separator(header: str) -> str:
    """The separator by which a header has most of the required columns; else a comma."""

    def known(separator: str) -> int:
        names = {name.strip().strip('"') for name in header.split(separator)}
        return len(names.intersection(REQUIRED))

    return max(SEPARATORS, key=known)  # the first of equals


def _csv_rows(path: Path) -> Iterator[Row]:
    with path.open(newline="", encoding=_encoding(path)) as file:
        header, above, stated = _header(file)
        separator = stated or _separator(header)
        # strict: otherwise an unclosed quote would consume the rest of the file.
        reader = csv.reader(itertools.chain([header], file), strict=True, delimiter=separator)
        begins = above + 1  # the line on which a row begins
        try:
            columns = [name.strip() for name in next(reader, [])]
            _check_columns(path, columns)
            begins = above + reader.line_num + 1
            for cells in reader:
                if any(map(str.strip, cells)):
                    if len(cells) != len(columns):
                        rule = f"a row must have one value per column{_by(separator)}"
                        raise wrong(path, begins, rule)
                    yield begins, dict(zip(columns, cells, strict=True))
                begins = above + reader.line_num + 1
        except csv.Error as error:
            reason = "a quote that opens must close" if "end of data" in str(error) else str(error)
            raise wrong(path, begins, f"the row is not CSV ({reason})") from error


def _header(file: TextIO) -> tuple[str, int, str | None]:
    """The header's first line, how many lines are above it, and the separator if one is stated.

    Excel writes and reads a first line such as ``sep=;``.
    """
    above, stated = 0, None
    while line := file.readline():
        if found := re.fullmatch(r'"?sep=([,;|\t])[",;|\s]*', line, re.IGNORECASE):
            stated = found[1]
        elif line.strip():
            break
        above += 1
    return line, above, stated


def _by(separator: str) -> str:
    """Which separator was found, where it is not the usual one."""
    return "" if separator == "," else f", separated by {separator!r}"


def _json_rows(path: Path) -> Iterator[Row]:
    # Not splitlines: a name may hold U+2028 and its kind, which end no line of JSON Lines.
    lines = path.read_bytes().decode(_encoding(path)).split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            raise wrong(path, number, f"each line must be one JSON object ({error})") from error
        if not isinstance(row, dict):
            raise wrong(path, number, "each line must be one JSON object")
        missing = [column for column in REQUIRED if column not in row]
        if missing:
            raise wrong(path, number, f"the column {missing[0]!r} is missing")
        yield number, row


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the column {twice!r} must appear only once")
    return row


def _parquet_rows(path: Path) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            _check_columns(path, file.schema_arrow.names)
            known = [c for c in (*REQUIRED, *OPTIONAL) if c in file.schema_arrow.names]
            rows = file.read(columns=known).to_pylist()
    except RankingsFileError:
        raise
    except (pyarrow.ArrowException, OSError, ValueError, TypeError, MemoryError) as error:
        raise RankingsFileError(one_line(f"{path}: not a Parquet file ({error})")) from error
    yield from enumerate(rows, start=2)
