"""Rankings files: one row an image, ``participant,target,image,rank[,trial,round,confidence]``.

CSV (UTF-8 or UTF-16; commas, semicolons or tabs), Parquet (``.parquet``) or JSON Lines
(``.jsonl``), same columns. Rows with the same
participant, target, trial and round make one ranking. Ranks start at 1 and ties share a number.
Paths are relative to the file's folder, or to ``image_dir``; two spellings of one file are one
image.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clpips.errors import RankingError, RankingsFileError
from clpips.io.atomic_files import write_files
from clpips.io.csv_files import csv_bytes
from clpips.io.image_names import ImageFolder
from clpips.io.ranking_cells import LAYOUT, Cells, Key
from clpips.io.tabular_files import file_rows, unknown_ending
from clpips.text import quoted
from clpips.types import Ranking


@dataclass(frozen=True, slots=True)
class _Entry:
    """One row after its own checks: its position, and its entry for one image."""

    number: int
    image: str
    rank: int
    confidence: float | None


def read_rankings(
    path: str | os.PathLike[str],
    *,
    image_dir: str | os.PathLike[str] | None = None,
    notes: list[str] | None = None,
) -> list[Ranking]:
    """The rankings of a file, in the order in which they begin; images as full, real paths.

    Args:
        path: ``.csv``, ``.tsv``, ``.parquet`` or ``.jsonl``.
        image_dir: what image paths are relative to; by default the file's own folder.
        notes: receives what was found that the file's owner may not expect, such as columns
            that are separated by semicolons.

    Raises:
        RankingsFileError: a missing or repeated column, a rank that is not a whole number of
            at least 1, a repeated image, an image that does not exist, a ranking that does not
            start at rank 1. The sentence names file, row (the header is row 1) and rule.
    """
    source = Path(path)
    images = ImageFolder(Path(image_dir) if image_dir is not None else source.parent)
    groups: dict[Key, dict[str, _Entry]] = {}
    for number, row in file_rows(source, LAYOUT, [] if notes is None else notes):
        cells = Cells(source, number, row, images)
        ranking = groups.setdefault(cells.key(), {})
        entry = _Entry(number, cells.image("image"), cells.rank(), cells.confidence())
        if entry.image in ranking:
            raise cells.wrong(
                f"a ranking must not repeat an image, got {quoted(row['image'])} again "
                f"(first in row {ranking[entry.image].number})"
            )
        ranking[entry.image] = entry
    if not groups:
        raise LAYOUT.not_one(source, "hold at least one row, got none")
    return [_ranking(source, key, list(rows.values())) for key, rows in groups.items()]


def read_prompts(
    path: str | os.PathLike[str],
    rankings: Sequence[Ranking],
    *,
    image_dir: str | os.PathLike[str] | None = None,
) -> dict[Ranking, str]:
    """The prompt of each ranking, where the file has a column ``prompt``.

    Args:
        path: a file that :func:`read_rankings` has read.
        rankings: what it gave.
        image_dir: as it was given there.
    """
    source = Path(path)
    images = ImageFolder(Path(image_dir) if image_dir is not None else source.parent)
    layout = replace(LAYOUT, optional=(*LAYOUT.optional, "prompt"))
    prompts: dict[Key, str] = {}
    for number, row in file_rows(source, layout, []):
        cells = Cells(source, number, row, images)
        if (prompt := cells.text("prompt")) is not None:
            prompts.setdefault(cells.key(), prompt)
    keys = {one: (one.participant, one.target, one.trial, one.round) for one in rankings}
    return {one: prompts[key] for one, key in keys.items() if key in prompts}


def write_rankings(rankings: Iterable[Ranking], path: str | os.PathLike[str]) -> None:
    """Write rankings in the format that the file's ending names, in one step.

    Images that are files are written relative to the new file's folder, so that the two travel
    together; any other name (a content hash) is written as it is.

    Raises:
        RankingsFileError: an ending that is not ``.csv``, ``.parquet`` or ``.jsonl``, or a name
            that UTF-8 cannot hold.
    """
    target = Path(path)
    ending = target.suffix.lower()
    if ending not in (".csv", ".jsonl", ".parquet"):
        raise unknown_ending(target, LAYOUT)
    rows: list[dict[str, Any]] = []
    for r in rankings:
        its_target = _relative(r.target, target.parent)
        for image, rank in zip(r.images, r.ranks, strict=True):
            ours = (r.participant, its_target, _relative(image, target.parent), rank)
            values = (*ours, r.trial, r.round, r.confidence)
            rows.append(dict(zip(LAYOUT.known, values, strict=True)))
    try:
        content = _encoded(rows, ending)
    except UnicodeEncodeError as error:
        raise RankingsFileError(f"{target}: names must be UTF-8 text ({error})") from error
    write_files({target: content})


def _encoded(rows: Sequence[Mapping[str, Any]], ending: str) -> bytes:
    if ending == ".parquet":
        import pandas as pd

        file = io.BytesIO()
        pd.DataFrame(rows, columns=list(LAYOUT.known)).to_parquet(file, index=False)
        return file.getvalue()
    if ending == ".jsonl":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    return csv_bytes(LAYOUT.known, rows)


def _relative(name: str, folder: Path) -> str:
    if not os.path.isfile(name):  # noqa: PTH113 - Path.is_file raises on names that are no paths
        return name
    return Path(os.path.relpath(os.path.realpath(name), os.path.realpath(folder))).as_posix()


def _ranking(source: Path, key: Key, entries: Sequence[_Entry]) -> Ranking:
    participant, target, trial, round_ = key
    first = entries[0].number
    confidences = {entry.confidence for entry in entries}
    if len(confidences) > 1:
        raise LAYOUT.wrong(source, first, "a ranking must have one confidence, got several")
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
        raise LAYOUT.wrong(source, first, f"{error} (the ranking that begins here)") from error
