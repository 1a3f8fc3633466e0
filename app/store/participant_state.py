"""Where a participant stands, and the step from one target to the next."""

from __future__ import annotations

from sqlite_utils import Database

from app.store.database import Door, first, now
from app.store.final_boards import begin_last_part, boards_shown, latest_board, read_plan
from app.store.participants import read_participant, read_trials
from app.store.round_rows import OPEN_STATES, read_rounds
from app.store.studies import read_study
from app.study.records import Phase, Standing
from app.study.settings import StudySettings
from app.study.types import Participant, Round, Trial
from clpips.errors import StudyError


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
            last_part = participant.completed_at is None and latest_board(db, participant_id)
            if last_part:
                rounds = read_rounds(db, "round.id = ?", last_part)
                trial = next((e for e in trials if e.id == rounds[0].trial_id), None)
            else:
                trial = next((each for each in trials if each.state == "active"), None)
                rounds = read_rounds(db, "round.trial_id = ?", trial.id) if trial else ()
            board = boards_shown(db, participant_id) if last_part else None
            boards = (
                len(read_plan(db, participant_id)) if last_part else extra_boards(study.settings)
            )
        latest = rounds[-1] if rounds else None
        is_lost = latest is not None and latest.state in ("failed", "cancelled")
        current = None if is_lost and board is None else latest
        states = [each.state for each in rounds]
        is_open = any(state in OPEN_STATES for state in states)
        ranked = states.count("ranked")
        begun = participant.started_at is not None and trial is not None and board is None
        return Standing(
            phase=phase_of(participant, trial, current),
            study=study,
            participant=participant,
            trials=tuple(each for each in trials if each.target.kind == "own"),
            trial=trial,
            rounds=rounds,
            round=current,
            can_finish_trial=begun and not is_open and ranked >= study.settings.min_rounds,
            can_request_round=begun and not is_open and ranked < study.settings.max_rounds,
            completion_code=participant.completion_code,
            board=board,
            boards=boards,
        )

    def finish_trial(self, participant_id: int, trial_id: int) -> Participant:
        """Leave a target behind; after the last one comes the last part, or the code.

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


def extra_boards(settings: StudySettings) -> int:
    """How many boards a last part can have at most."""
    return settings.repeats + settings.calibration + settings.duels


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
    begin_last_part(db, participant_id)
