"""Rounds: a prompt, the candidates made for it, and where they are shown."""

from __future__ import annotations

import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict

from sqlite_utils import Database

from app.tables.door import Door, Row, first, insert, now, number, rows
from app.tables.prompts import plain_prompt
from app.tables.queue import ask_to_cancel, end_job, insert_job, queued_in_order
from app.tables.studies import read_study
from clpips.errors import StudyError
from clpips.types import BoardRanking, Candidate, Provenance, Round

OPEN_STATES = ("generating", "ranking")
LIVE = "state NOT IN ('failed', 'cancelled')"


class Rounds(Door):
    """What participants ask for and what the worker makes of it."""

    def request_round(
        self,
        participant_id: int,
        trial_id: int,
        prompt: str,
        *,
        request_id: str,
        start: int | None = None,
        strength: float = 0.6,
        queued: bool = True,
    ) -> Round:
        """Ask for the candidates of a prompt; the work is queued in the same transaction.

        Args:
            participant_id: who asks.
            trial_id: their current trial.
            prompt: 1 to 2,000 characters.
            request_id: names this click; the same one again is the same round.
            start: the candidate of an earlier round of this trial whose image to start from.
            strength: how far the new images may leave it, in (0, 1].
            queued: ``False`` where the caller makes the candidates itself, without the worker.

        Raises:
            StudyError: another person's trial, not the current one, a participant who has not
                begun, a round still open, all rounds used up, an impossible prompt, or a
                candidate of another trial.
        """
        with self._write() as db:
            place = _place(db, participant_id, trial_id)
            known = first(
                db,
                "SELECT id FROM round WHERE trial_id = ? AND request_id = ?",
                [trial_id, request_id],
            )
            if known is not None:
                return read_round(db, known["id"])
            round_id = _insert_round(db, place, plain_prompt(prompt), request_id)
            if start is not None:
                _start_from(db, round_id, trial_id, start, strength)
            if queued:
                _queue_round(db, place, round_id)
            return read_round(db, round_id)

    def round(self, round_id: int) -> Round:
        """One round, for the worker and the researcher.

        Raises:
            StudyError: there is none with this id.
        """
        with self._read() as db:
            return read_round(db, round_id)

    def round_for(self, participant_id: int, round_id: int) -> Round:
        """One round of this participant's own.

        Raises:
            StudyError: it is not theirs, or there is none; the sentence is the same.
        """
        with self._read() as db:
            check_owner(db, participant_id, round_id)
            return read_round(db, round_id)

    def provenances(self, trial_id: int) -> tuple[Provenance, ...]:
        """How every candidate of a trial was made, in the order of time."""
        sql = """SELECT provenance FROM candidate JOIN round ON round.id = round_id
                 WHERE trial_id = ? ORDER BY candidate.id"""
        with self._read() as db:
            return tuple(provenance(row["provenance"]) for row in rows(db, sql, [trial_id]))

    def cancel_round(self, participant_id: int, round_id: int) -> Round:
        """Stop making a round; one whose candidates are already there stays as it is.

        Raises:
            StudyError: the round is not this participant's.
        """
        with self._write() as db:
            check_owner(db, participant_id, round_id)
            row = first(db, "SELECT * FROM round WHERE id = ?", [round_id])
            if row is not None and row["state"] == "generating":
                ask_to_cancel(db, row["job_id"])
                _end_round(db, round_id, "cancelled", "")
            return read_round(db, round_id)

    def add_candidates(self, round_id: int, made: Sequence[tuple[str, Provenance]]) -> bool:
        """Put the images made for a round on its board, in a shuffled order that stays.

        Args:
            round_id: the round they were made for.
            made: image hash (added before) and provenance, in the maker's order.

        Returns:
            Whether they were taken: ``False`` when the round no longer waits for any (it was
            cancelled, or already has them).

        Raises:
            StudyError: no such round, or fewer than two images.
        """
        with self._write() as db:
            row = first(db, "SELECT * FROM round WHERE id = ?", [round_id])
            if row is None:
                raise StudyError(f"a round must exist, got the unknown number {round_id}")
            if row["state"] != "generating":
                return False
            if len(made) < 2:
                raise StudyError(f"a round must have at least 2 candidates, got {len(made)}")
            shown = [(image, json.dumps(asdict(provenance))) for image, provenance in made]
            random.Random(f"shown/{row['seed']}").shuffle(shown)
            insert_candidates(db, round_id, shown)
            db.execute(
                "UPDATE round SET state = 'ranking', shown_at = ? WHERE id = ?", [now(), round_id]
            )
            return True

    def set_round_failed(self, round_id: int, reason: str) -> Round:
        """Give up on a round that is being made; any other stays as it is.

        Raises:
            StudyError: there is no such round.
        """
        with self._write() as db:
            row = first(db, "SELECT * FROM round WHERE id = ?", [round_id])
            if row is not None and row["state"] == "generating":
                end_job(db, row["job_id"], "failed", message=reason)
                _end_round(db, round_id, "failed", reason)
            return read_round(db, round_id)

    def waiting_ahead(self, round_id: int) -> int:
        """How many generate jobs come before this round's; 0 once it is being made."""
        with self._read() as db:
            row = first(db, "SELECT job_id FROM round WHERE id = ?", [round_id])
            order = queued_in_order(db, ["generate"])
            if row is None or row["job_id"] not in order:
                return 0
            running = "SELECT count(*) FROM job WHERE kind = 'generate' AND state = 'running'"
            return order.index(row["job_id"]) + number(db, running)


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


