"""Studies with blind pairs, judged by people who make up their minds quickly."""

from __future__ import annotations

import itertools
from typing import Any

from staged import empty_study, person, picture, rank_once

from app.store import Store
from app.study.blind_pairs import ALIKE, PLACE, SIDE
from app.study.submission import Submission
from app.study.types import Participant, Round, Study
from clpips.types import Provenance

_pictures = itertools.count(50_000)
RANKS = {"personal": (1, 2), "stock": (2, 1), "tie": (1, 1)}


def judged_study(
    store: Store, judged: dict[str, list[str]], *, targets: int = 1, **settings: Any
) -> Study:
    """Everybody ranks every target once, then judges pairs: a winner, ``alike`` or a reason."""
    longest = max(len(theirs) for theirs in judged.values())
    study = empty_study(store, targets=targets, duels=longest, **settings)
    for label, theirs in judged.items():
        somebody = person(store, study, label)
        for _ in range(targets):
            rank_once(store, somebody)
        for winner in theirs:
            judge(store, somebody, winner)
    return study


def judge(store: Store, somebody: Participant, winner: str) -> None:
    """One pair: its images appear, or it fails, and the person goes on."""
    pair = store.progress.of_participant(somebody.id).round
    assert pair is not None and pair.kind == "duel"
    if winner in RANKS:
        answer(store, somebody, shown(store, pair), winner)
    else:
        store.rounds.fail(pair.id, ALIKE if winner == "alike" else winner)
    store.final_boards.show_next(somebody.id, pair.id)


def shown(store: Store, pair: Round) -> Round:
    """The worker's part of a pair."""
    made = [
        (
            picture(store, seed),
            Provenance("scene", "1", pair.prompt, seed, 64, 64, {SIDE: side, PLACE: 2}),
        )
        for side, seed in zip(("personal", "stock"), _pictures, strict=False)
    ]
    assert store.rounds.add_candidates(pair.id, made)
    return store.rounds.get(pair.id)


def answer(store: Store, somebody: Participant, pair: Round, winner: str) -> None:
    """Rank the two images so that a side wins."""
    sides = {each.provenance.options[SIDE]: each.id for each in pair.candidates}
    rank = dict(zip((sides["personal"], sides["stock"]), RANKS[winner], strict=True))
    order = tuple(sorted(rank, key=rank.__getitem__))
    ranks = tuple(rank[each] for each in order)
    there = tuple(each.id for each in pair.candidates)
    store.rankings.submit(
        somebody.id, Submission(f"uuid-of-{pair.id}", pair.id, order, ranks, there)
    )
