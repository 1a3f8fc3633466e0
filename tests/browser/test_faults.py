"""A locked database, a killed worker and a full disk while twenty people rank: nothing is lost."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import random
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from held import held
from people import Person, Timings
from running import RunningApp
from small_disks import fill, small_disk
from sql import run_sql
from test_never_lost import add_picture

from app.store import Store, StoreUnavailable
from app.study.settings import StudySettings

DATABASE = "data/clpips.sqlite"
PEOPLE = 20
PATIENCE = 120.0
FULL_SECONDS = 5.0
SLOWEST = 20.0  # seconds for a page or a picture, on a busy machine

Answer = tuple[int, dict[str, Any]]


def ask(app: RunningApp, method: str, path: str, token: str = "", body: Any = None) -> Answer:
    """One request; the status and the JSON answer, if it is JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=30)
    try:
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        got = connection.getresponse()
        content = got.read()
        is_json = "json" in (got.getheader("content-type") or "")
        return got.status, json.loads(content) if is_json else {}
    finally:
        connection.close()


def wait_for(reached: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.1)


@dataclass
class Ranker:
    """One participant, whose rankings are sent as the board's outbox does: until it is told."""

    app: RunningApp
    store: Store
    token: str
    rng: random.Random
    acknowledged: dict[int, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    put_off: set[str] = field(default_factory=set)

    def take_part(self, enough: threading.Event) -> None:
        while not enough.is_set():
            self.one_round()

    def one_round(self) -> None:
        round_id = self.request()
        board = self.ready_board(round_id)
        time.sleep(self.rng.uniform(0.1, 0.6))
        shown = [one["id"] for one in board["candidates"]]
        order = self.rng.sample(shown, len(shown))
        body = {
            "uuid": uuid.uuid4().hex,
            "round": round_id,
            "order": order,
            "ranks": list(range(1, len(order) + 1)),
            "shown": shown,
            "replaces": None,
            "elapsed_ms": 1000,
            "input": {},
        }
        self.send(body)
        self.acknowledged[round_id] = (str(body["uuid"]), tuple(order))

    def request(self) -> int:
        """Press *Generate*, again where the page says that nothing can be stored."""
        person = self.store.participants.by_token(self.token)
        assert person is not None
        trial = self.store.progress.of_participant(person.id).trial
        assert trial is not None
        click, until = uuid.uuid4().hex, time.monotonic() + PATIENCE
        while True:
            try:
                made = self.store.rounds.request(person.id, trial.id, "a hat", request_id=click)
            except StoreUnavailable:
                assert time.monotonic() < until
                time.sleep(0.5)
            else:
                return made.id

    def ready_board(self, round_id: int) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE
        while True:
            status, board = ask(self.app, "GET", f"/api/round/{round_id}", self.token)
            assert status == 200, (status, board)  # reading always goes on
            if board["state"] == "ranking":
                return board
            assert board["state"] == "generating", board
            assert time.monotonic() < until, "the images were not made in time"
            time.sleep(0.4)

    def send(self, body: dict[str, Any]) -> None:
        until = time.monotonic() + PATIENCE
        while True:
            status, answer = ask(self.app, "POST", "/api/submit", self.token, body)
            if status == 200:
                assert answer["outcome"] in ("saved", "duplicate"), answer
                return
            assert status == 503 and "rejected" not in answer, (status, answer)
            self.put_off.add(answer["error"])
            assert time.monotonic() < until
            time.sleep(0.3)


@dataclass
class Watcher:
    """Asks for a page, a picture and the health all the time."""

    app: RunningApp
    picture: str
    slowest: float = 0.0
    wrong: list[tuple[str, int]] = field(default_factory=list)
    reasons: set[str] = field(default_factory=set)

    def watch(self, enough: threading.Event) -> None:
        while not enough.wait(0.2):
            for path in ("/", f"/img/{self.picture}.png", "/health"):
                begun = time.monotonic()
                status, answer = ask(self.app, "GET", path)
                self.slowest = max(self.slowest, time.monotonic() - begun)
                if path == "/health":
                    self.reasons.add(answer.get("reason", ""))
                if status != 200 and (path, status) != ("/health", 503):
                    self.wrong.append((path, status))


async def sees_the_board(person: Person) -> None:
    """Open the person's page as a browser does."""
    async with person.connect() as person.socket:
        await person.run()
        assert person.board()["state"] == "ranking"


@contextmanager
def ranking_crowd(
    app: RunningApp, store: Store
) -> Iterator[tuple[list[Ranker], Watcher, Callable[[], None]]]:
    """Twenty people who go on ranking until the block ends, and somebody with an open page."""
    picture = add_picture(store, 1)
    settings = StudySettings(image_size=64, candidates=3, min_rounds=1, max_rounds=50)
    study = store.studies.create("Crowd", settings, [("t", picture)])
    people = []
    for number in range(PEOPLE + 1):
        somebody, token = store.participants.create(study.id)
        store.participants.consent(somebody.id)
        store.participants.start(somebody.id)
        people.append(Ranker(app, store, token, random.Random(number)))
    *rankers, onlooker = people
    onlooker.ready_board(onlooker.request())
    watcher, enough = Watcher(app, picture), threading.Event()

    def look() -> None:
        host = app.url.removeprefix("http://")
        asyncio.run(sees_the_board(Person(host, onlooker.token, Timings(), random.Random(0))))

    with ThreadPoolExecutor(PEOPLE + 1) as threads:
        work = [threads.submit(each.take_part, enough) for each in rankers]
        work.append(threads.submit(watcher.watch, enough))
        try:
            yield rankers, watcher, look
        finally:
            enough.set()
        for each in work:
            each.result(PATIENCE)


def put_off(rankers: list[Ranker]) -> str:
    """What people were told instead of having their ranking stored."""
    return " ".join(set().union(*(each.put_off for each in rankers)))


def total(rankers: list[Ranker]) -> int:
    return sum(len(each.acknowledged) for each in rankers)


def goes_on(rankers: list[Ranker]) -> None:
    """Wait until everybody has got another ranking stored."""
    before = [len(each.acknowledged) for each in rankers]
    wait_for(
        lambda: all(
            len(each.acknowledged) > count for each, count in zip(rankers, before, strict=True)
        )
    )


def lock_the_database(store: Store, rankers: list[Ranker], look: Callable[[], None]) -> None:
    """Hold the write lock until a ranking was refused."""
    with held(store):
        look()
        wait_for(lambda: "database is busy" in put_off(rankers))


def kill_the_worker(app: RunningApp, store: Store) -> None:
    wait_for(lambda: any(job.state == "running" for job in store.jobs.latest(limit=30)))
    os.kill(app.children()["worker"], signal.SIGKILL)


def fill_the_disk(disk: Path, rankers: list[Ranker], look: Callable[[], None]) -> None:
    """Fill it until a ranking was refused; SQLite's log must not have room of its own left."""
    wait_for(lambda: run_sql(disk / DATABASE, "PRAGMA wal_checkpoint(TRUNCATE)")[0][0] == 0)
    ballast = fill(disk)
    try:
        look()
        wait_for(lambda: "disk is full" in put_off(rankers))
        time.sleep(FULL_SECONDS)
    finally:
        ballast.unlink()


def check_stored(store: Store, rankers: list[Ranker]) -> None:
    """Every acknowledged ranking is there once, as it was sent, and no round failed."""
    for each in rankers:
        person = store.participants.by_token(each.token)
        assert person is not None
        found = {
            ranked.round.id: ranked.round.ranking
            for ranked in store.rounds.ranked(person.study_id, person.id)
        }
        assert {
            number: (ranking.uuid, ranking.order)
            for number, ranking in found.items()
            if ranking is not None
        } == each.acknowledged
    jobs = store.jobs.latest(kinds=["generate"], limit=10_000)
    assert {job.state for job in jobs} == {"done"}
    assert run_sql(store.path, "PRAGMA integrity_check") == [("ok",)]
    assert run_sql(store.path, "SELECT count(*) FROM round WHERE state = 'failed'") == [(0,)]


@pytest.mark.timeout(300)
def test_faults_during_twenty_peoples_ranking_lose_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", megabytes=64) as disk:
        data = (disk / DATABASE).parent
        data.mkdir()
        with RunningApp(data) as app:
            store = Store(app.data_dir, patience=1.0)
            with ranking_crowd(app, store) as (rankers, watcher, look):
                goes_on(rankers)
                lock_the_database(store, rankers, look)
                goes_on(rankers)
                kill_the_worker(app, store)
                goes_on(rankers)
                fill_the_disk(disk, rankers, look)
                goes_on(rankers)
            app.wait_until_healthy()
            check_stored(store, rankers)
    assert any("disk is full" in reason for reason in watcher.reasons)
    assert watcher.wrong == []
    assert watcher.slowest < SLOWEST
    assert total(rankers) >= 4 * PEOPLE
