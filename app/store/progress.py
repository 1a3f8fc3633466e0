"""How far participants and studies are, as the pages show it."""

from __future__ import annotations

import json

from app.store.database import DatabaseAccess, Row, rows
from app.store.final_boards import boards_shown, latest_board, read_plan
from app.store.participant_rows import read_participant, read_participants, read_trials
from app.store.round_rows import OPEN_STATES, read_rounds
from app.store.studies import read_study
from app.study.records import ParticipantProgress, Phase, Standing, StudyTally
from app.study.settings import StudySettings
from app.study.types import Participant


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
            phase=phase_of(
                participant,
                has_trial=trial is not None,
                state=None if current is None else current.state,
            ),
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

    def of_study(
        self, study_id: int, *, offset: int = 0, limit: int | None = None
    ) -> list[ParticipantProgress]:
        """How far participants are, in the order they joined: everybody, or one page of them.

        Counted in the database: the page is redrawn every few seconds, and its participants may
        have thousands of rounds.

        Raises:
            StudyError: there is no such study.
        """
        with self._access.read() as db:
            boards = max_final_boards(read_study(db, study_id).settings)
            found = read_participants(db, study_id, offset=offset, limit=limit)
            ids = json.dumps([each.id for each in found])
            trials = {row["id"]: row for row in rows(db, _TRIALS, [ids])}
            rounds = {row["id"]: row for row in rows(db, _ROUNDS, [ids])}
        return [
            _progress(
                each,
                trials.get(each.id) or _NO_TRIAL,
                rounds.get(each.id) or _NO_ROUND,
                boards=boards,
            )
            for each in found
        ]

    def tallies(self, study_id: int | None = None) -> dict[int, StudyTally]:
        """The counts shown for each study in the list, or for one, by study id, in one query.

        The list of studies is redrawn every few seconds, so it must not read every round.
        """
        with self._access.read() as db:
            return {
                row["study_id"]: StudyTally(**{**row, "last_activity": row["last_activity"] or ""})
                for row in rows(db, _TALLIES, [study_id])
            }


# CROSS JOIN keeps the order of the loops: from a study's participants to their rounds, by indexes.
_OF_PARTICIPANTS = """FROM participant CROSS JOIN trial ON trial.participant_id = participant.id
    CROSS JOIN round ON round.trial_id = trial.id"""
_OF_TARGETS = "FROM target CROSS JOIN trial ON trial.target_id = target.id"
_TALLIES = f"""
    SELECT study.id AS study_id,
        (SELECT count(*) FROM target WHERE study_id = study.id AND kind = 'own') AS targets,
        (SELECT count(*) FROM participant WHERE study_id = study.id) AS participants,
        (SELECT count(*) FROM participant WHERE study_id = study.id
            AND completed_at IS NOT NULL) AS completed,
        (SELECT count(*) {_OF_TARGETS} WHERE target.study_id = study.id AND target.kind = 'own')
            AS trials,
        (SELECT count(*) {_OF_TARGETS} WHERE target.study_id = study.id AND target.kind = 'own'
            AND trial.state = 'done') AS done_trials,
        (SELECT count(*) {_OF_PARTICIPANTS} WHERE participant.study_id = study.id
            AND round.state = 'ranked') AS rankings,
        (SELECT max(submitted_at) {_OF_PARTICIPANTS}
            CROSS JOIN submission ON submission.round_id = round.id
            WHERE participant.study_id = study.id) AS last_activity
    FROM study WHERE ?1 IS NULL OR study.id = ?1"""

_TRIALS = """
    SELECT participant_id AS id, sum(target.kind = 'own') AS trials,
        sum(target.kind = 'own' AND trial.state = 'done') AS done_trials,
        max(CASE WHEN trial.state = 'active' THEN trial.id END) AS active,
        max(coalesce(finished_at, '')) AS at,
        (SELECT max(attempt.at) FROM attempt WHERE participant_id = trial.participant_id)
            AS attempted
    FROM trial JOIN target ON target.id = target_id
    WHERE participant_id IN (SELECT value FROM json_each(?)) GROUP BY participant_id"""

# The round in view is the newest of the last part, else the newest of the current trial.
_ROUNDS = """
    WITH counted AS (
        SELECT participant_id AS id,
            sum(round.state NOT IN ('failed', 'cancelled')) AS rounds,
            sum(round.state = 'ranked') AS rankings,
            sum(kind != 'own') AS last_part,
            sum(kind != 'own' AND round.state = 'ranked') AS boards_done,
            coalesce(max(CASE WHEN kind != 'own' THEN round.id END),
                     max(CASE WHEN trial.state = 'active' THEN round.id END)) AS current,
            max(requested_at) AS at
        FROM trial JOIN round ON round.trial_id = trial.id
        WHERE participant_id IN (SELECT value FROM json_each(?1)) GROUP BY participant_id
    )
    SELECT counted.*, round.state FROM counted LEFT JOIN round ON round.id = current"""


_NO_TRIAL: Row = {"trials": 0, "done_trials": 0, "active": None, "at": "", "attempted": ""}
_NO_ROUND: Row = {
    **dict.fromkeys(("rounds", "rankings", "last_part", "boards_done"), 0),
    "state": None,
    "at": "",
}


def max_final_boards(settings: StudySettings) -> int:
    """The largest number of final boards that a participant can have."""
    return settings.repeats + settings.calibration + settings.duels


def phase_of(participant: Participant, *, has_trial: bool, state: str | None) -> Phase:
    """The phase of a participant, from whether they have a current trial and its round's state."""
    if participant.completed_at is not None or not has_trial:
        return "done"
    if participant.declined_at is not None:
        return "declined"
    if participant.consented_at is None:
        return "consent"
    if participant.started_at is None:
        return "instructions"
    phases: dict[str | None, Phase] = {
        "generating": "generating",
        "ranking": "ranking",
        "ranked": "ranked",
    }
    return phases.get(state, "compose")


def _progress(
    participant: Participant, trials: Row, rounds: Row, *, boards: int
) -> ParticipantProgress:
    has_trial = bool(trials["active"] is not None or rounds["last_part"])
    is_done = participant.completed_at is not None
    moments = (
        participant.created_at,
        participant.consented_at,
        participant.started_at,
        participant.completed_at,
        trials["at"],
        trials["attempted"],
        rounds["at"],
    )
    return ParticipantProgress(
        participant=participant,
        phase=phase_of(participant, has_trial=has_trial, state=rounds["state"]),
        done_trials=trials["done_trials"],
        trials=trials["trials"],
        rounds=rounds["rounds"],
        rankings=rounds["rankings"],
        last_activity=max(moment or "" for moment in moments),
        boards_done=rounds["boards_done"],
        boards=rounds["last_part"] if is_done else boards,
    )
