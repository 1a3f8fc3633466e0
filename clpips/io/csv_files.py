"""The one way in which CSV files are written, and what reading them back takes."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

BOM = "\ufeff"
"""Begins CSV files that people open: without it, Excel shows "MÃ¶we" for "Möwe"."""

# A spreadsheet runs a cell that begins so (some languages' editions also the wide forms).
_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")


def write_csv(file: TextIO, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> int:
    """Write a table with a header, row by row; absent values are empty cells.

    Text that a spreadsheet would run as a formula gets an apostrophe in front, in every column:
    people write names, prompts and captions. Numbers are written as they are.

    Args:
        file: opened with ``newline=""`` and ``encoding="utf-8"``.
        columns: their names.
        rows: values by column; other keys are refused by ``csv``.

    Returns:
        how many rows there were.
    """
    file.write(BOM)
    writer = csv.DictWriter(file, columns)
    writer.writeheader()
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 # it is returned
        writer.writerow({column: _guarded(value) for column, value in row.items()})
    return count


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """The same table as text."""
    text = io.StringIO(newline="")
    write_csv(text, columns, rows)
    return text.getvalue()


def csv_bytes(
    columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, bom: bool = True
) -> bytes:
    """The same table as UTF-8; without ``bom`` for other projects' programs, which expect none."""
    return csv_text(columns, rows).removeprefix("" if bom else BOM).encode()


def unguarded(cell: str) -> str:
    """A cell without the apostrophe that :func:`write_csv` puts in front of a formula.

    >>> unguarded("'=1+1"), unguarded("'tis"), unguarded("=1+1")
    ('=1+1', "'tis", '=1+1')
    """
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _guarded(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value
