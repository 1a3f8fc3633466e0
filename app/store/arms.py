"""Results by study arm: makers of images and metrics for guidance."""

from __future__ import annotations

from app.store.database import DatabaseAccess, rows
from app.store.participant_rows import read_participants, read_trials
from app.store.round_rows import read_rounds
from app.store.studies import read_study
from app.study.arms import ARM
from app.study.records import ArmBoard, ArmImage, GuidanceCount
from app.study.types import Round

# Finished targets only: a target in progress would count as one with few rounds.
_COUNTS = """
    SELECT guidance, count(*) AS began, count(completed_at) AS completed,
        sum((SELECT count(*) FROM trial WHERE participant_id = participant.id AND state = 'done'
             AND target_id IN (SELECT id FROM target WHERE kind = 'own'))) AS targets,
        sum((SELECT count(*) FROM round JOIN trial ON trial.id = trial_id
             WHERE participant_id = participant.id AND trial.state = 'done'
                 AND round.kind = 'own' AND round.state = 'ranked')) AS rounds
    FROM participant WHERE study_id = ? AND started_at IS NOT NULL GROUP BY guidance"""


class Arms:
    """Rounds and participants by the arm they were assigned to."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def boards(self, study_id: int) -> tuple[ArmBoard, ...]:
        """The images of every round whose maker was drawn at random, in chronological order.

        Only rounds that participants asked for: no repeats, no blind pairs.

        Raises:
            StudyError: there is no such study.
        """
        inside = """round.kind = 'own' AND round.state IN ('ranking', 'ranked')
                    AND round.trial_id IN (SELECT trial.id FROM trial JOIN participant
                                           ON participant.id = participant_id
                                           WHERE study_id = ?)"""
        with self._access.read() as db:
            read_study(db, study_id)
            people = {each.id: each for each in read_participants(db, study_id)}
            owners = {
                each.id: people[each.participant_id]
                for each in read_trials(db, study_id, participant_id=None)
            }
            found = read_rounds(db, inside, study_id)
        boards = ((owners[each.trial_id].label, _images(each)) for each in found)
        return tuple(ArmBoard(label, images) for label, images in boards if images)

    def guidance_counts(self, study_id: int) -> tuple[GuidanceCount, ...]:
        """How far the participants with each metric are; a metric that nobody has is left out.

        Raises:
            StudyError: there is no such study.
        """
        with self._access.read() as db:
            read_study(db, study_id)
            return tuple(GuidanceCount(**row) for row in rows(db, _COUNTS, [study_id]))


def _images(one: Round) -> tuple[ArmImage, ...]:
    """A round's images that an arm made, in shown order."""
    ranking = one.ranking
    ranks = {} if ranking is None else dict(zip(ranking.order, ranking.ranks, strict=True))
    return tuple(
        ArmImage(str(arm), each.provenance.seconds, ranks.get(each.id))
        for each in one.candidates
        if (arm := each.provenance.options.get(ARM, one.arm)) is not None
    )
