"""A study's rankings as a table with one row per image, the layout of rankings files."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from app.store import Store
from app.study.records import RankedRound
from app.study.types import Candidate
from clpips.io import csv_files
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


def ranking_rows(store: Store, study_id: int, participant_id: int | None) -> list[dict[str, Any]]:
    """The current rankings, of all participants or of one.

    Images are named ``images/<SHA-256>.png``, as in a study bundle. These are the rankings that
    a fit uses: of two candidates with the same image the nearer one counts, and a board with
    one distinct image is left out. ``shown_position`` counts from 1. Recruiter's parameters that
    anybody in the study has are columns at the end.
    """
    recruiters = dict.fromkeys(store.participants.recruitment_names(study_id), "")

    @cache
    def name_of(sha: str) -> str:
        return f"images/{store.images.path(sha).name}"

    return [
        {
            "participant": ranked.participant.label,
            "target": name_of(ranked.trial.target.image),
            "image": name_of(candidate.image),
            "rank": rank,
            "trial": str(ranked.trial.position + 1),
            "round": str(ranked.round.number),
            "confidence": ranked.round.ranking.confidence,
            "prompt": ranked.round.prompt,
            "submitted_at": ranked.round.ranking.submitted_at,
            "elapsed_ms": ranked.round.ranking.elapsed_ms,
            "shown_position": candidate.position + 1,
            **recruiters,
            **dict(ranked.participant.recruitment),
        }
        for ranked in store.rounds.ranked(study_id, participant_id=participant_id)
        if ranked.round.ranking is not None
        for candidate, rank in _distinct(ranked)
    ]


def rankings_as_files(
    store: Store, study_id: int, participant_id: int | None
) -> tuple[list[Ranking], dict[Ranking, str]]:
    """The same rankings with paths of the stored images, and the prompt of each that has one."""

    @cache
    def file_of(sha: str) -> str:
        return str(store.images.path(sha))

    rankings, prompts = [], {}
    for ranked in store.rounds.ranked(study_id, participant_id=participant_id):
        placed = list(_distinct(ranked))
        if not placed:
            continue
        ranking = Ranking(
            ranked.participant.label,
            file_of(ranked.trial.target.image),
            tuple(file_of(candidate.image) for candidate, _ in placed),
            tuple(rank for _, rank in placed),
            trial=str(ranked.trial.position + 1),
            round=str(ranked.round.number),
        )
        rankings.append(ranking)
        if ranked.round.prompt:
            prompts[ranking] = ranked.round.prompt
    return rankings, prompts


def write_csv(rows: list[dict[str, Any]], path: Path) -> None:
    """Write rows as CSV; see :mod:`clpips.io.csv_files`."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv_files.write_csv(file, _columns(rows), rows)


def write_parquet(rows: list[dict[str, Any]], path: Path) -> None:
    """Write rows as Parquet, with unchanged prompts."""
    import pandas as pd

    frame = pd.DataFrame(rows, columns=_columns(rows))
    frame["confidence"] = frame["confidence"].astype("float64")
    frame.to_parquet(path, index=False)


def _columns(rows: list[dict[str, Any]]) -> list[str]:
    """The columns of every table, then those of recruiters, where there are any."""
    return [*COLUMNS, *(name for name in (rows[0] if rows else ()) if name not in COLUMNS)]


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
