"""Rankings files: one row an image, ``participant,target,image,rank[,trial,round,confidence]``.

CSV (UTF-8 or UTF-16; commas, semicolons or tabs), Parquet (``.parquet``) or JSON Lines
(``.jsonl``), same columns. Rows with the same
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
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clpips.errors import RankingError, RankingsFileError
from clpips.io.atomic_files import write_files
from clpips.io.tabular_files import OPTIONAL, REQUIRED, file_rows, unknown_ending, wrong
from clpips.text import LONGEST_QUOTE, quoted
from clpips.types import Ranking

INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp"})
"""Unicode categories that no participant's name may hold: it would look like another's."""
MAX_RANK = 1_000_000
"""Largest accepted rank: a mistyped rank should give an error message, not an overflow."""

_Key = tuple[str, str, str | None, str | None]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One row after its own checks: its position, and its entry for one image."""

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
    for number, row in file_rows(source):
        key, entry = _key(source, number, folder, row), _entry(source, number, folder, row)
        ranking = groups.setdefault(key, {})
        if entry.image in ranking:
            raise wrong(
                source,
                number,
                f"a ranking must not repeat an image, got {quoted(row['image'])} again "
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
        raise RankingsFileError(unknown_ending(target))
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


def _text(source: Path, number: int, row: Mapping[str, Any], column: str) -> str | None:
    """A cell as text; empty cells are ``None``, and so is NaN, which Parquet may contain."""
    value = row.get(column)
    if value is None or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, bool | dict | list | bytes):
        raise wrong(source, number, f"{column} must be text or a number, got {quoted(value)}")
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a table library turns whole numbers beside empty cells to floats
    text = str(value).strip()
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise wrong(source, number, f"{column} must be UTF-8 text, got {quoted(text)}")
    return text or None


def _required(source: Path, number: int, row: Mapping[str, Any], column: str) -> str:
    text = _text(source, number, row, column)
    if text is None:
        raise wrong(source, number, f"{column} must not be empty")
    return text


def _participant(source: Path, number: int, row: Mapping[str, Any]) -> str:
    """A participant's name; one name has one spelling, whichever way its accents are composed."""
    name = unicodedata.normalize("NFC", _required(source, number, row, "participant"))
    if name.isprintable():  # spares most names the search
        return name
    hidden = next((each for each in name if unicodedata.category(each) in INVISIBLE), None)
    if hidden is not None:
        raise wrong(
            source,
            number,
            f"participant must hold no invisible character, got U+{ord(hidden):04X} in "
            f"{quoted(name)}",
        )
    return name


def _composed(text: str | None) -> str | None:
    return None if text is None else unicodedata.normalize("NFC", text)


def _key(source: Path, number: int, folder: Path, row: Mapping[str, Any]) -> _Key:
    return (
        _participant(source, number, row),
        _image_path(source, number, folder, row, "target"),
        _composed(_text(source, number, row, "trial")),
        _composed(_text(source, number, row, "round")),
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
    """The canonical path of a file; symbolic links are resolved."""
    name = _required(source, number, row, column)
    path = _existing(folder, name)
    if path is None:
        where = f" ({str(folder / name)!r})" if len(name) <= LONGEST_QUOTE else ""
        raise wrong(
            source, number, f"{column} must be an image that exists, got {quoted(name)}{where}"
        )
    return os.path.realpath(path)


def _existing(folder: Path, name: str) -> Path | None:
    """The file of a name as people's programs write it: Windows' separators, macOS's accents."""
    for spelling in (name, name.replace("\\", "/")):
        for form in (spelling, *(unicodedata.normalize(each, spelling) for each in ("NFC", "NFD"))):
            if os.path.isfile(folder / form):  # noqa: PTH113 - Path.is_file raises on no paths
                return folder / form
    return None


def _rank(source: Path, number: int, row: Mapping[str, Any]) -> int:
    text = _required(source, number, row, "rank")
    # 1.0 is what table libraries make of 1; int() alone would also take "1_0" and "١".
    if not re.fullmatch(r"[+-]?[0-9]{1,99}(\.0*)?", text):
        raise wrong(source, number, f"rank must be a whole number, got {quoted(row['rank'])}")
    rank = int(text.partition(".")[0])
    if rank < 1:
        raise wrong(source, number, f"rank must be at least 1, got {rank}")
    if rank > MAX_RANK:
        raise wrong(source, number, f"rank must be at most {MAX_RANK:,}, got {rank}")
    return rank


def _confidence(source: Path, number: int, row: Mapping[str, Any]) -> float | None:
    text = _text(source, number, row, "confidence")
    if text is None:
        return None
    # float() alone would also take "0_1" and "٠.٥".
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", text, re.IGNORECASE):
        raise wrong(source, number, f"confidence must be a number, got {quoted(text)}")
    confidence = float(text)
    if not 0 <= confidence <= 1:
        raise wrong(source, number, f"confidence must lie in [0, 1], got {confidence:g}")
    return confidence


def _ranking(source: Path, key: _Key, entries: Sequence[_Entry]) -> Ranking:
    participant, target, trial, round_ = key
    first = entries[0].number
    confidences = {entry.confidence for entry in entries}
    if len(confidences) > 1:
        raise wrong(source, first, "a ranking must have one confidence, got several")
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
        raise wrong(source, first, f"{error} (the ranking that begins here)") from error
