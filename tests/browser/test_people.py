"""Many people at once over the real websocket: everything stored, nothing mixed up."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from people import Person, Timings
from running import RunningApp
from test_never_lost import add_picture

from app.store import Store
from app.study.settings import StudySettings


def crowd(
    app: RunningApp, store: Store, count: int, *, targets: int = 1, **settings: int
) -> list[Person]:
    """That many invited people in a small study of their own, with small pictures."""
    pictures = [(f"t{seed}", add_picture(store, seed)) for seed in range(targets)]
    study = store.studies.create("Crowd", StudySettings(image_size=64, **settings), pictures)
    timings = Timings()
    return [
        Person(
            app.url.removeprefix("http://"),
            store.participants.create(study.id)[1],
            timings,
            random.Random(number),
        )
        for number in range(count)
    ]


async def together(people: list[Person], *, rounds: int, think: float, ramp: float) -> None:
    """Everybody takes part at once, arriving over ``ramp`` seconds."""

    async def one(person: Person) -> None:
        await asyncio.sleep(person.rng.random() * ramp)
        await person.take_part(rounds=rounds, think=think)

    await asyncio.gather(*(one(person) for person in people))


def check_stored(store: Store, people: list[Person]) -> int:
    """Every acknowledged ranking is in the store, once, as sent, under the right person."""
    total = 0
    for person in people:
        owner = store.participants.by_token(person.token)
        assert owner is not None
        rows = {
            ranked.round.id: ranked.round
            for ranked in store.rounds.ranked(owner.study_id, owner.id)
        }
        assert set(rows) == {sent.round_id for sent in person.sent}
        for sent in person.sent:
            found = rows[sent.round_id]
            assert found.ranking is not None
            assert (found.ranking.uuid, found.ranking.order) == (sent.uuid, sent.order)
            source = {one.id: f"/img/{one.image}.png" for one in found.candidates}
            assert tuple(source[i] for i in found.ranking.order) == sent.image_hashes
        assert store.participants.get(owner.id).completed_at is not None
        total += len(person.sent)
    return total


@pytest.mark.timeout(240)
def test_people_at_once_are_all_stored_and_never_mixed_up(tmp_path: Path) -> None:
    with RunningApp(tmp_path) as app:
        store = Store(app.data_dir)
        people = crowd(app, store, 8, targets=2, repeats=1, calibration=1)
        asyncio.run(together(people, rounds=2, think=0.2, ramp=1.0))
        assert check_stored(store, people) == 8 * (2 * 2 + 1 + 1)
