"""Blind comparisons of two metrics: which image of each pair the participants ranked nearer."""

from __future__ import annotations

from typing import Literal

from app.store.database import DatabaseAccess
from app.store.participant_rows import read_participants, read_trials
from app.store.round_rows import read_rounds
from app.store.studies import read_study
from app.study.blind_pairs import PLACE, SIDE
from app.study.records import BlindPair
from app.study.types import Round


class BlindPairs:
    """Blind A/B pairs of a study and their results."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def of_study(self, study_id: int) -> tuple[BlindPair, ...]:
        """Every blind pair of a study, by participant in chronological order; failed ones too.

        Raises:
            StudyError: there is no such study.
        """
        with self._access.read() as db:
            read_study(db, study_id)
            people = {each.id: each.label for each in read_participants(db, study_id)}
            trials = {each.id: each for each in read_trials(db, study_id, participant_id=None)}
            inside = """round.kind = 'duel' AND round.trial_id IN (
                            SELECT trial.id FROM trial JOIN participant
                            ON participant.id = participant_id WHERE study_id = ?)"""
            found = read_rounds(db, inside, study_id)
        ordered = sorted(found, key=lambda each: (trials[each.trial_id].participant_id, each.id))
        return tuple(
            _blind_pair(
                each,
                people[trials[each.trial_id].participant_id],
                trials[each.trial_id].target.image,
            )
            for each in ordered
        )


def _blind_pair(one: Round, participant: str, target: str) -> BlindPair:
    sides = {each.provenance.options.get(SIDE): each for each in one.candidates}
    personal, stock = sides.get("personal"), sides.get("stock")
    winner: Literal["personal", "stock", "tie"] | None = None
    if one.ranking is not None and personal is not None and stock is not None:
        rank = dict(zip(one.ranking.order, one.ranking.ranks, strict=True))
        apart = rank[stock.id] - rank[personal.id]
        winner = "tie" if apart == 0 else "personal" if apart > 0 else "stock"
    return BlindPair(
        participant=participant,
        target=target,
        personal=personal.image if personal else "",
        stock=stock.image if stock else "",
        place=int(personal.provenance.options.get(PLACE, 0)) if personal else 0,
        winner=winner,
        state=one.state,
        message=one.message,
    )
