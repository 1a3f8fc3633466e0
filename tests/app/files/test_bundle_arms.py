"""A study that compares arms, metrics shown and two metrics travels and says the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from judged import answer, judge, shown
from staged import empty_study, person, rank_once

from app.store import Store
from app.study.arms import MakerArm
from app.study.types import Study
from app.views.researcher.report.blind_pairs import found_in

ARMS = (MakerArm("plain", "scenes"), MakerArm("small", "tiny", {"steps": 5}))


def compared_study(store: Store) -> Study:
    """Two arms in turns, everybody shown a metric, and three pairs of which one failed."""
    study = empty_study(store, targets=2, arms=ARMS, guidance=("stock", "personal"), duels=3)
    ada, ben = person(store, study, "Ada"), person(store, study, "Ben")
    for somebody in (ada, ben):
        rank_once(store, somebody)
        for ranked in store.rounds.ranked(study.id, participant_id=somebody.id):
            images = [each.image for each in ranked.round.candidates]
            distances = {sha: place / 7 for place, sha in enumerate(images)}
            assert store.guidance.add(ranked.round.id, somebody.guidance, 1, distances)
        rank_once(store, somebody)
    told = store.rounds.ranked(study.id, participant_id=ada.id)[0].round.id
    assert store.guidance.show(ada.id, told) is not None
    judge(store, ada, "personal")
    judge(store, ada, "alike")
    pair = store.progress.of_participant(ada.id).round
    assert pair is not None
    answer(store, ada, shown(store, pair), "tie")  # and does not go on
    judge(store, ben, "stock")
    return study


def told(store: Store, study: Study) -> list[Any]:
    """What the study says of everything that it compares, without the numbers of rows."""
    people = store.participants.of_study(study.id)
    guides = [
        (found.metric, found.n_rankings, found.distances, found.shown_at)
        for ranked in store.rounds.ranked(study.id)
        if (found := store.guidance.get(ranked.round.id)) is not None
    ]
    rounds = [(each.round.kind, each.round.arm) for each in store.rounds.ranked(study.id)]
    return [
        study.settings,
        [(each.label, each.guidance) for each in people],
        guides,
        rounds,
        found_in(store.blind_pairs.of_study(study.id)),
        store.arms.boards(study.id),
        sorted(store.arms.guidance_counts(study.id)),
    ]


def test_a_study_that_compares_things_says_the_same_elsewhere(tmp_path: Path) -> None:
    store = Store(tmp_path / "here")
    study = compared_study(store)
    bundle = store.transfer.export_study(study.id, tmp_path / "bundle.sqlite")
    other = Store(tmp_path / "there")
    empty_study(other)  # numbers that are in use already
    for path in store.settings.images.glob("*/*"):
        other.images.add(path.read_bytes(), width=64, height=64)
    there = other.transfer.import_study(bundle)
    assert told(other, there) == told(store, study)
    assert there.settings.arms == ARMS
    assert len(told(store, study)[2]) == 2 and told(store, study)[2][0][3] is not None
    answered = [each for each in store.blind_pairs.of_study(study.id) if each.state != "generating"]
    assert [
        each for each in other.blind_pairs.of_study(there.id) if each.state != "cancelled"
    ] == answered
    assert [each.winner for each in answered] == ["personal", None, "tie", "stock"]


def test_a_pair_that_was_being_made_counts_as_cancelled_and_can_be_left(tmp_path: Path) -> None:
    store = Store(tmp_path / "here")
    study = compared_study(store)
    copy = store.transfer.import_study(
        store.transfer.export_study(study.id, tmp_path / "bundle.sqlite")
    )
    ben = next(each for each in store.participants.of_study(copy.id) if each.label == "Ben")
    pair = store.progress.of_participant(ben.id).round
    assert pair is not None and pair.state == "cancelled"
    assert store.final_boards.show_next(ben.id, pair.id).completed_at is None
    judge(store, ben, "personal")
    assert store.participants.get(ben.id).completed_at is not None
