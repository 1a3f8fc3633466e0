"""Ranked rounds of a study, and the rankings that fits and evaluations take from them."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sqlite_utils import Database

from app.store.database import number, rows
from app.store.participant_rows import (
    read_participant,
    read_participants,
    read_trials,
    read_trials_by_id,
    target_from_row,
)
from app.store.round_rows import read_rounds
from app.study.records import RankedRound
from app.study.submission import BoardRanking
from app.study.types import Candidate, Participant, Target
from clpips.types import Ranking

# CROSS JOIN keeps the order of the loops: from the study's participants, each by an index.
_RANKED = """FROM participant CROSS JOIN trial ON trial.participant_id = participant.id
    CROSS JOIN target ON target.id = trial.target_id
    CROSS JOIN round ON round.trial_id = trial.id
    WHERE participant.study_id = ?1 AND round.state = 'ranked'
        AND (?2 IS NULL OR participant.label = ?2) AND (?3 IS NULL OR target.image = ?3)"""


def read_ranked_rounds(
    db: Database, study_id: int, *, participant_id: int | None
) -> list[RankedRound]:
    """Every ranked round by person, trial position and number."""
    return list(each_ranked_round(db, study_id, participant_id=participant_id))


def each_ranked_round(
    db: Database, study_id: int, *, participant_id: int | None
) -> Iterator[RankedRound]:
    """The same one by one; only one person's rounds are in memory at a time."""
    if participant_id is None:
        people = read_participants(db, study_id)
    else:
        people = (read_participant(db, participant_id),)
    for person in people:
        yield from _of_person(db, study_id, person)


def _of_person(db: Database, study_id: int, person: Participant) -> list[RankedRound]:
    trials = {each.id: each for each in read_trials(db, study_id, participant_id=person.id)}
    inside = """round.state = 'ranked'
                AND round.trial_id IN (SELECT id FROM trial WHERE participant_id = ?)"""
    found = [
        RankedRound(person, trials[each.trial_id], each)
        for each in read_rounds(db, inside, person.id)
        if each.trial_id in trials
    ]
    return sorted(found, key=lambda each: (each.trial.position, each.round.number))


def read_page(
    db: Database,
    study_id: int,
    *,
    label: str | None,
    image: str | None,
    offset: int,
    limit: int,
) -> list[RankedRound]:
    """Some of the ranked rounds, in the same order; of one person or target where these are given.

    Args:
        db: the database.
        study_id: the study.
        label: a participant's.
        image: a target's.
        offset, limit: how many to leave out before, and how many to read.
    """
    sql = f"""SELECT round.id {_RANKED}
              ORDER BY participant.id, trial.position, round.number LIMIT ?4 OFFSET ?5"""
    ids = [row["id"] for row in rows(db, sql, [study_id, label, image, limit, offset])]
    inside = "round.id IN (SELECT value FROM json_each(?))"
    found = {each.id: each for each in read_rounds(db, inside, json.dumps(ids))}
    trials = read_trials_by_id(db, [each.trial_id for each in found.values()])
    people = {
        each: read_participant(db, each)
        for each in {trial.participant_id for trial in trials.values()}
    }
    boards = ((trials[found[id_].trial_id], found[id_]) for id_ in ids)
    return [RankedRound(people[trial.participant_id], trial, board) for trial, board in boards]


def count_ranked(db: Database, study_id: int, *, label: str | None, image: str | None) -> int:
    """How many rounds :func:`read_page` has to give in all."""
    return number(db, f"SELECT count(*) {_RANKED}", [study_id, label, image])


def read_ranked_labels(db: Database, study_id: int) -> list[str]:
    """The labels of those who ranked something, in the order they joined."""
    sql = """SELECT label FROM participant WHERE study_id = ? AND EXISTS (
                 SELECT 1 FROM trial JOIN round ON round.trial_id = trial.id
                 WHERE participant_id = participant.id AND round.state = 'ranked')
             ORDER BY id"""
    return [row["label"] for row in rows(db, sql, [study_id])]


def read_ranked_targets(db: Database, study_id: int) -> list[Target]:
    """The targets that somebody ranked images of, the study's own first, each kind in order."""
    sql = """SELECT * FROM target WHERE study_id = ? AND EXISTS (
                 SELECT 1 FROM trial JOIN round ON round.trial_id = trial.id
                 WHERE target_id = target.id AND round.state = 'ranked')
             ORDER BY kind != 'own', position"""
    return [target_from_row(row) for row in rows(db, sql, [study_id])]


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
