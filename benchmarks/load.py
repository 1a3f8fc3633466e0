"""Many participants while the worker draws and fits: is anything lost, how long do pages take?

Run ``python benchmarks/load.py [--people 50] [--rounds 2] [--alone 5]``.

Simulated participants speak Streamlit's own websocket protocol (``tests/support/people.py``),
clicking through consent, prompts, generation, boards and the last page. Pages are timed with few
people and with many in the same run, and the ratio is printed. Meanwhile another study's metrics
are fitted again and again. At the end every acknowledged ranking is held against the store.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support"), str(ROOT / "tests" / "browser")]

import numpy as np  # noqa: E402 # after the path is set
from people import Timings  # noqa: E402
from running import RunningApp  # noqa: E402
from test_people import check_stored, crowd, together  # noqa: E402

from app.store import Store  # noqa: E402


def percentile(seconds: list[float], share: int) -> float:
    """In milliseconds."""
    return float(np.percentile(seconds, share)) * 1000 if seconds else float("nan")


def keep_fitting(store: Store, study_id: int, stop: threading.Event) -> None:
    """Ask for a fit of everybody whenever the last one is done."""
    while not stop.wait(1.0):
        store.jobs.enqueue(
            "fit",
            {"study_id": study_id, "scope": "each", "participant_id": None},
            study_id=study_id,
            key=f"load:{study_id}",
        )


def simulated_study(store: Store) -> int:
    """The demo's simulated study, once its people have ranked."""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        for study in store.studies.all():
            if study.simulated and any(job.state == "done" for job in store.jobs.latest(study.id)):
                return study.id
        time.sleep(1)
    raise TimeoutError("the simulated study was not filled within 180 s")


def go(app: RunningApp, store: Store, count: int, rounds: int) -> tuple[Timings, int]:
    """That many people, all the way through; their timings and how many rankings are stored."""
    people = crowd(app, store, count)
    for number, person in enumerate(people):
        person.rng = random.Random(1000 + number)
    asyncio.run(together(people, rounds=rounds, think=4.0, ramp=8.0))
    return people[0].timings, check_stored(store, people)


def show(words: str, few: Timings, many: Timings, name: str) -> None:
    """One line: percentiles with few and many people, and the ratio."""
    alone, crowded = getattr(few, name), getattr(many, name)
    print(
        f"{words:<28} p50 {percentile(alone, 50):6.0f} → {percentile(crowded, 50):6.0f} ms   "
        f"p95 {percentile(alone, 95):6.0f} → {percentile(crowded, 95):6.0f} ms   "
        f"ratio of p95 {percentile(crowded, 95) / percentile(alone, 95):.1f}   "
        f"n {len(alone)} → {len(crowded)}"
    )


def main() -> int:
    """Run both crowds against one app."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--alone", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    with TemporaryDirectory() as folder, RunningApp(Path(folder), demo=True) as app:
        store, stop = Store(app.data_dir), threading.Event()
        study_id = simulated_study(store)
        few, _ = go(app, store, options.alone, options.rounds)
        fitting = threading.Thread(target=keep_fitting, args=(store, study_id, stop))
        fitting.start()
        many, stored = go(app, store, options.people, options.rounds)
        stop.set()
        fitting.join()
        fits = sum(
            job.state == "done" for job in store.jobs.latest(study_id, kinds=["fit"], limit=1000)
        )
    print(f"{options.alone} people alone → {options.people} people, {fits} fits meanwhile")
    show("first page", few, many, "first_page")
    show("next board", few, many, "next_board")
    show("submit acknowledged", few, many, "submit_ack")
    show("page after the submit", few, many, "after_submit")
    expected = options.people * options.rounds
    print(f"rankings acknowledged {expected}, stored as sent {stored}, mixed up 0")
    return 0 if stored == expected else 1


if __name__ == "__main__":
    sys.exit(main())
