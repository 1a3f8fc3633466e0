"""Rows of rounds, candidates and rankings, and the values that they stand for."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence

from sqlite_utils import Database

from app.store.database import Row, insert, number, rows
from app.study.submission import BoardRanking
from app.study.types import Candidate, Round
from clpips.errors import StudyError
from clpips.types import Provenance

OPEN_STATES = ("generating", "ranking")
LIVE = "state NOT IN ('failed', 'cancelled')"


def insert_candidates(db: Database, round_id: int, shown: Sequence[tuple[str, str]]) -> None:
    """Put images (hash, provenance as JSON) on a board, in the order they are shown."""
    for position, (image, provenance) in enumerate(shown):
        what = {"image": image, "provenance": provenance}
        insert(db, "candidate", {"round_id": round_id, "position": position, **what})


def check_owner(db: Database, participant_id: int, round_id: int) -> None:
    """Raise ``StudyError`` unless the round is this participant's."""
    sql = """SELECT count(*) FROM round JOIN trial ON trial.id = trial_id
             WHERE round.id = ? AND participant_id = ?"""
    if not number(db, sql, [round_id, participant_id]):
        raise StudyError("a round must be the participant's own")


def read_round(db: Database, round_id: int) -> Round:
    """One round; raises ``StudyError`` where there is none."""
    found = read_rounds(db, "round.id = ?", round_id)
    if not found:
        raise StudyError(f"a round must exist, got the unknown number {round_id}")
    return found[0]


def read_rounds(db: Database, where: str, value: int | str) -> tuple[Round, ...]:
    """The rounds that a condition with one value selects, oldest first.

    Three queries, however many rounds: the board and the researcher's pages both use it.
    """
    candidates: dict[int, list[Candidate]] = defaultdict(list)
    sql = f"""SELECT candidate.* FROM candidate JOIN round ON round.id = round_id
              WHERE {where} ORDER BY round_id, position"""
    for row in rows(db, sql, [value]):
        candidates[row["round_id"]].append(_candidate(row))
    rankings: dict[int, BoardRanking] = {}
    sql = f"""SELECT submission.* FROM submission JOIN round ON round.id = round_id
              WHERE {where} ORDER BY revision"""
    for row in rows(db, sql, [value]):
        rankings[row["round_id"]] = board_ranking(row)  # the last revision stands
    sql = f"""SELECT round.*, job.progress, job.message FROM round
              LEFT JOIN job ON job.id = job_id WHERE {where} ORDER BY round.id"""
    return tuple(
        _round(row, tuple(candidates[row["id"]]), rankings.get(row["id"]))
        for row in rows(db, sql, [value])
    )


def board_ranking(row: Row) -> BoardRanking:
    """A submission's row as the ranking it holds."""
    return BoardRanking(
        uuid=row["uuid"],
        round_id=row["round_id"],
        order=tuple(json.loads(row["order"])),
        ranks=tuple(json.loads(row["ranks"])),
        shown=tuple(json.loads(row["shown"])),
        revision=row["revision"],
        elapsed_ms=row["elapsed_ms"],
        submitted_at=row["submitted_at"],
        confidence=row["confidence"],
    )


def provenance(stored: str) -> Provenance:
    """A provenance from the JSON that the store keeps of it."""
    made = json.loads(stored)
    return Provenance(**{**made, "not_understood": tuple(made["not_understood"])})


def _candidate(row: Row) -> Candidate:
    return Candidate(**{**row, "provenance": provenance(row["provenance"])})


def _round(row: Row, candidates: tuple[Candidate, ...], ranking: BoardRanking | None) -> Round:
    making = row["state"] == "generating"
    return Round(
        id=row["id"],
        trial_id=row["trial_id"],
        number=row["number"],
        prompt=row["prompt"],
        seed=row["seed"],
        state=row["state"],
        candidates=candidates,
        ranking=ranking,
        progress=float(row["progress"] or 0.0) if making else float(bool(candidates)),
        message=(row["message"] or "") if making else row["reason"],
        kind=row["kind"],
        repeats=row["repeats"],
        start=row["start"],
        strength=row["strength"],
        arm=row["arm"],
    )
