"""Ranked rounds of a study, and the rankings that fits and evaluations take from them."""

from __future__ import annotations

from sqlite_utils import Database

from app.store.participant_rows import read_participants, read_trials
from app.store.round_rows import read_rounds_of_study
from app.study.records import RankedRound
from app.study.submission import BoardRanking
from app.study.types import Candidate
from clpips.types import Ranking


def read_ranked_rounds(
    db: Database, study_id: int, *, participant_id: int | None
) -> list[RankedRound]:
    """Every ranked round by person, trial position and number."""
    people = {person.id: person for person in read_participants(db, study_id)}
    trials = {trial.id: trial for trial in read_trials(db, study_id, participant_id=participant_id)}
    found = [
        RankedRound(people[trials[each.trial_id].participant_id], trials[each.trial_id], each)
        for each in read_rounds_of_study(db, study_id)
        if each.state == "ranked" and each.trial_id in trials
    ]
    found.sort(key=lambda each: (each.participant.id, each.trial.position, each.round.number))
    return found


def ranking_of(ranked: RankedRound) -> Ranking:
    """A ranked round as a ranking of images; of two equal images the nearer counts."""
    nearest = nearest_candidates(ranked)
    return Ranking(
        participant=ranked.participant.label,
        target=ranked.trial.target.image,
        images=tuple(nearest),
        ranks=tuple(rank for _, rank in nearest.values()),
        trial=str(ranked.trial.position + 1),
        round=str(ranked.round.number),
        confidence=_board(ranked).confidence,
    )


def nearest_candidates(ranked: RankedRound) -> dict[str, tuple[Candidate, int]]:
    """Each image of a ranked round once, nearest first: its candidate there and its rank."""
    board = _board(ranked)
    candidates = {candidate.id: candidate for candidate in ranked.round.candidates}
    nearest: dict[str, tuple[Candidate, int]] = {}
    for candidate_id, rank in zip(board.order, board.ranks, strict=True):
        candidate = candidates[candidate_id]
        nearest.setdefault(candidate.image, (candidate, rank))
    return nearest


def _board(ranked: RankedRound) -> BoardRanking:
    if ranked.round.ranking is None:
        raise RuntimeError(f"round {ranked.round.id} is ranked but has no ranking")
    return ranked.round.ranking
