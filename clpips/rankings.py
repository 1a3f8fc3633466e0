"""Rankings files: one row an image, ``participant,target,image,rank[,trial,round,confidence]``.

CSV (UTF-8), Parquet (``.parquet``) or JSON Lines (``.jsonl``), same columns. Rows with the same
participant, target, trial and round make one ranking. Ranks start at 1 and ties share a number.
Paths are relative to the file's folder, or to ``image_dir``.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from clpips.errors import RankingError, RankingsFileError
from clpips.types import Ranking

REQUIRED = ("participant", "target", "image", "rank")
OPTIONAL = ("trial", "round", "confidence")

_Key = tuple[str, str, str | None, str | None]
_Row = tuple[int, Mapping[str, Any]]


def read_rankings(
    path: str | os.PathLike[str], *, image_dir: str | os.PathLike[str] | None = None
) -> list[Ranking]:
    """The rankings of a file, in the order in which they begin; images as full paths.

    Args:
        path: ``.csv``, ``.parquet`` or ``.jsonl``.
        image_dir: what image paths are relative to; by default the file's own folder.

    Raises:
        RankingsFileError: a missing file or column, a rank that is not a whole number of at
            least 1, a repeated image, an image that does not exist, a ranking that does not
            start at rank 1. The sentence names file, row (the header is row 1) and rule.
    """
    source = Path(path)
    folder = Path(image_dir) if image_dir is not None else source.parent
    groups: dict[_Key, list[_Row]] = {}
    seen: dict[tuple[_Key, str], int] = {}
    for number, row in _rows(source):
        for column in REQUIRED[:3]:
            if not _text(row.get(column)):
                raise _wrong(source, number, f"{column} must not be empty")
        key = _key(row)
        image = _image_path(source, number, folder, str(row["image"]), "image")
        _image_path(source, number, folder, str(row["target"]), "target")
        if (key, image) in seen:
            raise _wrong(
                source,
                number,
                f"a ranking must not repeat an image, got {row['image']!r} again "
                f"(first in row {seen[key, image]})",
            )
        seen[key, image] = number
        groups.setdefault(key, []).append((number, row))
    if not groups:
        raise RankingsFileError(f"{source}: a rankings file must hold at least one row, got none")
    return [_ranking(source, folder, key, rows) for key, rows in groups.items()]


def write_rankings(rankings: Iterable[Ranking], path: str | os.PathLike[str]) -> None:
    """Write rankings in the format that the file's ending names; images as they are.

    Raises:
        RankingsFileError: an ending that is not ``.csv``, ``.parquet`` or ``.jsonl``.
    """
    target = Path(path)
    columns = (*REQUIRED, *OPTIONAL)
    rows = [
        dict(
            zip(
                columns,
                (r.participant, r.target, image, rank, r.trial, r.round, r.confidence),
                strict=True,
            )
        )
        for r in rankings
        for image, rank in zip(r.images, r.ranks, strict=True)
    ]
    if target.suffix == ".csv":
        with target.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)
    elif target.suffix == ".jsonl":
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        target.write_text("".join(lines), encoding="utf-8")
    elif target.suffix == ".parquet":
        import pandas as pd

        pd.DataFrame(rows, columns=list(columns)).to_parquet(target, index=False)
    else:
        raise RankingsFileError(_unknown_ending(target))


def _unknown_ending(path: Path) -> str:
    return f"{path}: a rankings file must end in .csv, .parquet or .jsonl, got {path.suffix!r}"


def _wrong(path: Path, row: int, rule: str) -> RankingsFileError:
    return RankingsFileError(f"{path}, row {row}: {rule}")


def _rows(path: Path) -> Iterator[_Row]:
    """Rows with their number as a reader of the file counts them (a header is row 1)."""
    if not path.is_file():
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
            found = ", ".join(columns) or "none"
            raise RankingsFileError(f"{path}, row 1: the column {column!r} is missing, got {found}")


def _csv_rows(path: Path) -> Iterator[_Row]:
    # utf-8-sig: spreadsheets put a byte-order mark in front of the first column's name.
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        try:
            _check_columns(path, [name.strip() for name in reader.fieldnames or ()])
            reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
            for row in reader:
                if None in row or None in row.values():
                    raise _wrong(path, reader.line_num, "a row must have one value per column")
                yield reader.line_num, row
        except csv.Error as error:
            raise _wrong(path, reader.line_num, f"the row is not CSV ({error})") from error


def _json_rows(path: Path) -> Iterator[_Row]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise _wrong(path, number, f"each line must be one JSON object ({error})") from error
        if not isinstance(row, dict):
            raise _wrong(path, number, "each line must be one JSON object")
        missing = [column for column in REQUIRED if column not in row]
        if missing:
            raise _wrong(path, number, f"the column {missing[0]!r} is missing")
        yield number, row


def _parquet_rows(path: Path) -> Iterator[_Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
    except pyarrow.ArrowException as error:
        raise RankingsFileError(f"{path}: not a Parquet file ({error})") from error
    _check_columns(path, table.column_names)
    yield from enumerate(table.to_pylist(), start=2)


def _text(value: Any) -> str | None:
    """A cell as text; empty cells are ``None``."""
    return None if value is None or str(value).strip() == "" else str(value).strip()


def _key(row: Mapping[str, Any]) -> _Key:
    return (
        str(row["participant"]).strip(),
        str(row["target"]).strip(),
        _text(row.get("trial")),
        _text(row.get("round")),
    )


def _image_path(source: Path, row: int, folder: Path, name: str, column: str) -> str:
    path = folder / name.strip()
    if not path.is_file():
        raise _wrong(source, row, f"{column} must be an image that exists, got {name!r} ({path})")
    return str(path)


def _rank(source: Path, number: int, value: Any) -> int:
    try:
        rank = int(str(value).strip())
    except ValueError:
        raise _wrong(source, number, f"rank must be a whole number, got {value!r}") from None
    if rank < 1:
        raise _wrong(source, number, f"rank must be at least 1, got {rank}")
    return rank


def _confidence(source: Path, number: int, value: Any) -> float | None:
    text = _text(value)
    if text is None:
        return None
    try:
        confidence = float(text)
    except ValueError:
        raise _wrong(source, number, f"confidence must be a number, got {value!r}") from None
    if not 0 <= confidence <= 1:
        raise _wrong(source, number, f"confidence must lie in [0, 1], got {confidence:g}")
    return confidence


def _ranking(source: Path, folder: Path, key: _Key, rows: Sequence[_Row]) -> Ranking:
    participant, target, trial, round_ = key
    first = rows[0][0]
    confidences = {_confidence(source, number, row.get("confidence")) for number, row in rows}
    if len(confidences) > 1:
        raise _wrong(source, first, "a ranking must have one confidence, got several")
    try:
        return Ranking(
            participant=participant,
            target=str(folder / target),
            images=tuple(str(folder / str(row["image"]).strip()) for _, row in rows),
            ranks=tuple(_rank(source, number, row["rank"]) for number, row in rows),
            trial=trial,
            round=round_,
            confidence=confidences.pop(),
        )
    except RankingsFileError:
        raise
    except RankingError as error:
        raise _wrong(source, first, f"{error} (the ranking that begins here)") from error
