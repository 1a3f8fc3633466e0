"""``python -m app``: two processes that start, live and stop together."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from floor import Floor
from running import RunningApp, free_port
from sql import run_sql
from staged import empty_study, person

from app.store import Store
from app.study.types import Study

ROOT = Path(__file__).parents[2]


def run(data: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it from another folder until it ends by itself."""
    wanted = {**os.environ, "CLPIPS_DATA": str(data), **environment}
    command = [sys.executable, "-m", "app"]
    elsewhere = {**wanted, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=data.parent, env=elsewhere, capture_output=True, text=True, timeout=120
    )


def workers(store: Store, count: int, *, other_than: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Wait until so many workers are alive; their names."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        alive = tuple(name for name in store.workers.alive(8) if name not in other_than)
        if len(alive) == count:
            return alive
        time.sleep(0.2)
    raise AssertionError(f"{store.workers.alive()} are alive, {count} were expected")


def wait_until(reached: Callable[[], bool]) -> None:
    until = time.monotonic() + 120
    while not reached():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


def asked_for(store: Store, study: Study) -> int:
    """A board that a new participant waits for."""
    somebody = person(store, study)
    trial = store.progress.of_participant(somebody.id).trial
    assert trial is not None
    return store.rounds.request(somebody.id, trial.id, "a red house", request_id="r").id


def drawn(store: Store, asked: list[int]) -> int:
    return sum(store.rounds.get(each).state == "ranking" for each in asked)


def pids(process: int) -> list[int]:
    """The children of a process."""
    listed = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii")
    return [int(child) for child in listed.split()]


def is_worker(process: int) -> bool:
    return b"app.worker" in Path(f"/proc/{process}/cmdline").read_bytes()


def test_a_port_that_is_taken_is_one_sentence_and_status_2(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run(tmp_path / "data", PORT=port)
    assert done.returncode == 2
    assert port in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("environment", "word"),
    [
        ({"PORT": "many"}, "PORT"),
        ({"CLPIPS_ADDRESS": "0.0.0.0"}, "CLPIPS_RESEARCHER_PASSWORD"),
        ({"CLPIPS_RESEARCHER_PASSWORD": "short"}, "password"),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_status_2(
    tmp_path: Path, environment: dict[str, str], word: str
) -> None:
    done = run(tmp_path / "data", **{"PORT": str(free_port()), **environment})
    assert done.returncode == 2
    assert word in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_folder_that_cannot_be_made_is_one_sentence_and_status_2(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run(tmp_path / "data", PORT=str(free_port()), CLPIPS_DATA=str(tmp_path / "file" / "in"))
    assert done.returncode == 2
    assert str(tmp_path / "file" / "in") in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks into Linux's /proc")
@pytest.mark.parametrize("kind", ["empty", "damaged", "without its images"])
def test_a_data_folder_that_is_unsound_is_one_sentence_and_status_2(
    tmp_path: Path, kind: str
) -> None:
    floor = Floor(Store(tmp_path / "used"))
    floor.study(targets=20)
    data = tmp_path / "data"
    shutil.copytree(floor.store.settings.images, data / "images")
    run_sql(floor.store.path, "PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(floor.store.path.read_bytes())
    if kind == "empty":
        content.clear()
    elif kind == "damaged":
        middle = len(content) // 2
        content[middle : middle + 8192] = bytes(range(256)) * 32
    else:
        shutil.rmtree(data / "images")
    (data / "clpips.sqlite").write_bytes(content)
    before = sorted(data.rglob("*"))
    done = run(data, PORT=str(free_port()))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "backup" in line
    assert sorted(data.rglob("*")) == before
    assert (data / "clpips.sqlite").read_bytes() == content


def start_together(data: Path, *ports: int) -> list[subprocess.Popen[str]]:
    return [
        subprocess.Popen(
            [sys.executable, "-m", "app"],
            env={**os.environ, "CLPIPS_DATA": str(data), "PORT": str(port)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for port in ports
    ]


def said(process: subprocess.Popen[str]) -> str:
    """The first line on standard output."""
    assert process.stdout is not None
    return process.stdout.readline()


def test_two_programs_started_together_on_a_new_folder_both_work(tmp_path: Path) -> None:
    data, ports = tmp_path / "data", (free_port(), free_port())
    started = start_together(data, *ports)
    try:
        assert [said(each) for each in started] == [
            f"Open http://127.0.0.1:{port}\n" for port in ports
        ]
        store = Store(data)
        workers(store, 2)
        assert len({study.title for study in store.studies.all()}) == len(store.studies.all()) == 2
    finally:
        for each in started:
            each.terminate()
        complaints = [each.communicate(timeout=60)[1] for each in started]
    assert complaints == ["", ""]


def test_of_two_programs_started_together_on_one_port_one_says_why_it_ends(tmp_path: Path) -> None:
    port = free_port()
    started = start_together(tmp_path / "data", port, port)
    try:
        until = time.monotonic() + 120
        while all(each.poll() is None for each in started) and time.monotonic() < until:
            time.sleep(0.1)
        (refused,) = (each for each in started if each.poll() is not None)
        assert refused.returncode in (1, 2)
        assert str(port) in refused.communicate()[1]
        (other,) = (each for each in started if each is not refused)
        assert said(other) == f"Open http://127.0.0.1:{port}\n"
    finally:
        for each in started:
            each.terminate()
            each.communicate(timeout=60)


def test_a_killed_worker_comes_back_and_both_stop_together(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with RunningApp(data) as app:
        assert app.process is not None
        store = Store(data)
        first = workers(store, 1)
        both = pids(app.process.pid)
        assert len(both) == 2
        os.kill(next(child for child in both if is_worker(child)), signal.SIGKILL)
        workers(store, 1, other_than=first)
        both = pids(app.process.pid)
        app.process.send_signal(signal.SIGTERM)
        assert app.process.wait(120) == 0
    log = app.log.read_text(encoding="utf-8")
    assert log.count(f"Open {app.url}\n") == 1
    assert "The worker stopped" in log
    assert not any(Path(f"/proc/{child}").exists() for child in both)


def test_several_workers_share_the_jobs_and_one_that_is_killed_loses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLPIPS_WORKERS", "2")
    data = tmp_path / "data"
    data.mkdir()
    with RunningApp(data) as app:
        assert app.process is not None
        store = Store(data)
        first = workers(store, 2)
        study = empty_study(store, targets=1, candidates=4, side=256)
        asked = [asked_for(store, study) for _ in range(20)]
        wait_until(lambda: drawn(store, asked) >= 3)
        victim = next(child for child in pids(app.process.pid) if is_worker(child))
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: drawn(store, asked) == len(asked))
        gone = next(name for name in first if f"-{victim}-" in name)
        assert len(workers(store, 2, other_than=(gone,))) == 2
    jobs = store.jobs.latest(study.id, ["generate"], 100)
    assert sorted(job.payload["round_id"] for job in jobs) == sorted(asked)
    assert {job.state for job in jobs} == {"done"}
    assert sum(job.attempts for job in jobs) <= len(asked) + 1  # the killed worker's job
    boards = [store.rounds.get(each).candidates for each in asked]
    assert {len(board) for board in boards} == {4}
    log = (data / "logs" / "worker.log").read_text(encoding="utf-8")
    assert all(log.count(f"job {job.id} (generate) is done") == 1 for job in jobs)


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux to end orphans")
def test_a_killed_supervisor_leaves_no_process_behind(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with RunningApp(data) as app:
        assert app.process is not None
        both = pids(app.process.pid)
        app.process.kill()
        until = time.monotonic() + 120
        while any(Path(f"/proc/{child}").exists() for child in both):
            assert time.monotonic() < until, "a process outlived its supervisor"
            time.sleep(0.1)
