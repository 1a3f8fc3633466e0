"""Rankings files: one row an image, ``participant,target,image,rank[,trial,round,confidence]``.

CSV (UTF-8), Parquet (``.parquet``) or JSON Lines (``.jsonl``), same columns. Rows with the same
participant, target, trial and round make one ranking. Ranks start at 1 and ties share a number.
Paths are relative to the file's folder, or to ``image_dir``; two spellings of one file are one
image.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clpips.errors import RankingError, RankingsFileError
from clpips.files import one_line, write_files
from clpips.types import Ranking

REQUIRED = ("participant", "target", "image", "rank")
OPTIONAL = ("trial", "round", "confidence")

MAX_RANK = 1_000_000
"""Largest accepted rank: a mistyped one should be a sentence, not an overflow."""

_Key = tuple[str, str, str | None, str | None]
_Row = tuple[int, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One row after its own checks: where it stands, and what it says of one image."""

    number: int
    image: str
    rank: int
    confidence: float | None


def read_rankings(
    path: str | os.PathLike[str], *, image_dir: str | os.PathLike[str] | None = None
) -> list[Ranking]:
    """The rankings of a file, in the order in which they begin; images as full, real paths.

    Args:
        path: ``.csv``, ``.parquet`` or ``.jsonl``.
        image_dir: what image paths are relative to; by default the file's own folder.

    Raises:
        RankingsFileError: a missing or repeated column, a rank that is not a whole number of
            at least 1, a repeated image, an image that does not exist, a ranking that does not
            start at rank 1. The sentence names file, row (the header is row 1) and rule.
    """
    source = Path(path)
    folder = Path(image_dir) if image_dir is not None else source.parent
    groups: dict[_Key, dict[str, _Entry]] = {}
    for number, row in _rows(source):
        key, entry = _key(source, number, folder, row), _entry(source, number, folder, row)
        ranking = groups.setdefault(key, {})
        if entry.image in ranking:
            raise _wrong(
                source,
                number,
                f"a ranking must not repeat an image, got {row['image']!r} again "
                f"(first in row {ranking[entry.image].number})",
            )
        ranking[entry.image] = entry
    if not groups:
        raise RankingsFileError(f"{source}: a rankings file must hold at least one row, got none")
    return [_ranking(source, key, list(rows.values())) for key, rows in groups.items()]


def write_rankings(rankings: Iterable[Ranking], path: str | os.PathLike[str]) -> None:
    """Write rankings in the format that the file's ending names, in one step.

    Images that are files are written relative to the new file's folder, so that the two travel
    together; any other name (a content hash) is written as it is.

    Raises:
        RankingsFileError: an ending that is not ``.csv``, ``.parquet`` or ``.jsonl``, or a name
            that UTF-8 cannot hold.
    """
    target = Path(path)
    if target.suffix not in (".csv", ".jsonl", ".parquet"):
        raise RankingsFileError(_unknown_ending(target))
    columns = (*REQUIRED, *OPTIONAL)
    rows: list[dict[str, Any]] = []
    for r in rankings:
        its_target = _relative(r.target, target.parent)
        for image, rank in zip(r.images, r.ranks, strict=True):
            ours = (r.participant, its_target, _relative(image, target.parent), rank)
            rows.append(dict(zip(columns, (*ours, r.trial, r.round, r.confidence), strict=True)))
    try:
        content = _encoded(rows, columns, target.suffix)
    except UnicodeEncodeError as error:
        raise RankingsFileError(f"{target}: names must be UTF-8 text ({error})") from error
    write_files({target: content})


def _encoded(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], ending: str) -> bytes:
    if ending == ".parquet":
        import pandas as pd

        file = io.BytesIO()
        pd.DataFrame(rows, columns=list(columns)).to_parquet(file, index=False)
        return file.getvalue()
    if ending == ".jsonl":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _relative(name: str, folder: Path) -> str:
    if not os.path.isfile(name):  # noqa: PTH113 - Path.is_file raises on names that are no paths
        return name
    return Path(os.path.relpath(os.path.realpath(name), os.path.realpath(folder))).as_posix()


def _unknown_ending(path: Path) -> str:
    return f"{path}: a rankings file must end in .csv, .parquet or .jsonl, got {path.suffix!r}"


def _wrong(path: Path, row: int, rule: str) -> RankingsFileError:
    return RankingsFileError(one_line(f"{path}, row {row}: {rule}"))


def _rows(path: Path) -> Iterator[_Row]:
    """Rows with their number as a reader of the file counts them (a header is row 1)."""
    if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises on names too long
        raise RankingsFileError(f"{path}: no such rankings file")
    readers = {".csv": _csv_rows, ".jsonl": _json_rows, ".parquet": _parquet_rows}
    if path.suffix not in readers:
        raise RankingsFileError(_unknown_ending(path))
    try:
        yield from readers[path.suffix](path)
    except UnicodeDecodeError as error:
        raise RankingsFileError(f"{path}: a rankings file must be UTF-8 text ({error})") from error


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    for column in REQUIRED:
        if column not in columns:
            found = one_line(", ".join(columns)) or "none"
            raise RankingsFileError(f"{path}, row 1: the column {column!r} is missing, got {found}")
    for column in (*REQUIRED, *OPTIONAL):
        if columns.count(column) > 1:
            raise RankingsFileError(f"{path}, row 1: the column {column!r} must appear only once")


