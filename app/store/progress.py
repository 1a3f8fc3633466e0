"""How far participants and studies are, as the pages show it."""

from __future__ import annotations

from sqlite_utils import Database

from app.store.database import DatabaseAccess, rows
from app.store.final_boards import boards_shown, latest_board, read_plan
from app.store.participant_rows import read_participant, read_participants, read_trials
from app.store.round_rows import OPEN_STATES, read_rounds, read_rounds_of_study
from app.store.studies import read_study
from app.study.records import ParticipantProgress, Phase, Standing, StudyTally
from app.study.settings import StudySettings
from app.study.types import Participant, Round, Trial


class Progress:
    """How far one participant, a study or every study is."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def of_participant(self, participant_id: int) -> Standing:
        """The current state of a participant, read in one snapshot.

        Raises:
            StudyError: there is no such participant.
        """
        with self._access.read() as db:
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
                len(read_plan(db, participant_id))
                if last_part
                else max_final_boards(study.settings)
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

    def of_study(self, study_id: int) -> list[ParticipantProgress]:
        """How far everybody is, in the order they joined.

        Raises:
            StudyError: there is no such study.
        """
        with self._access.read() as db:
            boards = max_final_boards(read_study(db, study_id).settings)
            participants = read_participants(db, study_id)
            trials = read_trials(db, study_id, participant_id=None)
            rounds = read_rounds_of_study(db, study_id)
            activity = _last_activity(db, study_id)
        return [
            _progress(participant, trials, rounds, activity[participant.id], boards=boards)
            for participant in participants
        ]

    def tallies(self) -> dict[int, StudyTally]:
        """The counts shown for each study in the list, by study id, in one query.

        The list of studies is redrawn every few seconds, so it must not read every round.
        """
        with self._access.read() as db:
            return {
                row["study_id"]: StudyTally(**{**row, "last_activity": row["last_activity"] or ""})
                for row in rows(db, _TALLIES)
            }


_TALLIES = """
    SELECT study.id AS study_id,
        (SELECT count(*) FROM target WHERE study_id = study.id AND kind = 'own') AS targets,
        (SELECT count(*) FROM participant WHERE study_id = study.id) AS participants,
        (SELECT count(*) FROM participant WHERE study_id = study.id
            AND completed_at IS NOT NULL) AS completed,
        count(DISTINCT CASE WHEN target.kind = 'own' THEN trial.id END) AS trials,
        count(DISTINCT CASE WHEN target.kind = 'own' AND trial.state = 'done' THEN trial.id END)
            AS done_trials,
        count(DISTINCT submission.round_id) AS rankings,
        max(submission.submitted_at) AS last_activity
    FROM study
    LEFT JOIN participant ON participant.study_id = study.id
    LEFT JOIN trial ON trial.participant_id = participant.id
    LEFT JOIN target ON target.id = trial.target_id
    LEFT JOIN round ON round.trial_id = trial.id
    LEFT JOIN submission ON submission.round_id = round.id
    GROUP BY study.id"""


def max_final_boards(settings: StudySettings) -> int:
    """The largest number of final boards that a participant can have."""
    return settings.repeats + settings.calibration + settings.duels


def phase_of(participant: Participant, trial: Trial | None, current: Round | None) -> Phase:
    """The phase of a participant, from their current trial and its current round."""
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


def _progress(
    participant: Participant,
    trials: tuple[Trial, ...],
    rounds: tuple[Round, ...],
    last_activity: str,
    *,
    boards: int,
) -> ParticipantProgress:
    met = {trial.id: trial for trial in trials if trial.participant_id == participant.id}
    theirs = [each for each in rounds if each.trial_id in met]
    last_part = [each for each in theirs if each.kind != "own"]
    active = next((trial for trial in met.values() if trial.state == "active"), None)
    here = [each for each in theirs if active and each.trial_id == active.id]
    if last_part:
        active, here = met[last_part[-1].trial_id], last_part
    own = [trial for trial in met.values() if trial.target.kind == "own"]
    return ParticipantProgress(
        participant=participant,
        phase=phase_of(participant, active, here[-1] if here else None),
        done_trials=sum(trial.state == "done" for trial in own),
        trials=len(own),
        rounds=sum(each.state not in ("failed", "cancelled") for each in theirs),
        rankings=sum(each.ranking is not None for each in theirs),
        last_activity=last_activity,
        boards_done=sum(each.ranking is not None for each in last_part),
        boards=boards if participant.completed_at is None else len(last_part),
    )


def _last_activity(db: Database, study_id: int) -> dict[int, str]:
    """When each participant last did anything that was stored."""
    sql = """
        SELECT participant.id, max(
            participant.created_at, coalesce(consented_at, ''), coalesce(started_at, ''),
            coalesce(completed_at, ''),
            coalesce((SELECT max(at) FROM attempt WHERE participant_id = participant.id), ''),
            coalesce((SELECT max(max(requested_at, coalesce(finished_at, '')))
                      FROM round JOIN trial ON trial.id = trial_id
                      WHERE participant_id = participant.id), '')
        ) AS at FROM participant WHERE study_id = ?"""
    return {row["id"]: row["at"] for row in rows(db, sql, [study_id])}
