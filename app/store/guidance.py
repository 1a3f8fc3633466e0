"""Guidance between rounds: who is shown which metric, and the distances it gives."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence

from sqlite_utils import Database

from app.store.database import DatabaseAccess, Row, first, now, rows
from app.store.job_queue import insert_job
from app.store.participant_rows import read_participant
from app.store.round_rows import check_owner
from app.study.arms import Guidance
from app.study.records import Guide
from app.study.types import Participant

DROPOUT_SECONDS = 2 * 60 * 60
"""A participant inactive for this long is not expected to complete the study."""

_ACTIVE = """
    SELECT guidance, count(*) AS people FROM participant
    WHERE study_id = ?1 AND id != ?2 AND started_at IS NOT NULL AND (
        completed_at IS NOT NULL OR started_at > ?3
        OR EXISTS (SELECT 1 FROM attempt WHERE participant_id = participant.id AND at > ?3)
        OR EXISTS (SELECT 1 FROM round JOIN trial ON trial.id = trial_id
                   WHERE trial.participant_id = participant.id AND requested_at > ?3))
    GROUP BY guidance"""


class RoundGuidance:
    """The distances that a metric gives after a round, for participants who are shown one."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def add(
        self, round_id: int, metric: str, n_rankings: int, distances: Mapping[str, float]
    ) -> bool:
        """Store a metric's distances after a round, replacing earlier ones.

        Returns:
            Whether they were stored: ``False`` if the participant has already been shown others, or
            the round no longer exists.
        """
        content = {"metric": metric, "n_rankings": n_rankings, "distances": dict(distances)}
        with self._access.write() as db:
            if first(db, "SELECT 1 FROM round WHERE id = ?", [round_id]) is None:
                return False
            found = first(db, "SELECT shown_at FROM guide WHERE round_id = ?", [round_id])
            if found is not None and found["shown_at"] is not None:
                return False
            db.execute(
                """INSERT INTO guide (round_id, told, created_at) VALUES (?, ?, ?)
                   ON CONFLICT (round_id) DO UPDATE SET
                       told = excluded.told, created_at = excluded.created_at""",
                [round_id, json.dumps(content, allow_nan=False), now()],
            )
            return True

    def get(self, round_id: int) -> Guide | None:
        """The distances after a round; ``None`` before they are computed."""
        with self._access.read() as db:
            return read_guide(db, round_id)

    def show(self, participant_id: int, round_id: int) -> Guide | None:
        """The same, to be shown to the participant; from then on the round's ranking cannot change.

        Raises:
            StudyError: the round is not the participant's.
        """
        with self._access.read() as db:
            check_owner(db, participant_id, round_id)
            found = read_guide(db, round_id)
        if found is None or found.shown_at is not None:
            return found
        with self._access.write() as db:
            db.execute(
                "UPDATE guide SET shown_at = coalesce(shown_at, ?) WHERE round_id = ?",
                [now(), round_id],
            )
            return read_guide(db, round_id)


def read_guide(db: Database, round_id: int) -> Guide | None:
    """The distances after a round, or ``None``."""
    row = first(db, "SELECT * FROM guide WHERE round_id = ?", [round_id])
    return None if row is None else _guide(row)


def was_shown(db: Database, round_id: int) -> bool:
    """Whether the participant has been shown the distances of this round."""
    sql = "SELECT 1 FROM guide WHERE round_id = ? AND shown_at IS NOT NULL"
    return first(db, sql, [round_id]) is not None


def ask_for_guide(db: Database, participant_id: int, round_id: int) -> None:
    """Queue the guidance job after a ranking, if the participant is shown a metric."""
    participant = read_participant(db, participant_id)
    own = first(db, "SELECT 1 FROM round WHERE id = ? AND kind = 'own'", [round_id])
    if participant.guidance == "none" or own is None:
        return
    key = f"guide:{round_id}"
    queued = "SELECT 1 FROM job WHERE key = ? AND state = 'queued'"
    if first(db, queued, [key]) is not None:
        return
    running = first(db, "SELECT 1 FROM job WHERE key = ? AND state = 'running'", [key])
    insert_job(
        db,
        "guide",
        {"round_id": round_id},
        study_id=participant.study_id,
        participant_id=participant_id,
        key=None if running else key,  # a running job has read the ranking that this one replaces
    )


def draw_guidance(db: Database, participant: Participant, arms: Sequence[Guidance]) -> None:
    """Assign a new participant the least frequent metric, at random among equally frequent ones.

    Participants who completed the study, or may still do so, are counted; those who dropped out
    are not, so that the arms balance over completed participants.
    """
    found = rows(db, _ACTIVE, [participant.study_id, participant.id, now(seconds=-DROPOUT_SECONDS)])
    people = {row["guidance"]: row["people"] for row in found}
    fewest = min(people.get(arm, 0) for arm in arms)
    drawn = random.SystemRandom().choice([a for a in arms if people.get(a, 0) == fewest])
    db.execute("UPDATE participant SET guidance = ? WHERE id = ?", [drawn, participant.id])


def _guide(row: Row) -> Guide:
    content = json.loads(row["told"])
    return Guide(
        round_id=row["round_id"],
        metric=str(content["metric"]),
        n_rankings=int(content["n_rankings"]),
        distances={str(sha): float(value) for sha, value in content["distances"].items()},
        shown_at=row["shown_at"],
    )
