"""Rounds: a prompt, the candidates generated for it, and their order on the board."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from sqlite_utils import Database

from app.store.database import DatabaseAccess, first, now, number, row_by_id, rows
from app.store.job_queue import ask_to_cancel, end_job, queued_in_order
from app.store.ranked_rounds import (
    count_ranked,
    each_ranked_round,
    read_page,
    read_ranked_labels,
    read_ranked_rounds,
    read_ranked_targets,
)
from app.store.round_requests import insert_round, queue_round, read_own_trial, set_start
from app.store.round_rows import (
    check_owner,
    insert_candidates,
    provenance,
    read_round,
    read_rounds,
)
from app.store.studies import read_study
from app.study.prompts import plain_prompt
from app.study.records import RankedRound, TrialRounds
from app.study.types import Round, Target
from clpips.errors import StudyError
from clpips.types import Provenance


class Rounds:
    """Rounds that participants request and the worker fills with candidates."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def request(
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
        """Request candidates for a prompt; the job is queued in the same transaction.

        Args:
            participant_id: the participant who asks.
            trial_id: their current trial.
            prompt: 1 to 2,000 characters.
            request_id: identifies this click; the same one again returns the same round.
            start: the candidate of an earlier round of this trial whose image to start from.
            strength: how far the new images may leave it, in (0, 1].
            queued: ``False`` where the caller makes the candidates itself, without the worker.

        Raises:
            StudyError: another person's trial, not the current one, a participant who has not
                begun, a round still open, all rounds used up, an impossible prompt, or a
                candidate of another trial.
        """
        with self._access.write() as db:
            place = read_own_trial(db, participant_id, trial_id)
            known = first(
                db,
                "SELECT id FROM round WHERE trial_id = ? AND request_id = ?",
                [trial_id, request_id],
            )
            if known is not None:
                return read_round(db, known["id"])
            round_id = insert_round(db, place, plain_prompt(prompt), request_id)
            if start is not None:
                set_start(db, round_id, trial_id, start, strength)
            if queued:
                queue_round(db, place, round_id)
            return read_round(db, round_id)

    def get(self, round_id: int) -> Round:
        """One round, for the worker and the researcher.

        Raises:
            StudyError: there is none with this id.
        """
        with self._access.read() as db:
            return read_round(db, round_id)

    def get_own(self, participant_id: int, round_id: int) -> Round:
        """One round of this participant's own.

        Raises:
            StudyError: it is not theirs, or there is none; the sentence is the same.
        """
        with self._access.read() as db:
            check_owner(db, participant_id, round_id)
            return read_round(db, round_id)

    def of_trial(self, participant_id: int, trial_id: int) -> TrialRounds:
        """All rounds of a participant with one target.

        Raises:
            StudyError: another person's trial.
        """
        with self._access.read() as db:
            read_own_trial(db, participant_id, trial_id)
            sql = """SELECT target.* FROM target JOIN trial ON target.id = target_id
                     WHERE trial.id = ?"""
            row = first(db, sql, [trial_id])
            if row is None:
                raise StudyError("a trial must have a target")
            return TrialRounds(Target(**row), read_rounds(db, "round.trial_id = ?", trial_id))

    def provenances(self, trial_id: int) -> tuple[Provenance, ...]:
        """The provenance of every candidate of a trial, in chronological order."""
        sql = """SELECT provenance FROM candidate JOIN round ON round.id = round_id
                 WHERE trial_id = ? ORDER BY candidate.id"""
        with self._access.read() as db:
            return tuple(provenance(row["provenance"]) for row in rows(db, sql, [trial_id]))

    def ranked(self, study_id: int, participant_id: int | None = None) -> list[RankedRound]:
        """Every ranked round of a study or of one person in it, by person, then in order.

        Raises:
            StudyError: there is no such study.
        """
        with self._access.read() as db:
            read_study(db, study_id)
            return read_ranked_rounds(db, study_id, participant_id=participant_id)

    def each_ranked(
        self, study_id: int, participant_id: int | None = None
    ) -> Iterator[RankedRound]:
        """The same one by one, of one moment: exports of large studies stay small in memory.

        Raises:
            StudyError: there is no such study.
        """
        with self._access.read() as db:
            read_study(db, study_id)
            yield from each_ranked_round(db, study_id, participant_id=participant_id)

    def ranked_page(
        self,
        study_id: int,
        *,
        label: str | None = None,
        image: str | None = None,
        offset: int = 0,
        limit: int,
    ) -> list[RankedRound]:
        """Some ranked rounds of a study, in the same order; of a participant, of a target or both.

        Raises:
            StudyError: there is no such study.
        """
        with self._access.read() as db:
            read_study(db, study_id)
            return read_page(db, study_id, label=label, image=image, offset=offset, limit=limit)

    def count_ranked(
        self, study_id: int, *, label: str | None = None, image: str | None = None
    ) -> int:
        """How many ranked rounds there are, of a participant, of a target or both."""
        with self._access.read() as db:
            return count_ranked(db, study_id, label=label, image=image)

    def ranked_labels(self, study_id: int) -> list[str]:
        """The labels of the participants with a ranking, in the order they joined."""
        with self._access.read() as db:
            return read_ranked_labels(db, study_id)

    def ranked_targets(self, study_id: int) -> list[Target]:
        """The targets with a ranking: the study's own in order, then those of shared boards."""
        with self._access.read() as db:
            return read_ranked_targets(db, study_id)

    def cancel(self, participant_id: int, round_id: int) -> Round:
        """Cancel a round that is being generated; any other stays as it is.

        Raises:
            StudyError: the round is not this participant's.
        """
        with self._access.write() as db:
            check_owner(db, participant_id, round_id)
            row = first(db, "SELECT * FROM round WHERE id = ?", [round_id])
            if row is not None and row["state"] == "generating":
                ask_to_cancel(db, row["job_id"])
                _end_round(db, round_id, "cancelled", "")
            return read_round(db, round_id)

    def add_candidates(self, round_id: int, made: Sequence[tuple[str, Provenance]]) -> bool:
        """Put a round's images on its board, in a random order that then stays.

        Args:
            round_id: the round they were made for.
            made: image hash (added before) and provenance, in the maker's order.

        Returns:
            Whether they were taken: ``False`` when the round no longer waits for any (it was
            cancelled, or already has them).

        Raises:
            StudyError: no such round, or fewer than two images.
        """
        with self._access.write() as db:
            row = row_by_id(db, "round", round_id)
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

    def fail(self, round_id: int, reason: str) -> Round:
        """Mark a round that is being generated as failed; any other stays as it is.

        Raises:
            StudyError: there is no such round.
        """
        with self._access.write() as db:
            row = first(db, "SELECT * FROM round WHERE id = ?", [round_id])
            if row is not None and row["state"] == "generating":
                end_job(db, row["job_id"], "failed", message=reason)
                _end_round(db, round_id, "failed", reason)
            return read_round(db, round_id)

    def queue_position(self, round_id: int) -> int:
        """How many generate jobs come before this round's; 0 once it is running."""
        with self._access.read() as db:
            row = first(db, "SELECT job_id FROM round WHERE id = ?", [round_id])
            order = queued_in_order(db, ["generate"])
            if row is None or row["job_id"] not in order:
                return 0
            running = "SELECT count(*) FROM job WHERE kind = 'generate' AND state = 'running'"
            return order.index(row["job_id"]) + number(db, running)


def _end_round(db: Database, round_id: int, state: str, reason: str) -> None:
    db.execute("UPDATE round SET state = ?, reason = ? WHERE id = ?", [state, reason, round_id])
