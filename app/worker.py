"""The worker process: ``python -m app.worker``. Its jobs are rows in the store.

Three loops run in threads. One generates images, so that participants never wait behind a fit. One
runs background jobs that take minutes (a simulated study, a comparison, a backup, an identity
ranking), so that researchers do not wait behind them. The third runs all other jobs that need
torch. A fourth thread renews the leases. Within a loop, kinds of jobs take turns. Several workers
may share one data folder; each job is held by one at a time.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import logging
import logging.handlers
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from types import FrameType
from typing import Any

from app.jobs.lease import LEASE_SECONDS, JobWatch
from app.settings import Settings
from app.store import Store, StoreUnavailable
from app.study.job_turns import Turns
from app.study.types import Job, JobKind
from clpips.errors import Cancelled, ClpipsError
from clpips.generation.names import kind_of
from clpips.progress import Watch

LOOPS: tuple[tuple[JobKind, ...], ...] = (
    ("generate", "regenerate"),
    ("guide", "vectors", "fit", "export", "explain", "selftest"),
    ("simulate", "compare", "backup", "identity"),
)
REQUEUED_KINDS: tuple[JobKind, ...] = ("vectors", "compare")
"""Job kinds that may be requested again while they run, and are then repeated."""
IDLE_SECONDS = 0.15
TROUBLE_SECONDS = 2.0
LEASES_SECONDS = 1.0
SEEN_SECONDS = 5.0
STOP_SECONDS = 4.0
PREPARE_SECONDS = 5.0  # between checks of the open studies' makers
SLOW_TO_START = frozenset({"diffusers", "tiny"})
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
NICENESS = 10
LOG_BYTES = 2_000_000

log = logging.getLogger("clpips.worker")

Work = Callable[[Store, Job, Watch], dict[str, Any]]


class Worker:
    """Claims and runs jobs until it is asked to stop.

    Args:
        settings: names the data folder.
        name: unique among workers; ``None`` generates one.
    """

    def __init__(self, settings: Settings, *, name: str | None = None) -> None:
        self.store = Store(settings)
        self.name = name or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self.stopping = threading.Event()
        self._running: set[JobWatch] = set()
        self._lock = threading.Lock()
        self._preparing: threading.Thread | None = None
        self._look_again = 0.0

    def run(self) -> bool:
        """Run jobs until :meth:`stop`, then requeue unfinished ones.

        Returns:
            Whether every thread has ended; one inside a library call may not notice at once.
        """
        log.info("%s starts in %s", self.name, self.store.settings.data_dir)
        self._insist(self._begin)
        threads = [
            threading.Thread(target=self._loop, args=(kinds,), name=kinds[0], daemon=True)
            for kinds in LOOPS
        ]
        for thread in threads:
            thread.start()
        self._keep_leases()
        for thread in threads:
            thread.join(STOP_SECONDS / len(threads))
        self._release()
        if self._preparing is not None:
            threads.append(self._preparing)
        return not any(thread.is_alive() for thread in threads)

    def _begin(self) -> None:
        """Take up the jobs of dead workers; show that this one is alive before any job runs."""
        lost = self.store.jobs.reclaim_from(is_gone)
        if lost:
            log.warning("%d jobs reclaimed from dead workers", lost)
        self.store.workers.mark_alive(self.name)

    def _release(self) -> None:
        try:
            count = self.store.jobs.release(self.name)
        except StoreUnavailable as reason:  # the leases will expire, or the next worker notices
            log.warning("%s stops, and could not requeue its jobs: %s", self.name, reason)
        else:
            log.info("%s stops, %d jobs requeued", self.name, count)

    def stop(self) -> None:
        """Ask every thread to end."""
        self.stopping.set()

    def do_next(self, kinds: Sequence[JobKind]) -> bool:
        """Claim and run one job of these kinds; ``False`` if there was none."""
        return self._do_next(kinds) is not None

    def _do_next(self, kinds: Sequence[JobKind]) -> JobKind | None:
        """Claim and run one job; its kind."""
        job = self.store.jobs.claim(self.name, kinds, lease_seconds=LEASE_SECONDS)
        if job is None:
            return None
        watch = JobWatch(self.store, job, self.name, self.stopping)
        with self._lock:
            self._running.add(watch)
        try:
            self._do(job, watch)
        finally:
            with self._lock:
                self._running.discard(watch)
            watch.ended()
        return job.kind

    def _do(self, job: Job, watch: JobWatch) -> None:
        try:
            result = work_of(job.kind)(self.store, job, watch.watch())
        except Cancelled:
            # When the process stops, run() requeues its jobs instead.
            if watch.unwanted or not self.stopping.is_set():
                self._insist(partial(self.store.jobs.confirm_cancelled, job.id, self.name))
        except StoreUnavailable as reason:
            log.warning("job %d (%s) is put back: %s", job.id, job.kind, reason)
            self._insist(partial(self.store.jobs.put_back, job.id, self.name))
            self.stopping.wait(TROUBLE_SECONDS)
        except ClpipsError as error:
            log.warning("job %d (%s) failed: %s", job.id, job.kind, error)
            self._insist(partial(self.store.jobs.fail, job.id, self.name, str(error)))
        except Exception as error:  # no job may end the worker
            log.exception("job %d (%s) raised an unexpected error", job.id, job.kind)
            words = broken(job.kind, error)
            self._insist(partial(self.store.jobs.fail, job.id, self.name, words))
        else:
            if not self._insist(partial(self.store.jobs.finish, job.id, self.name, result)):
                return
            log.info("job %d (%s) is done", job.id, job.kind)
            if job.kind in REQUEUED_KINDS:
                importlib.import_module(f"app.jobs.{job.kind}").requeue_if_stale(
                    self.store, job.payload["study_id"]
                )

    def _insist(self, write: Callable[[], bool | None]) -> bool:
        """Write what must not be lost, however long the database is locked or the disk full.

        A job stays this worker's meanwhile: its lease is renewed as soon as that is possible.
        Returns whether it was written; not where the job was taken away, or the worker stops.
        """
        while True:
            try:
                return write() is not False
            except StoreUnavailable as reason:
                log.warning("the worker cannot write yet: %s", reason)
                if self.stopping.wait(TROUBLE_SECONDS):
                    return False

    def _loop(self, kinds: Sequence[JobKind]) -> None:
        turns = Turns(kinds)
        while not self.stopping.is_set():
            try:
                done = self._do_next(turns.kinds)
            except StoreUnavailable as reason:
                log.warning("the %s loop cannot go on yet: %s", kinds[0], reason)
                self.stopping.wait(TROUBLE_SECONDS)
                continue
            except Exception:  # whatever it is may be temporary
                log.exception("the %s loop failed; trying again", kinds[0])
                self.stopping.wait(TROUBLE_SECONDS)
                continue
            if done is not None:
                turns.taken(done)
                continue
            if "generate" in kinds:
                self._prepare()
            self.stopping.wait(IDLE_SECONDS)

    def _prepare(self) -> None:
        """While idle, import what diffusion models need, if an open study uses one.

        The import takes longer than generating many images. Weights are loaded on demand: they
        may have to be downloaded, and they need much memory.
        """
        if self._preparing is not None or time.monotonic() < self._look_again:
            return
        self._look_again = time.monotonic() + PREPARE_SECONDS
        studies = [each for each in self.store.studies.all() if each.is_open]
        kinds = {kind_of(maker) for each in studies for maker in each.settings.makers}
        if kinds & SLOW_TO_START:
            # In its own thread: it can take a minute, and other makers need not wait for it.
            self._preparing = threading.Thread(target=_ready_for_diffusion, daemon=True)
            self._preparing.start()

    def _keep_leases(self) -> None:
        """Record regularly that this worker is alive and still holds its jobs."""
        since_seen = SEEN_SECONDS
        while not self.stopping.is_set():
            try:
                if since_seen >= SEEN_SECONDS:
                    self.store.workers.mark_alive(self.name)
                    since_seen = 0.0
                with self._lock:
                    running = list(self._running)
                for watch in running:
                    watch.renew()
            except StoreUnavailable as reason:
                log.warning("the leases could not be renewed: %s", reason)
            except Exception:  # leases must be renewed in any case
                log.exception("the leases could not be renewed")
            self.stopping.wait(LEASES_SECONDS)
            since_seen += LEASES_SECONDS


def is_gone(worker: str) -> bool:
    """Whether a worker on this machine has ended; workers on other machines never count as gone."""
    host, _, process = worker.rpartition("-")[0].rpartition("-")
    if host != socket.gethostname() or not process.isdigit() or sys.platform == "win32":
        return False  # on Windows, os.kill with signal 0 would end the process
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:  # another user's process, but alive
        return False
    return False


def _ready_for_diffusion() -> None:
    try:
        importlib.import_module("clpips.generation.diffusion.pipeline")
    except Exception:  # the job that needs it will report the error
        log.exception("diffusion models could not be prepared")
    else:
        log.info("ready for diffusion models")


def work_of(kind: JobKind) -> Work:
    """The function that runs one kind of job, imported on first use."""
    work: Work = importlib.import_module(f"app.jobs.{kind}").run
    return work


def broken(kind: JobKind, error: Exception) -> str:
    """A user-facing sentence about an unexpected error in a job; the log has the details."""
    what = {
        "generate": "The images could not be generated",
        "regenerate": "The images could not be regenerated",
        "guide": "The images could not be measured",
        "vectors": "The difference vectors could not be computed",
        "fit": "The metric could not be fitted",
        "compare": "The metrics could not be compared",
        "export": "The file could not be written",
        "explain": "The metric could not be explained",
        "selftest": "The self-test could not be run",
        "simulate": "The participants could not be simulated",
        "backup": "The backup could not be made",
        "identity": "The images could not be ranked",
    }[kind]
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{what}: the server's disk is full."
    return f"{what} because of an unexpected error ({type(error).__name__})."


def log_to(settings: Settings) -> None:
    """Write the log to ``worker.log`` in the data folder, and warnings to standard error."""
    settings.logs.mkdir(parents=True, exist_ok=True)
    to_file = logging.handlers.RotatingFileHandler(
        settings.logs / "worker.log", maxBytes=LOG_BYTES, backupCount=3, encoding="utf-8"
    )
    to_screen = logging.StreamHandler(sys.stderr)
    to_screen.setLevel(logging.WARNING)
    handlers: Iterable[logging.Handler] = (to_file, to_screen)
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(threadName)s %(message)s",
        handlers=handlers,
        force=True,
    )


def main() -> None:
    """Run a worker until a stop signal."""
    # Before torch is imported: one thread, so that the web process stays responsive.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    try:
        settings = Settings.from_environment()
        worker = Worker(settings)  # first: a folder that it refuses stays as it is
        log_to(settings)
    except (ClpipsError, OSError) as error:
        sys.exit(str(error))

    def stop(signal_number: int, frame: FrameType | None) -> None:
        worker.stop()

    for each in STOP_SIGNALS:
        signal.signal(each, stop)
    ended = worker.run()
    for each in STOP_SIGNALS:  # a second signal must not interrupt the shutdown
        signal.signal(each, signal.SIG_IGN)
    logging.shutdown()
    if not ended:
        os._exit(0)  # a thread still inside a library could crash the interpreter on exit


if __name__ == "__main__":
    main()