def read_rounds(db: Database, where: str, value: int) -> tuple[Round, ...]:
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


def _place(db: Database, participant_id: int, trial_id: int) -> Row:
    """Trial, participant and study in one row, if this participant may work on the trial."""
    sql = """SELECT trial.id AS trial_id, trial.state, trial.position, participant.id, study_id,
                    seed, started_at
             FROM trial JOIN participant ON participant.id = participant_id
             WHERE trial.id = ? AND participant.id = ?"""
    place = first(db, sql, [trial_id, participant_id])
    if place is None:
        raise StudyError("a trial must be the participant's own")
    return place


def _start_from(
    db: Database, round_id: int, trial_id: int, candidate_id: int, strength: float
) -> None:
    """Note which image a round starts from."""
    if not 0 < strength <= 1:
        raise StudyError(f"strength must lie in (0, 1], got {strength}")
    sql = """SELECT image FROM candidate JOIN round ON round.id = round_id
             WHERE candidate.id = ? AND trial_id = ?"""
    found = first(db, sql, [candidate_id, trial_id])
    if found is None:
        raise StudyError("an image to start from must be one of this target's own candidates")
    db.execute(
        "UPDATE round SET start = ?, strength = ? WHERE id = ?",
        [found["image"], strength, round_id],
    )


def _insert_round(db: Database, place: Row, prompt: str, request_id: str) -> int:
    if place["started_at"] is None:
        raise StudyError("a participant must have read the instructions first")
    if place["state"] != "active":
        raise StudyError(f"a trial must be the current one, got one that is {place['state']}")
    settings = read_study(db, place["study_id"]).settings
    sql = f"SELECT state FROM round WHERE trial_id = ? AND {LIVE} ORDER BY number"
    states = [row["state"] for row in rows(db, sql, [place["trial_id"]])]
    if any(state in OPEN_STATES for state in states):
        raise StudyError("the round before must be ranked first")
    if len(states) >= settings.max_rounds:
        raise StudyError(f"a target has at most {settings.max_rounds} rounds, all are used")
    count = len(states) + 1
    seed = seed_of(f"round/{place['seed']}/{place['position']}/{count}")
    return insert(
        db,
        "round",
        {
            "trial_id": place["trial_id"],
            "request_id": request_id,
            "number": count,
            "prompt": prompt,
            "seed": seed,
            "state": "generating",
            "reason": "",
            "requested_at": now(),
        },
    )


def _queue_round(db: Database, place: Row, round_id: int) -> None:
    """Ask the worker for a round's candidates."""
    settings = read_study(db, place["study_id"]).settings
    made = read_round(db, round_id)
    what = {"round_id": round_id, "prompt": made.prompt, "seed": made.seed}
    size = {"width": settings.image_size, "height": settings.image_size}
    maker = {"maker": settings.maker, "options": dict(settings.maker_options)}
    start = {"start": made.start, "strength": made.strength}
    payload = {**what, **size, **maker, **start, "count": settings.candidates}
    job_id = insert_job(
        db,
        "generate",
        payload,
        study_id=place["study_id"],
        participant_id=place["id"],
        key=f"round-{round_id}",
    )
    db.execute("UPDATE round SET job_id = ? WHERE id = ?", [job_id, round_id])


def _end_round(db: Database, round_id: int, state: str, reason: str) -> None:
    db.execute("UPDATE round SET state = ?, reason = ? WHERE id = ?", [state, reason, round_id])


def seed_of(words: str) -> int:
    """A seed in [0, 2³¹) that the words decide: every maker's random generator takes it."""
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:4], "big") >> 1


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
    )
