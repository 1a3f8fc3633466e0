"""A study's rankings as a table with one row per image, the layout of rankings files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from app.store import Store
from app.study.records import RankedRound
from app.study.types import Candidate
from clpips.io import csv_files
from clpips.progress import Watch
from clpips.types import Ranking

COLUMNS = (
    "participant",
    "target",
    "image",
    "rank",
    "trial",
    "round",
    "confidence",
    "prompt",
    "submitted_at",
    "elapsed_ms",
    "shown_position",
)


BATCH = 500
"""Rankings whose images are looked up together."""
ROWS_AT_ONCE = 10_000
"""Rows of a Parquet file that are in memory together."""

Rows = Iterable[Mapping[str, Any]]


def ranking_rows(
    store: Store, study_id: int, participant_id: int | None, watch: Watch | None = None
) -> Iterator[dict[str, Any]]:
    """The current rankings, of all participants or of one, row by row.

    Images are named ``images/<SHA-256>.png``, as in a study bundle. These are the rankings that
    a fit uses: of two candidates with the same image the nearer one counts, and a board with
    one distinct image is left out. ``shown_position`` counts from 1. Recruiter's parameters that
    anybody in the study has are columns at the end.

    However many there are, only some are in memory at a time.
    """
    recruiters = dict.fromkeys(store.participants.recruitment_names(study_id), "")
    for some in _some_at_a_time(store, study_id, participant_id, watch or Watch()):
        paths = store.images.paths(_images(some))
        names = {sha: f"images/{path.name}" for sha, path in paths.items()}
        for ranked in some:
            for row in _rows_of(ranked, names):
                yield {**row, **recruiters, **dict(ranked.participant.recruitment)}


def rankings_as_files(
    store: Store, study_id: int, participant_id: int | None, watch: Watch | None = None
) -> tuple[list[Ranking], dict[Ranking, str]]:
    """The same rankings with paths of the stored images, and the prompt of each that has one."""
    rankings, prompts = [], {}
    for some in _some_at_a_time(store, study_id, participant_id, watch or Watch()):
        paths = {sha: str(path) for sha, path in store.images.paths(_images(some)).items()}
        for ranked in some:
            placed = list(_distinct(ranked))
            if not placed:
                continue
            ranking = Ranking(
                ranked.participant.label,
                paths[ranked.trial.target.image],
                tuple(paths[candidate.image] for candidate, _ in placed),
                tuple(rank for _, rank in placed),
                trial=str(ranked.trial.position + 1),
                round=str(ranked.round.number),
            )
            rankings.append(ranking)
            if ranked.round.prompt:
                prompts[ranking] = ranked.round.prompt
    return rankings, prompts


def write_csv(rows: Rows, path: Path) -> int:
    """Write rows as CSV, see :mod:`clpips.io.csv_files`; returns how many there were."""
    columns, left = _columns(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        return csv_files.write_csv(file, columns, left)


def write_parquet(rows: Rows, path: Path) -> int:
    """Write rows as Parquet, with unchanged prompts; returns how many there were."""
    import pyarrow as pa
    from pyarrow import parquet

    columns, left = _columns(rows)
    kinds = {"rank": pa.int64(), "elapsed_ms": pa.int64(), "shown_position": pa.int64()}
    kinds["confidence"] = pa.float64()
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in columns])
    count = 0
    with parquet.ParquetWriter(path, schema) as writer:
        while some := list(islice(left, ROWS_AT_ONCE)):
            writer.write_table(pa.Table.from_pylist(some, schema=schema))
            count += len(some)
    return count


def _columns(rows: Rows) -> tuple[list[str], Iterator[Mapping[str, Any]]]:
    """The columns of every table, then those of recruiters; and all rows."""
    left = iter(rows)
    first = list(islice(left, 1))
    recruiters = [name for row in first for name in row if name not in COLUMNS]
    return [*COLUMNS, *recruiters], chain(first, left)


def _some_at_a_time(
    store: Store, study_id: int, participant_id: int | None, watch: Watch
) -> Iterator[list[RankedRound]]:
    """The ranked rounds, some hundreds at a time, with progress."""
    total, done = store.rankings.count(study_id, participant_id=participant_id), 0
    left = store.rounds.each_ranked(study_id, participant_id=participant_id)
    while some := list(islice(left, BATCH)):
        share = min(1.0, done / max(total, 1))
        watch.report(share, f"Writing ranking {done + 1:,} of {max(total, done + 1):,}…")
        yield some
        done += len(some)


def _images(some: Sequence[RankedRound]) -> Iterator[str]:
    for ranked in some:
        yield ranked.trial.target.image
        for candidate in ranked.round.candidates:
            yield candidate.image


def _rows_of(ranked: RankedRound, names: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """A row for each image of a ranking."""
    ranking = ranked.round.ranking
    if ranking is None:
        return
    for candidate, rank in _distinct(ranked):
        yield {
            "participant": ranked.participant.label,
            "target": names[ranked.trial.target.image],
            "image": names[candidate.image],
            "rank": rank,
            "trial": str(ranked.trial.position + 1),
            "round": str(ranked.round.number),
            "confidence": ranking.confidence,
            "prompt": ranked.round.prompt,
            "submitted_at": ranking.submitted_at,
            "elapsed_ms": ranking.elapsed_ms,
            "shown_position": candidate.position + 1,
        }


def _distinct(ranked: RankedRound) -> Iterator[tuple[Candidate, int]]:
    """Each image once with its rank, nearest first; empty for blind pairs and single images."""
    board = ranked.round.ranking
    if board is None or ranked.round.kind == "duel":
        return
    candidates = {candidate.id: candidate for candidate in ranked.round.candidates}
    nearest: dict[str, tuple[Candidate, int]] = {}
    for candidate_id, rank in zip(board.order, board.ranks, strict=True):
        candidate = candidates[candidate_id]
        nearest.setdefault(candidate.image, (candidate, rank))
    if len(nearest) > 1:
        yield from nearest.values()
