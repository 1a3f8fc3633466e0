from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import pytest
from clock import set_clock
from held import held
from PIL import Image
from small_disks import fill, small_disk
from staged import add_vectors, empty_study, person, picture, ranked_study

from app import worker as worker_module
from app.jobs import lease
from app.store import Store
from app.study.types import Job, JobKind, Round
from app.worker import Worker, is_gone
from clpips.errors import StudyError
from clpips.progress import Watch

PATIENCE = 600.0  # seconds: an event that has not come by then never will
pytestmark = pytest.mark.timeout(900)

Work = Callable[[Store, Job, Watch], dict[str, Any]]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


@contextmanager
def working(store: Store) -> Iterator[Worker]:
    """A worker at work in threads of this process."""
    worker = Worker(store.settings)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def wait_for(reached: Callable[[], bool], *, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def ended(store: Store, job: Job) -> bool:
    return store.jobs.get(job.id).state not in ("queued", "running")


def does(monkeypatch: pytest.MonkeyPatch, work: Work) -> None:
    """Let every job do this instead."""
    monkeypatch.setattr(worker_module, "work_of", lambda kind: work)


def until_cancelled(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
    while True:
        watch.report(0.5, "half-way")
        time.sleep(0.02)


def asked_round(store: Store, **settings: int) -> Round:
    study = empty_study(store, targets=1, **settings)
    somebody = person(store, study)
    trial = store.progress.of_participant(somebody.id).trial
    assert trial is not None
    return store.rounds.request(somebody.id, trial.id, "a red ball", request_id="click")


def test_a_job_that_breaks_fails_with_one_sentence_and_the_worker_goes_on(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def work(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
        if job.payload["bad"]:
            raise ZeroDivisionError("a secret detail")
        return {"ok": True}

    does(monkeypatch, work)
    bad, good = store.jobs.enqueue("fit", {"bad": True}), store.jobs.enqueue("fit", {"bad": False})
    with working(store):
        wait_for(lambda: ended(store, good))
    failed = store.jobs.get(bad.id)
    assert failed.state == "failed"
    assert failed.message == (
        "The metric could not be fitted because of an unexpected error (ZeroDivisionError)."
    )
    assert store.jobs.get(good.id).result == {"ok": True}
    assert "a secret detail" in caplog.text and "Traceback" in caplog.text


def test_an_error_raised_on_purpose_is_told_in_its_own_words(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
        raise StudyError("a hat must have a brim, got none")

    does(monkeypatch, work)
    asked = asked_round(store)
    worker = Worker(store.settings)
    assert worker.do_next(["generate"])
    assert not worker.do_next(["generate"])
    made = store.rounds.get(asked.id)
    assert (made.state, made.message) == ("failed", "a hat must have a brim, got none")


def test_a_cancelled_job_stops_soon_and_says_so(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    does(monkeypatch, until_cancelled)
    job = store.jobs.enqueue("fit", {})
    with working(store):
        wait_for(lambda: store.jobs.get(job.id).message == "half-way")
        store.jobs.cancel(job.id)
        wait_for(lambda: ended(store, job))
    assert store.jobs.get(job.id).state == "cancelled"


def test_a_worker_that_is_told_to_stop_puts_its_job_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "STOP_SECONDS", PATIENCE)
    does(monkeypatch, until_cancelled)
    job = store.jobs.enqueue("fit", {})
    worker, all_ended = Worker(store.settings), list[bool]()
    thread = threading.Thread(target=lambda: all_ended.append(worker.run()))
    thread.start()
    wait_for(lambda: store.jobs.get(job.id).state == "running")
    assert len(store.workers.alive()) == 1
    worker.stop()
    thread.join(PATIENCE)
    assert all_ended == [True]
    assert (store.jobs.get(job.id).state, store.jobs.get(job.id).attempts) == ("queued", 0)
    assert store.workers.alive() == ()


def test_a_long_silent_step_does_not_lose_the_job(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "LEASE_SECONDS", 1000.0)
    monkeypatch.setattr(lease, "LEASE_SECONDS", 1000.0)
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.0)
    monkeypatch.setattr(worker_module, "LEASES_SECONDS", 0.02)
    over, renewals, renew = threading.Event(), list[int](), lease.JobWatch.renew

    def silent(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
        over.wait(PATIENCE)
        return {}

    def counted(watch: lease.JobWatch) -> None:
        renew(watch)
        renewals.append(watch.job.id)

    does(monkeypatch, silent)
    monkeypatch.setattr(lease.JobWatch, "renew", counted)
    job = store.jobs.enqueue("fit", {})
    with working(store):
        wait_for(lambda: store.jobs.get(job.id).state == "running")
        for at in (900.0, 1800.0, 2700.0):
            set_clock(monkeypatch, at)
            done = len(renewals) + 2  # the first of them may have begun before
            wait_for(lambda done=done: len(renewals) >= done)
            assert store.jobs.claim("thief", ["fit"]) is None
        over.set()
        wait_for(lambda: ended(store, job))
    assert (store.jobs.get(job.id).state, store.jobs.get(job.id).attempts) == ("done", 1)


def test_drawing_does_not_wait_behind_a_fit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    really = worker_module.work_of
    monkeypatch.setattr(
        worker_module, "work_of", lambda kind: until_cancelled if kind == "fit" else really(kind)
    )
    fit = store.jobs.enqueue("fit", {})
    with working(store):
        wait_for(lambda: store.jobs.get(fit.id).state == "running")
        asked = asked_round(store)
        wait_for(lambda: store.rounds.get(asked.id).state == "ranking")
        assert store.jobs.get(fit.id).state == "running"


def test_a_fit_does_not_wait_behind_a_comparison(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
        return until_cancelled(store, job, watch) if job.kind == "compare" else {}

    does(monkeypatch, work)
    comparison = store.jobs.enqueue("compare", {})
    with working(store):
        wait_for(lambda: store.jobs.get(comparison.id).state == "running")
        fit = store.jobs.enqueue("fit", {})
        wait_for(lambda: ended(store, fit))
        assert store.jobs.get(comparison.id).state == "running"
        store.jobs.cancel(comparison.id)
        wait_for(lambda: ended(store, comparison))


def test_a_worker_fits_compares_and_compares_again_what_came_meanwhile(store: Store) -> None:
    study = ranked_study(store, people=2, targets=2)
    add_vectors(store, study)
    for scope in ("each", "pooled"):
        payload = {"study_id": study.id, "scope": scope, "participant_id": None}
        store.jobs.enqueue("fit", payload, study_id=study.id)

    def compared() -> set[int]:
        jobs = store.jobs.latest(study.id, kinds=["compare"])
        return {each for job in jobs if job.state == "done" for each in job.result["fits"]}

    def parts() -> dict[int, Any]:
        return store.comparisons.of_fits(each.id for each in store.fits.of_study(study.id))

    with working(store):
        wait_for(lambda: len(compared()) == 3)
    assert compared() == {each.id for each in store.fits.of_study(study.id)} == set(parts())
    assert {job.state for job in store.jobs.latest(study.id)} == {"done"}


def test_two_workers_do_every_job_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []

    def work(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
        done.append(job.id)
        return {}

    does(monkeypatch, work)
    made = [store.jobs.enqueue("export", {}) for _ in range(20)]
    with working(store), working(store):
        wait_for(lambda: all(ended(store, job) for job in made))
    assert sorted(done) == [job.id for job in made]


def test_kinds_take_turns_however_often_one_is_asked_for_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export waited for minutes behind fits that were asked for again and again."""
    taken: list[JobKind] = []

    def work(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
        taken.append(job.kind)
        if job.kind in ("guide", "fit", "explain"):
            store.jobs.enqueue(job.kind, {})
        return {}

    does(monkeypatch, work)
    asked: tuple[JobKind, ...] = ("guide", "guide", "fit", "fit", "explain", "export")
    made = [store.jobs.enqueue(kind, {}) for kind in asked]
    with working(store):
        wait_for(lambda: all(ended(store, job) for job in made), seconds=60)
    assert taken[:4] == ["guide"] * 4
    assert taken.index("export") <= 4 * 5  # four of them urgent, and one of the other kinds


def test_regeneration_has_a_turn_while_people_keep_asking_for_images(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[JobKind] = []

    def work(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
        taken.append(job.kind)
        if job.kind == "generate":
            store.jobs.enqueue("generate", {})
        return {}

    does(monkeypatch, work)
    store.jobs.enqueue("generate", {})
    waiting = store.jobs.enqueue("regenerate", {})
    with working(store):
        wait_for(lambda: ended(store, waiting), seconds=60)
    assert taken[:5] == ["generate"] * 4 + ["regenerate"]


def test_a_store_that_stumbles_does_not_end_the_worker(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker_module, "TROUBLE_SECONDS", 0.05)
    does(monkeypatch, lambda store, job, watch: {})
    job = store.jobs.enqueue("export", {})
    with working(store) as worker:
        claim, stumbles = worker.store.jobs.claim, iter([True, True])

        def claim_later(*given: Any, **options: Any) -> Job | None:
            if next(stumbles, False):
                raise OSError("disk full")
            return claim(*given, **options)

        monkeypatch.setattr(worker.store.jobs, "claim", claim_later)
        job = store.jobs.enqueue("export", {})
        wait_for(lambda: ended(store, job))
    assert "loop failed" in caplog.text


def test_a_locked_database_fails_no_job(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "TROUBLE_SECONDS", 0.05)
    begun, tried = threading.Event(), []

    def work(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
        tried.append(job.attempts)
        begun.set()
        time.sleep(0.2)
        with store.access.write() as db:  # as for the images that it made
            db.execute("UPDATE study SET title = title")
        return {"ok": True}

    does(monkeypatch, work)
    job = store.jobs.enqueue("fit", {})
    with working(store) as worker:
        worker.store.access.patience = 0.3
        assert begun.wait(PATIENCE)
        with held(store):
            time.sleep(1.5)
        wait_for(lambda: ended(store, job))
    done = store.jobs.get(job.id)
    assert (done.state, done.result) == ("done", {"ok": True})
    assert set(tried) == {1}


def test_a_worker_goes_on_after_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "TROUBLE_SECONDS", 0.05)
    tried = threading.Event()

    def work(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
        tried.set()
        watch.preview(lambda: Image.new("RGB", (64, 64)))
        for seed in range(4):
            picture(store, seed)
        return {"ok": True}

    does(monkeypatch, work)
    with small_disk(tmp_path / "disk") as disk:
        store = Store(disk / "data")
        job = store.jobs.enqueue("generate", {})
        made = [store.jobs.enqueue("fit", {}) for _ in range(3)]
        ballast = fill(disk)
        with working(store):
            time.sleep(1.0)
            assert store.jobs.get(job.id).state in ("queued", "running")
            ballast.unlink()
            wait_for(lambda: all(ended(store, each) for each in (job, *made)))
            assert tried.is_set()
        assert {each.state for each in store.jobs.latest()} == {"done"}


def test_a_disk_that_fills_up_during_a_job_fails_no_generation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "TROUBLE_SECONDS", 0.05)
    begun, filled = threading.Event(), threading.Event()

    def work(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
        begun.set()
        assert filled.wait(PATIENCE)
        watch.preview(lambda: Image.new("RGB", (64, 64)))
        picture(store, 1)
        return {"attempts": job.attempts}

    does(monkeypatch, work)
    with small_disk(tmp_path / "disk") as disk:
        store = Store(disk / "data")
        job = store.jobs.enqueue("generate", {})
        with working(store):
            assert begun.wait(PATIENCE)
            ballast = fill(disk)
            filled.set()
            time.sleep(1.0)
            ballast.unlink()
            wait_for(lambda: ended(store, job))
        done = store.jobs.get(job.id)
        assert (done.state, done.result) == ("done", {"attempts": 1})


@contextmanager
def process(store: Store) -> Iterator[subprocess.Popen[bytes]]:
    environ = {**os.environ, "CLPIPS_DATA": str(store.settings.data_dir)}
    started = subprocess.Popen([sys.executable, "-m", "app.worker"], env=environ)
    try:
        yield started
    finally:
        started.kill()
        started.wait(PATIENCE)


def test_a_worker_process_draws_and_ends_with_zero_when_told(store: Store) -> None:
    asked = asked_round(store)
    with process(store) as running:
        wait_for(lambda: store.rounds.get(asked.id).state == "ranking")
        running.send_signal(signal.SIGTERM)
        assert running.wait(PATIENCE) == 0
    assert len(store.rounds.get(asked.id).candidates) == 4
    assert store.workers.alive() == ()
    assert not [job for job in store.jobs.latest() if job.state == "running"]
    log = (store.settings.logs / "worker.log").read_text()
    assert "(generate) is done" in log and "stops" in log


def test_a_killed_workers_job_is_picked_up_by_the_next_one(store: Store) -> None:
    asked = asked_round(store, candidates=9, side=1024)
    (job,) = store.jobs.latest()
    with process(store) as doomed:
        wait_for(lambda: store.jobs.get(job.id).progress > 0.1)
        (name,) = store.workers.alive()
        doomed.send_signal(signal.SIGKILL)
        doomed.wait(PATIENCE)
    assert store.jobs.get(job.id).state == "running"  # nobody has noticed yet
    assert store.rounds.get(asked.id).candidates == ()
    store.jobs.heartbeat(job.id, name, progress=0.0, lease_seconds=0.0)  # fifteen seconds later
    with process(store) as heir:
        wait_for(lambda: store.jobs.get(job.id).progress > 0.1)
        assert store.jobs.get(job.id).attempts == 2
        for each in (signal.SIGINT, signal.SIGTERM):  # as Ctrl+C under a supervisor does
            heir.send_signal(each)
        assert heir.wait(PATIENCE) == 0
    assert (store.jobs.get(job.id).state, store.jobs.get(job.id).attempts) == ("queued", 1)


def test_a_worker_that_cannot_begin_says_why(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("not a folder")
    done = subprocess.run(
        [sys.executable, "-m", "app.worker"],
        env={**os.environ, "CLPIPS_DATA": str(place)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip() == f"CLPIPS_DATA must be a folder, got the file '{place}'"


def test_a_worker_leaves_a_folder_that_it_refuses_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "images" / "ab").mkdir(parents=True)
    (tmp_path / "images" / "ab" / "abcd.png").touch()
    (tmp_path / "clpips.sqlite").touch()
    before = sorted(tmp_path.rglob("*"))
    done = subprocess.run(
        [sys.executable, "-m", "app.worker"],
        env={**os.environ, "CLPIPS_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("the database must not be empty beside the images")
    assert sorted(tmp_path.rglob("*")) == before


def test_only_a_process_of_this_machine_that_has_ended_is_gone() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    host = socket.gethostname()
    assert is_gone(f"{host}-{ended.pid}-abcdef")
    assert not is_gone(f"{host}-{os.getpid()}-abcdef")
    assert not is_gone(f"elsewhere-{ended.pid}-abcdef")
    assert not is_gone("one") and not is_gone(f"{host}-x-abcdef")


def test_a_restarted_worker_goes_on_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    does(monkeypatch, lambda store, job, watch: {"ok": True})
    ended_process = subprocess.Popen([sys.executable, "-c", ""])
    ended_process.wait()
    job = store.jobs.enqueue("fit", {})
    dead = f"{socket.gethostname()}-{ended_process.pid}-abcdef"
    assert store.jobs.claim(dead, ["fit"], lease_seconds=3_600)
    with working(store):
        wait_for(lambda: ended(store, job))
    assert store.jobs.get(job.id).result == {"ok": True}


def test_every_kind_of_job_has_a_loop_and_words_for_when_it_breaks() -> None:
    kinds = sorted(kind for loop in worker_module.LOOPS for kind in loop)
    assert kinds == sorted(get_args(JobKind))
    for kind in kinds:
        assert "because of an unexpected error" in worker_module.broken(kind, OSError())


@pytest.mark.parametrize(("maker", "is_prepared"), [("scenes", False), ("tiny", True)])
def test_an_idle_worker_prepares_for_the_models_of_open_studies(
    store: Store, monkeypatch: pytest.MonkeyPatch, maker: str, is_prepared: bool
) -> None:
    imported: list[str] = []
    monkeypatch.setattr(worker_module.importlib, "import_module", imported.append)
    worker = Worker(store.settings)
    closed = empty_study(store, maker="diffusers:somebody/some-model")
    store.studies.set_open(closed.id, False)
    worker._prepare()
    assert imported == []
    empty_study(store, maker=maker)
    worker._prepare()  # it looks again only after a while
    assert imported == []
    worker._look_again = 0.0
    worker._prepare()
    worker._look_again = 0.0
    worker._prepare()
    if worker._preparing is not None:
        worker._preparing.join(PATIENCE)
    assert imported == (["clpips.generation.diffusion.pipeline"] if is_prepared else [])


def test_the_loop_goes_on_while_the_worker_prepares(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = threading.Event()
    monkeypatch.setattr(worker_module, "_ready_for_diffusion", lambda: ready.wait(PATIENCE))
    empty_study(store, maker="tiny")
    worker = Worker(store.settings)
    worker._prepare()
    assert worker._preparing is not None and worker._preparing.is_alive()
    ready.set()
