"""Where a participant stands, and the step from one target to the next."""

from __future__ import annotations

from sqlite_utils import Database

from app.records import Phase, Standing
from app.tables.door import Door, first, now, number
from app.tables.people import read_participant, read_trials
from app.tables.rounds import OPEN_STATES, read_rounds
from app.tables.studies import code, read_study
from clpips.errors import StudyError
from clpips.types import Participant, Round, Trial


class Standings(Door):
    """What the participant's page is drawn from."""

    def standing(self, participant_id: int) -> Standing:
        """Where a participant stands, all read in one moment.

        Raises:
            StudyError: there is no such participant.
        """
        with self._read() as db:
            participant = read_participant(db, participant_id)
            study = read_study(db, participant.study_id)
            trials = read_trials(db, study.id, participant_id=participant_id)
            trial = next((each for each in trials if each.state == "active"), None)
            rounds = read_rounds(db, "round.trial_id = ?", trial.id) if trial else ()
        latest = rounds[-1] if rounds else None
        current = latest if latest and latest.state not in ("failed", "cancelled") else None
        states = [each.state for each in rounds]
        is_open = any(state in OPEN_STATES for state in states)
        ranked = states.count("ranked")
        begun = participant.started_at is not None and trial is not None
        return Standing(
            phase=phase_of(participant, trial, current),
            study=study,
            participant=participant,
            trials=trials,
            trial=trial,
            rounds=rounds,
            round=current,
            can_finish_trial=begun and not is_open and ranked >= study.settings.min_rounds,
            can_request_round=begun and not is_open and ranked < study.settings.max_rounds,
            completion_code=participant.completion_code,
        )

    def finish_trial(self, participant_id: int, trial_id: int) -> Participant:
        """Leave a target behind; with the last one the participant is done and has a code.

        Finishing a trial that is done changes nothing.

        Raises:
            StudyError: another person's trial, one that is not current, a round still open, or
                fewer ranked rounds than the study asks for.
        """
        with self._write() as db:
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
            _leave_trial(db, participant_id, trial_id)
            return read_participant(db, participant_id)


def phase_of(participant: Participant, trial: Trial | None, current: Round | None) -> Phase:
    """The phase that a participant, their current trial and its current round make."""
    if participant.completed_at is not None or trial is None:
        return "done"
    if participant.consented_at is None:
        return "consent"
    if participant.started_at is None:
        return "instructions"
    if current is None:
        return "compose"
    phases: dict[str, Phase] = {
        "generating": "generating",
        "ranking": "ranking",
        "ranked": "ranked",
    }
    return phases.get(current.state, "compose")


def _check_enough(db: Database, trial_id: int, min_rounds: int) -> None:
    states = [each.state for each in read_rounds(db, "round.trial_id = ?", trial_id)]
    if any(state in OPEN_STATES for state in states):
        raise StudyError("the latest round must be ranked or cancelled first")
    ranked = states.count("ranked")
    if ranked < min_rounds:
        raise StudyError(f"a target must have at least {min_rounds} ranked rounds, got {ranked}")


def _leave_trial(db: Database, participant_id: int, trial_id: int) -> None:
    at = now()
    db.execute("UPDATE trial SET state = 'done', finished_at = ? WHERE id = ?", [at, trial_id])
    following = first(
        db,
        """SELECT id FROM trial WHERE participant_id = ? AND state = 'waiting'
           ORDER BY position LIMIT 1""",
        [participant_id],
    )
    if following is not None:
        db.execute("UPDATE trial SET state = 'active' WHERE id = ?", [following["id"]])
        return
    db.execute(
        "UPDATE participant SET completed_at = ?, completion_code = ? WHERE id = ?",
        [at, _fresh_code(db, participant_id), participant_id],
    )


def _fresh_code(db: Database, participant_id: int) -> str:
    """A completion code that nobody else in the study has, such as ``K7QM-3XPD``."""
    taken = """SELECT count(*) FROM participant WHERE completion_code = ?
               AND study_id = (SELECT study_id FROM participant WHERE id = ?)"""
    while True:
        letters = code(8)
        fresh = f"{letters[:4]}-{letters[4:]}"
        if not number(db, taken, [fresh, participant_id]):
            return fresh
