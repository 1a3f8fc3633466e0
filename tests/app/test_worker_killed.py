"""A worker that dies at any moment: every request still ends, once, drawn or with its reason."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from small_pipeline import save_small_pipeline
from staged import empty_study, person

from app.store import Store
from app.store.job_queue import MAX_ATTEMPTS
from app.study.types import Round, Study

PEOPLE = 6
WAIT_SECONDS = 240


@contextmanager
def working(data: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "CLPIPS_DATA": str(data), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-m", "app.worker"], env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def ask(store: Store, study: Study, count: int) -> list[int]:
    """Rounds that so many new people wait for."""
    asked = []
    for _ in range(count):
        somebody = person(store, study)
        trial = store.progress.of_participant(somebody.id).trial
        asked.append(store.rounds.request(somebody.id, trial.id, "a red house", request_id="r").id)
    return asked


def waiting(store: Store, asked: list[int]) -> list[Round]:
    rounds = [store.rounds.get(each) for each in asked]
    return [each for each in rounds if each.state == "generating"]


def ended(store: Store, study: Study, asked: list[int]) -> None:
    """Every request has ended once: with all its images, or failed with its reason."""
    jobs = {
        each.payload["round_id"]: each for each in store.jobs.latest(study.id, ["generate"], 1000)
    }
    assert len(jobs) == len(asked)
    for each in asked:
        board, job = store.rounds.get(each), jobs[each]
        if board.state == "ranking":
            assert (len(board.candidates), job.state) == (study.settings.candidates, "done")
            assert len({one.position for one in board.candidates}) == len(board.candidates)
        else:
            assert (board.state, job.state) == ("failed", "failed")
            assert board.message == f"the job was interrupted {MAX_ATTEMPTS} times"
            assert board.candidates == ()


def kill_at_random(store: Store, study: Study, *, kills: int, seed: int) -> list[int]:
    """Kill the worker that is at work so many times; returns all rounds that were asked for."""
    chance, asked = random.Random(seed), list[int]()
    data = store.settings.data_dir
    for _ in range(kills):
        if len(waiting(store, asked)) < PEOPLE:
            asked += ask(store, study, PEOPLE)
        with working(data):
            until = time.monotonic() + WAIT_SECONDS
            while not store.workers.alive(1.0) and time.monotonic() < until:
                time.sleep(0.02)
            time.sleep(chance.uniform(0.0, 1.5))
    return asked


def finish(store: Store) -> None:
    """Let one worker do what is left."""
    with working(store.settings.data_dir):
        until = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < until:
            jobs = store.jobs.latest(kinds=["generate"], limit=1000)
            if all(each.state not in ("queued", "running") for each in jobs):
                return
            time.sleep(0.1)


def test_a_worker_killed_a_few_times_loses_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    study = empty_study(store, side=256)
    asked = kill_at_random(store, study, kills=2, seed=1)
    finish(store)
    ended(store, study, asked)
    assert any(store.rounds.get(each).state == "ranking" for each in asked)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("maker", ["scenes", "diffusers"])
def test_a_worker_killed_fifty_times_loses_nothing(tmp_path: Path, maker: str) -> None:
    store = Store(tmp_path / "data")
    name, options = "scenes", {}
    if maker == "diffusers":
        name = f"diffusers:{save_small_pipeline(tmp_path / 'small')}"
        options = {"steps": 30, "native_size": True}
    study = empty_study(store, side=256, maker=name, maker_options=options)
    asked = kill_at_random(store, study, kills=25, seed=2)
    finish(store)
    ended(store, study, asked)
