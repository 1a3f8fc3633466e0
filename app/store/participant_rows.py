"""Rows of participants and their trials, and the values that they stand for."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlite_utils import Database

from app.store.database import Row, row_by_id, rows
from app.study.types import Participant, Target, Trial


def read_participant(db: Database, participant_id: int) -> Participant:
    """One participant; raises ``StudyError`` where there is none."""
    return participant_from_row(row_by_id(db, "participant", participant_id))


def read_participants(
    db: Database, study_id: int, *, offset: int = 0, limit: int | None = None
) -> tuple[Participant, ...]:
    """Everybody in a study in the order they joined, or one page of them."""
    sql = "SELECT * FROM participant WHERE study_id = ? ORDER BY id LIMIT ? OFFSET ?"
    found = rows(db, sql, [study_id, -1 if limit is None else limit, offset])
    return tuple(participant_from_row(row) for row in found)


def read_trials(db: Database, study_id: int, *, participant_id: int | None) -> tuple[Trial, ...]:
    """Trials by participant and position: one participant's, or a whole study's.

    Those of calibration targets, which a participant gets in the last part, are among them.
    """
    if participant_id is None:
        sql = f"{_TRIALS} WHERE study_id = ? ORDER BY participant_id, trial.position"
        return tuple(map(_trial, rows(db, sql, [study_id])))
    sql = f"{_TRIALS} WHERE participant_id = ? AND study_id = ? ORDER BY trial.position"
    return tuple(map(_trial, rows(db, sql, [participant_id, study_id])))


def read_trials_by_id(db: Database, ids: Sequence[int]) -> dict[int, Trial]:
    """Some trials by their ids."""
    sql = f"{_TRIALS} WHERE trial.id IN (SELECT value FROM json_each(?))"
    return {row["id"]: _trial(row) for row in rows(db, sql, [json.dumps(list(ids))])}


_TRIALS = """SELECT trial.*, target.study_id, target.position AS target_position, target.name,
                 target.image, target.kind
             FROM trial JOIN target ON target.id = target_id"""


def target_from_row(row: Row) -> Target:
    """A row of a target as the value it stands for."""
    return Target(**{name: row[name] for name in Target.__dataclass_fields__})


def _trial(row: Row) -> Trial:
    return Trial(
        id=row["id"],
        participant_id=row["participant_id"],
        target=Target(
            id=row["target_id"],
            study_id=row["study_id"],
            position=row["target_position"],
            name=row["name"],
            image=row["image"],
            kind=row["kind"],
        ),
        position=row["position"],
        state=row["state"],
        writing=row["writing"],
    )


def participant_from_row(row: Row) -> Participant:
    """A row as the value it stands for."""
    return Participant(
        id=row["id"],
        study_id=row["study_id"],
        label=row["label"],
        simulated=bool(row["simulated"]),
        created_at=row["created_at"],
        consented_at=row["consented_at"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        completion_code=row["completion_code"],
        guidance=row["guidance"],
        recruitment=tuple(json.loads(row["recruitment"]).items()),
        declined_at=row["declined_at"],
    )
