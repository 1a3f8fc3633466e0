"""How many boards a second one worker makes, and how many several do.

    python benchmarks/workers.py [--boards 100] [--workers 2] [--side 256] [--maker scenes]

So many people ask for a board of four images at the same moment. The clock runs from the first
board that is ready to the last, so that the start of the processes does not count. (With few
boards, what a worker imports for its first difference vectors decides: take a hundred.) Each number
of workers has its turn twice, in the order 1, 2, 2, 1, because other programs slow the machine
down.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from staged import empty_study, person  # noqa: E402 # after the path is set

from app.store import Store  # noqa: E402

PATIENCE = 600.0


@contextmanager
def working(folder: Path, count: int) -> Iterator[None]:
    """So many worker processes on one data folder."""
    environment = {**os.environ, "CLPIPS_DATA": str(folder), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "app.worker"]
    started = [subprocess.Popen(command, env=environment, cwd=ROOT) for _ in range(count)]
    try:
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(30)


def wait_for_workers(store: Store, count: int) -> None:
    """Return as soon as all are alive."""
    until = time.monotonic() + PATIENCE
    while len(store.workers.alive()) < count:
        if time.monotonic() > until:
            raise TimeoutError(f"{count} workers did not start")
        time.sleep(0.05)


def ready(store: Store, boards: int) -> int:
    """How many boards can be ranked."""
    jobs = store.jobs.latest(kinds=["generate"], limit=boards)
    return sum(job.state == "done" for job in jobs)


def boards_a_second(count: int, boards: int, side: int, maker: str) -> float:
    """Of so many workers in a data folder of their own."""
    with TemporaryDirectory() as folder:
        store = Store(Path(folder) / "data")
        study = empty_study(store, targets=1, side=side, candidates=4, maker=maker)
        people = [person(store, study) for _ in range(boards)]
        with working(store.settings.data_dir, count):
            wait_for_workers(store, count)
            for somebody in people:
                trial = store.progress.of_participant(somebody.id).trial
                if trial is None:
                    raise RuntimeError("a new participant has no trial")
                store.rounds.request(somebody.id, trial.id, "a red house", request_id="r")
            while not (before := ready(store, boards)):
                time.sleep(0.1)
            begun = time.monotonic()
            while ready(store, boards) < boards:
                if time.monotonic() - begun > PATIENCE:
                    raise TimeoutError("the boards were not made in time")
                time.sleep(0.1)
            return (boards - before) / (time.monotonic() - begun)


def main() -> None:
    """Print boards a second with one worker and with several, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boards", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--maker", default="scenes")
    asked = parser.parse_args()
    found: dict[int, list[float]] = {1: [], asked.workers: []}
    for count in (1, asked.workers, asked.workers, 1):
        found[count].append(boards_a_second(count, asked.boards, asked.side, asked.maker))
    one, several = mean(found[1]), mean(found[asked.workers])
    print(f"1 worker: {one:.2f} boards a second; {asked.workers} workers: {several:.2f}")
    print(f"ratio: {several / one:.2f}")


if __name__ == "__main__":
    main()
