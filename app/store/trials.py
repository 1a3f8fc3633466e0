"""Trials: a participant finishes one target and goes on to the next."""

from __future__ import annotations

from sqlite_utils import Database

from app.store.database import DatabaseAccess, first, now
from app.store.final_boards import begin_final_boards
from app.store.participant_rows import read_participant
from app.store.round_rows import OPEN_STATES, read_rounds
from app.store.studies import read_study
from app.study.types import Participant
from clpips.errors import StudyError


class Trials:
    """One trial for each participant and target."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def finish(self, participant_id: int, trial_id: int) -> Participant:
        """Finish a target and go on to the next, after the last one to the final boards.

        Finishing a trial that is done already changes nothing.

        Raises:
            StudyError: another person's trial, one that is not current, a round still open, or
                fewer ranked rounds than the study asks for.
        """
        with self._access.write() as db:
            participant = read_participant(db, participant_id)
            sql = "SELECT * FROM trial WHERE id = ? AND participant_id = ?"
            trial = first(db, sql, [trial_id, participant_id])
            if trial is None:
                raise StudyError("a trial must be the participant's own")
            if trial["state"] == "done":
                return participant
            if trial["state"] != "active":
                raise StudyError("a trial must be the current one, got one that is waiting")
            _check_enough(db, trial_id, read_study(db, participant.study_id).settings.min_rounds)
            _finish_trial(db, participant_id, trial_id)
            return read_participant(db, participant_id)

    def write_round(self, participant_id: int, trial_id: int, number: int | None) -> None:
        """Keep which round's prompt is being written, so that every device shows its form.

        Args:
            participant_id, trial_id: whose current target it is.
            number: of the round; ``None`` goes back to the ranking.

        Raises:
            StudyError: another person's trial, or one that is not current.
        """
        with self._access.write() as db:
            sql = """UPDATE trial SET writing = ?
                     WHERE id = ? AND participant_id = ? AND state = 'active'"""
            if db.execute(sql, [number, trial_id, participant_id]).rowcount == 0:
                raise StudyError("a trial must be the participant's own and the current one")


def _check_enough(db: Database, trial_id: int, min_rounds: int) -> None:
    states = [each.state for each in read_rounds(db, "round.trial_id = ?", trial_id)]
    if any(state in OPEN_STATES for state in states):
        raise StudyError("the latest round must be ranked or cancelled first")
    ranked = states.count("ranked")
    if ranked < min_rounds:
        raise StudyError(f"a target must have at least {min_rounds} ranked rounds, got {ranked}")


def _finish_trial(db: Database, participant_id: int, trial_id: int) -> None:
    db.execute("UPDATE trial SET state = 'done', finished_at = ? WHERE id = ?", [now(), trial_id])
    following = first(
        db,
        """SELECT id FROM trial WHERE participant_id = ? AND state = 'waiting'
           ORDER BY position LIMIT 1""",
        [participant_id],
    )
    if following is not None:
        db.execute("UPDATE trial SET state = 'active' WHERE id = ?", [following["id"]])
        return
    begin_final_boards(db, participant_id)
