"""A database that another program holds: reads go on, writers are asked to come back."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from floor import Floor
from held import held
from serving import Server, ranking, send

import app.store
from app.http.lanes import Lane
from app.store import DatabaseBusy
from app.study.types import Participant, Round

PEOPLE = 60  # more than the 40 threads that the server shares among everything else


@pytest.fixture
def server(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("CLPIPS_DATA", str(floor.store.settings.data_dir))
    monkeypatch.setattr(app.store, "WEB_SECONDS", 1.0)
    running = Server()
    yield running
    running.stop()


def crowd(floor: Floor) -> list[tuple[str, Participant, Round]]:
    study = floor.study(min_rounds=1, max_rounds=3)
    people = []
    for number in range(PEOPLE):
        token = f"a-secret-of-enough-characters-{number}"
        somebody, _ = floor.store.participants.create(study.id, token=token)
        floor.store.participants.consent(somebody.id)
        somebody = floor.store.participants.start(somebody.id)
        people.append((token, somebody, floor.board(somebody)))
    return people


def test_reads_go_on_and_writers_are_asked_to_come_back(server: Server, floor: Floor) -> None:
    people = crowd(floor)
    picture = people[0][2].candidates[0].image
    with ThreadPoolExecutor(PEOPLE) as pool:
        with held(floor.store):
            sent = [pool.submit(send, server, token, ranking(board)) for token, _, board in people]
            time.sleep(0.5)
            for path in ("/health", f"/img/{picture}.png", "/health"):
                begun = time.monotonic()
                assert server.get(path).status == 200, path
                assert time.monotonic() - begun < 2, path
            bearer = {"authorization": f"Bearer {people[0][0]}"}
            begun = time.monotonic()
            assert server.get(f"/api/round/{people[0][2].id}", **bearer).json["state"] == "ranking"
            assert time.monotonic() - begun < 2
            answers = [each.result() for each in sent]
        assert {answer.status for answer in answers} == {503}
        for answer in answers:
            assert int(answer.headers["retry-after"]) >= 1
            assert "rejected" not in answer.json
            assert "busy" in answer.json["error"]
        again = [pool.submit(send, server, token, ranking(board)) for token, _, board in people]
        outcomes = {each.result().json.get("outcome") for each in again}
    assert outcomes == {"saved"}
    assert all(floor.store.rounds.get(board.id).ranking for _, _, board in people)


def test_signing_in_is_asked_to_come_back_too(server: Server, floor: Floor) -> None:
    server.form("/auth/setup", {"password": "correct horse"})
    with held(floor.store):
        answer = server.form("/auth/login", {"password": "correct horse"})
    assert answer.status == 503
    assert "retry-after" in answer.headers
    assert b"busy" in answer.body


def test_a_full_lane_refuses_at_once() -> None:
    lane, leave = Lane("test", threads=1, waiting=0), threading.Event()

    async def crowd() -> None:
        first = asyncio.create_task(lane.run(leave.wait))
        await asyncio.sleep(0)
        with pytest.raises(DatabaseBusy):
            await lane.run(leave.wait)
        leave.set()
        assert await first
        assert await lane.run(lambda: 1) == 1

    asyncio.run(crowd())


def test_who_waited_too_long_in_a_lane_is_asked_to_come_back() -> None:
    lane, leave = Lane("test", threads=1, waiting=1, seconds=0.1), threading.Event()

    async def crowd() -> None:
        first = asyncio.create_task(lane.run(leave.wait))
        second = asyncio.create_task(lane.run(lambda: 1))
        await asyncio.sleep(0.2)
        leave.set()
        assert await first
        with pytest.raises(DatabaseBusy):
            await second

    asyncio.run(crowd())
