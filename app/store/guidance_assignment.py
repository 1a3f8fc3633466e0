"""Which metric each participant is shown: drawn so that those who complete a study balance."""

from __future__ import annotations

import random
from collections.abc import Sequence

from sqlite_utils import Database

from app.store.database import now, rows
from app.study.arms import Guidance
from app.study.types import Participant

GONE_SECONDS = 2 * 60 * 60
"""Who was not heard of for so long is not expected to complete the study any more."""

_HEARD_OF = """
    SELECT guidance, count(*) AS people FROM participant
    WHERE study_id = ?1 AND id != ?2 AND started_at IS NOT NULL AND (
        completed_at IS NOT NULL OR started_at > ?3
        OR EXISTS (SELECT 1 FROM attempt WHERE participant_id = participant.id AND at > ?3)
        OR EXISTS (SELECT 1 FROM round JOIN trial ON trial.id = trial_id
                   WHERE trial.participant_id = participant.id AND requested_at > ?3))
    GROUP BY guidance"""


def draw_guidance(db: Database, participant: Participant, arms: Sequence[Guidance]) -> None:
    """Give somebody who begins the metric that the fewest have, by chance among equals.

    Those count who completed the study or may still do so: who left half-way makes room, so that
    the arms balance over completed participants.
    """
    found = rows(db, _HEARD_OF, [participant.study_id, participant.id, now(seconds=-GONE_SECONDS)])
    people = {row["guidance"]: row["people"] for row in found}
    fewest = min(people.get(arm, 0) for arm in arms)
    drawn = random.SystemRandom().choice([a for a in arms if people.get(a, 0) == fewest])
    db.execute("UPDATE participant SET guidance = ? WHERE id = ?", [drawn, participant.id])