def _csv_rows(path: Path) -> Iterator[_Row]:
    # utf-8-sig: spreadsheets put a byte-order mark in front of the first column's name.
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        try:
            reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
            _check_columns(path, reader.fieldnames)
            for row in reader:
                if None in row or None in row.values():
                    raise _wrong(path, reader.line_num, "a row must have one value per column")
                yield reader.line_num, row
        except csv.Error as error:
            raise _wrong(path, reader.line_num, f"the row is not CSV ({error})") from error


def _json_rows(path: Path) -> Iterator[_Row]:
    # Not splitlines: a name may hold U+2028 and its kind, which end no line of JSON Lines.
    lines = path.read_bytes().decode("utf-8-sig").split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            raise _wrong(path, number, f"each line must be one JSON object ({error})") from error
        if not isinstance(row, dict):
            raise _wrong(path, number, "each line must be one JSON object")
        missing = [column for column in REQUIRED if column not in row]
        if missing:
            raise _wrong(path, number, f"the column {missing[0]!r} is missing")
        yield number, row


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the column {twice!r} must appear only once")
    return row


def _parquet_rows(path: Path) -> Iterator[_Row]:
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


def _text(source: Path, number: int, row: Mapping[str, Any], column: str) -> str | None:
    """A cell as text; empty cells are ``None``, and so is the NaN that Parquet may put there."""
    value = row.get(column)
    if value is None or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, bool | dict | list | bytes):
        raise _wrong(source, number, f"{column} must be text or a number, got {value!r:.80}")
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a table library turns whole numbers beside empty cells to floats
    text = str(value).strip()
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise _wrong(source, number, f"{column} must be UTF-8 text, got {text!r}")
    return text or None


def _required(source: Path, number: int, row: Mapping[str, Any], column: str) -> str:
    text = _text(source, number, row, column)
    if text is None:
        raise _wrong(source, number, f"{column} must not be empty")
    return text


def _key(source: Path, number: int, folder: Path, row: Mapping[str, Any]) -> _Key:
    return (
        _required(source, number, row, "participant"),
        _image_path(source, number, folder, row, "target"),
        _text(source, number, row, "trial"),
        _text(source, number, row, "round"),
    )


def _entry(source: Path, number: int, folder: Path, row: Mapping[str, Any]) -> _Entry:
    return _Entry(
        number,
        _image_path(source, number, folder, row, "image"),
        _rank(source, number, row),
        _confidence(source, number, row),
    )


def _image_path(
    source: Path, number: int, folder: Path, row: Mapping[str, Any], column: str
) -> str:
    """The one path of a file, however the row spells it; symbolic links are followed."""
    name = _required(source, number, row, column)
    path = folder / name
    if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises on names that are no paths
        raise _wrong(
            source, number, f"{column} must be an image that exists, got {name!r} ({str(path)!r})"
        )
    return os.path.realpath(path)


def _rank(source: Path, number: int, row: Mapping[str, Any]) -> int:
    text = _required(source, number, row, "rank")
    # 1.0 is what table libraries make of 1; int() alone would also take "1_0" and "١".
    if not re.fullmatch(r"[+-]?[0-9]{1,99}(\.0*)?", text):
        raise _wrong(source, number, f"rank must be a whole number, got {row['rank']!r:.80}")
    rank = int(text.partition(".")[0])
    if rank < 1:
        raise _wrong(source, number, f"rank must be at least 1, got {rank}")
    if rank > MAX_RANK:
        raise _wrong(source, number, f"rank must be at most {MAX_RANK:,}, got {rank}")
    return rank


def _confidence(source: Path, number: int, row: Mapping[str, Any]) -> float | None:
    text = _text(source, number, row, "confidence")
    if text is None:
        return None
    try:
        confidence = float(text)
    except ValueError:
        raise _wrong(source, number, f"confidence must be a number, got {text!r}") from None
    if not 0 <= confidence <= 1:
        raise _wrong(source, number, f"confidence must lie in [0, 1], got {confidence:g}")
    return confidence


def _ranking(source: Path, key: _Key, entries: Sequence[_Entry]) -> Ranking:
    participant, target, trial, round_ = key
    first = entries[0].number
    confidences = {entry.confidence for entry in entries}
    if len(confidences) > 1:
        raise _wrong(source, first, "a ranking must have one confidence, got several")
    try:
        return Ranking(
            participant=participant,
            target=target,
            images=tuple(entry.image for entry in entries),
            ranks=tuple(entry.rank for entry in entries),
            trial=trial,
            round=round_,
            confidence=confidences.pop(),
        )
    except RankingError as error:
        raise _wrong(source, first, f"{error} (the ranking that begins here)") from error
