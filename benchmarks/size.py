"""A study of a million ranked images: time and memory of every researcher page and export.

Run ``python benchmarks/size.py [--images 1000000] [--people 1000] [--folder DIR] [--only WORD]``.

It builds a database with one big study and a few small ones, rows only: every candidate has a
provenance, every round its job, its ranking and the attempt that sent it. Twenty thousand small
image files are shared by all boards. Then each page is drawn as a browser would have it, and each
export is written as the worker does, every one in a process of its own. Printed are seconds, and
the growth of that process's peak memory over the same process with its libraries loaded. With
``--check`` it fails unless every page takes less than 2 s and no export needs more than 300 MB.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import random
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from clpips.types import Provenance

SHOWN, ROUNDS, TARGETS = 4, 5, 50
FILES = 20_000
SECRET = "the-benchmarks-own-session"
PAGE_SECONDS, EXPORT_BYTES = 2.0, 300e6
TABS = ("Progress", "Rankings", "Fit & report", "Why", "Export", "Settings")
EXPORTS = ("csv", "parquet", "methods", "bundle")


def moment(seconds: float) -> str:
    """A time as the store writes it."""
    found = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return found.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


# --- the study ------------------------------------------------------------------------------------


def build(folder: Path, images: int, people: int) -> int:
    """Fill an empty data folder; returns the big study's number."""
    from app.store import Store
    from app.study.settings import StudySettings

    store = Store(folder)
    store.researchers.add_session(SECRET, datetime.now(UTC) + timedelta(days=30))
    hashes = _images(store, min(FILES, max(images // 4, 100)))
    targets = [(f"target {number}", sha) for number, sha in enumerate(hashes[:TARGETS])]
    settings = StudySettings(max_rounds=50, min_rounds=1, image_size=64)
    small = [store.studies.create(f"Small {n}", settings, targets[:3]) for n in range(20)]
    big = store.studies.create("A million images", settings, targets)
    for study in small:
        _fill(store.path, study.id, hashes, 240, 5)
    _fill(store.path, big.id, hashes, images, people)
    _fits(store, big.id, people)
    return big.id


def _images(store: Any, count: int) -> list[str]:
    """Small image files with their rows; written at once, without a flush to disk for each."""
    import hashlib
    import io

    from PIL import Image

    found = []
    for number in range(count):
        colour = (number % 256, number // 256 % 256, number // 65536)
        data = io.BytesIO()
        Image.new("RGB", (8, 8), colour).save(data, "PNG")
        sha = hashlib.sha256(data.getvalue()).hexdigest()
        place = store.settings.images / sha[:2] / f"{sha}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data.getvalue())
        found.append((sha, 8, 8, "image/png", len(data.getvalue()), moment(0)))
    _insert(store.path, "image", "sha, width, height, media_type, bytes, created_at", found)
    return [row[0] for row in found]


def _insert(path: Path, table: str, columns: str, rows: Any) -> None:
    with sqlite3.connect(path) as db:
        marks = ", ".join("?" for _ in columns.split(","))
        db.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)


def _next(path: Path, table: str) -> int:
    with sqlite3.connect(path) as db:
        return int(db.execute(f"SELECT coalesce(max(id), 0) + 1 FROM {table}").fetchone()[0])


def _fill(path: Path, study: int, hashes: list[str], images: int, people: int) -> None:
    """Everybody ranks the same number of boards of each target."""
    with sqlite3.connect(path) as db:
        targets = [
            row[0] for row in db.execute("SELECT id FROM target WHERE study_id = ?", [study])
        ]
    first = _next(path, "participant")
    _insert(
        path,
        "participant",
        "id, study_id, label, simulated, seed, created_at, consented_at, started_at",
        (
            (first + n, study, f"P{n:05}", 0, n, moment(0), moment(1), moment(2))
            for n in range(people)
        ),
    )
    trial = _next(path, "trial")
    places = [
        (trial + n, person, target, position)
        for n, (person, (position, target)) in enumerate(
            itertools.product(range(first, first + people), enumerate(targets))
        )
    ]
    _insert(
        path,
        "trial",
        "id, participant_id, target_id, position, state, finished_at",
        ((*place, "done", moment(3)) for place in places),
    )
    rounds = max(1, round(images / SHOWN / len(places)))
    _boards(path, study, [(one, who) for one, who, _, _ in places], rounds, hashes)


COLUMNS = {
    "job": "id, kind, payload, state, progress, message, result, attempts, cancel_requested, "
    "study_id, participant_id, created_at, started_at, finished_at",
    "round": "id, trial_id, request_id, number, prompt, seed, state, reason, job_id, "
    "requested_at, shown_at",
    "candidate": "id, round_id, position, image, provenance",
    "submission": 'id, round_id, uuid, "order", ranks, shown, revision, elapsed_ms, input, '
    "submitted_at, confidence",
    "attempt": "id, uuid, round_id, participant_id, payload, outcome, message, at",
}


def _boards(
    path: Path, study: int, trials: list[tuple[int, int]], rounds: int, hashes: list[str]
) -> None:
    """Rounds of every trial, each with its job, its candidates, its ranking and its attempt."""
    ids = {table: itertools.count(_next(path, table)) for table in COLUMNS}
    rng = random.Random(study)
    for start in range(0, len(trials), 2000):
        made: dict[str, list[tuple[Any, ...]]] = {table: [] for table in COLUMNS}
        for trial, person in trials[start : start + 2000]:
            for number in range(1, rounds + 1):
                _board(made, ids, rng, study, trial, person, number, hashes)
        for table, rows in made.items():
            _insert(path, table, COLUMNS[table], rows)


def _board(
    made: dict[str, list[tuple[Any, ...]]],
    ids: dict[str, Iterator[int]],
    rng: random.Random,
    study: int,
    trial: int,
    person: int,
    number: int,
    hashes: list[str],
) -> None:
    job, board = next(ids["job"]), next(ids["round"])
    at = 10.0 * board
    prompt = f"a red house number {number} of trial {trial}, seen from the sea"
    payload = json.dumps({"round_id": board, "study_id": study})
    made["job"].append(
        (
            *(job, "generate", payload, "done", 1.0, "", "{}", 1, 0, study, person),
            *(moment(at), moment(at + rng.random()), moment(at + 2)),
        )
    )
    made["round"].append(
        (
            *(board, trial, f"click-{board}", number, prompt, board, "ranked", "", job),
            *(moment(at), moment(at + 2)),
        )
    )
    shown = []
    for position, sha in enumerate(rng.sample(hashes, SHOWN)):
        candidate = next(ids["candidate"])
        shown.append(candidate)
        source = Provenance("scenes", "1", prompt, board + position, 64, 64, seconds=0.1)
        made["candidate"].append((candidate, board, position, sha, json.dumps(asdict(source))))
    order = json.dumps(rng.sample(shown, SHOWN))
    ranks, there = json.dumps(list(range(1, SHOWN + 1))), json.dumps(shown)
    uuid = f"uuid-of-{board}"
    made["submission"].append(
        (
            *(next(ids["submission"]), board, uuid, order, ranks, there, 1, 4000, "{}"),
            *(moment(at + 6), None),
        )
    )
    sent = json.dumps({"round": board, "order": shown, "ranks": [1, 2, 3, 4], "shown": shown})
    made["attempt"].append(
        (next(ids["attempt"]), uuid, board, person, sent, "saved", "", moment(at + 6))
    )


def _fits(store: Any, study: int, people: int) -> None:
    """A fit of each of the first two hundred people, with a report as long as a real one."""
    per_target = [
        {"target": one.image, "n_rankings": ROUNDS, "stock": 0.4, "personal": 0.5}
        for one in store.studies.targets(study)
    ]
    agreement = {
        "spearman": 0.5, "spearman_ci": [0.4, 0.6], "kendall": 0.4, "pairwise_accuracy": 0.7,
        "icc": 0.5, "n_rankings": TARGETS * ROUNDS, "n_left_out": 0, "left_out": {},
        "per_ranking": [0.5] * TARGETS * ROUNDS,
        "targets": [one["target"] for one in per_target for _ in range(ROUNDS)],
        "contributions": {key: [0.5] * TARGETS * ROUNDS for key in ("kendall", "icc")},
    }  # fmt: skip
    held_out = {
        "stock": agreement, "personal": agreement, "gain": 0.1, "gain_ci": [0.05, 0.15],
        "p": 0.01, "verdict": "better", "in_use": "personal", "sentence": "Better.",
        "targets": per_target, "n_targets": TARGETS,
    }  # fmt: skip
    names = [f"layer {n}" for n in range(1, 6)]
    report = {
        "held_out": held_out, "layers": {"names": names, "stock": [1.0] * 5, "personal": [1.0] * 5},
        "shares": {"stock": [0.2] * 5, "personal": [0.2] * 5, "true": None}, "settings": None,
        "n_rankings": TARGETS * ROUNDS, "n_comparisons": 6 * TARGETS * ROUNDS,
        "n_targets": TARGETS, "seconds": 0.1, "backbone": "alex", "true_layers": None,
        "used_until": "", "left_out": [],
    }  # fmt: skip
    with sqlite3.connect(store.path) as db:
        found = db.execute("SELECT id FROM participant WHERE study_id = ? LIMIT 200", [study])
        owners: list[int | None] = [row[0] for row in found]
    text = json.dumps(report)
    _insert(
        store.path,
        "fit",
        "study_id, participant_id, scope, backbone, metric_path, report, created_at",
        (
            (
                *(study, who, "participant" if who else "pooled", "alex"),
                *(f"weights/{who}.safetensors", text, "2027-01-01T00:00:00.000Z"),
            )
            for who in (*owners, None)
        ),
    )


# --- what is measured -----------------------------------------------------------------------------


def draw_list() -> None:
    """The list of studies."""
    from app.views.researcher.studies import page

    page()


def draw_study() -> None:
    """One study's page."""
    from app.views.researcher.study import page

    page()


def page(script: Callable[[], None], study: int, tab: str, **query: str) -> Callable[[], None]:
    """Draw a page without a browser, signed in."""

    def run() -> None:
        from streamlit.testing.v1 import AppTest

        screen = AppTest.from_function(script, default_timeout=600)
        screen.query_params["study"] = str(study)
        for name, value in query.items():
            screen.query_params[name.replace("_", "-")] = value
        screen.session_state["tab"] = tab
        screen.run()
        if screen.exception:
            raise RuntimeError(screen.exception[0].message)

    return run


def export(folder: Path, study: int, what: str) -> Callable[[], None]:
    """Write an export as the worker does."""

    def run() -> None:
        from app.jobs import export as exporting
        from app.store import Store
        from clpips.progress import Watch

        store = Store(folder)
        payload = {"study_id": study, "what": what, "fit_id": None, "participant_id": None}
        store.jobs.enqueue("export", payload, study_id=study)
        job = store.jobs.claim("benchmark", ["export"])
        if job is None:
            raise RuntimeError("no export was queued")
        made = exporting.run(store, job, Watch())
        store.jobs.finish(job.id, "benchmark", made)

    return run


def everything(folder: Path, study: int) -> dict[str, Callable[[], None]]:
    """What is measured, by name."""
    found = {"page Studies": page(draw_list, study, "")}
    for tab in TABS:
        found[f"page {tab}"] = page(draw_study, study, tab)
    found["page Rankings, one person"] = page(
        draw_study, study, "Rankings", rankings_person="P00004"
    )
    found["page Fit & report, one person"] = page(
        draw_study, study, "Fit & report", whose_fit="P00004"
    )
    for what in EXPORTS:
        found[f"export {what}"] = export(folder, study, what)
    return found


def peak() -> int:
    """Peak resident memory of this process, in bytes."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else size * 1024


def measured(task: Callable[[], None], answer: Connection) -> None:
    """Seconds and growth of peak memory of a task, in this process."""
    import streamlit.testing.v1  # noqa: F401 # what is loaded before does not count
    from streamlit.runtime.context import ContextProxy

    import app.jobs.export
    import app.settings
    import app.views.researcher.study
    import clpips.metric.clpips  # noqa: F401

    jar = {app.settings.RESEARCHER_COOKIE: SECRET}
    ContextProxy.cookies = property(lambda _: jar)  # type: ignore[assignment, method-assign]
    before, begun = peak(), time.perf_counter()
    try:
        task()
    except Exception as error:  # noqa: BLE001 # printed in the place of the figures
        answer.send(f"{type(error).__name__}: {error}")
        return
    answer.send((time.perf_counter() - begun, peak() - before))


def in_own_process(task: Callable[[], None], limit: float) -> tuple[float, float] | str:
    """Seconds and bytes, or what went wrong."""
    fork = multiprocessing.get_context("fork")  # closures travel
    here, there = fork.Pipe(duplex=False)
    process = fork.Process(target=measured, args=(task, there))
    process.start()
    there.close()
    try:
        if not here.poll(limit):
            process.kill()
            return f"not done after {limit:.0f} s"
        found: tuple[float, float] | str = here.recv()
        return found
    except EOFError:
        return "ended without an answer"
    finally:
        process.join()


def main() -> None:
    """Build the study, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--people", type=int, default=1_000)
    parser.add_argument("--folder", type=Path, help="kept, and used again where it is filled")
    parser.add_argument("--only", default="", help="tasks with this word in their name")
    parser.add_argument("--limit", type=float, default=300, help="seconds for each task")
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="clpips-size-") as temporary:
        folder = asked.folder or Path(temporary)
        os.environ["CLPIPS_DATA"] = str(folder)
        known = folder / "study.txt"
        if not known.exists():
            begun = time.perf_counter()
            number = build(folder, asked.images, asked.people)
            known.write_text(str(number))
            size = (folder / "clpips.sqlite").stat().st_size
            print(f"built in {time.perf_counter() - begun:.0f} s, {size / 1e6:,.0f} MB")
        failed = False
        for name, task in everything(folder, int(known.read_text())).items():
            if asked.only not in name:
                continue
            found = in_own_process(task, asked.limit)
            if isinstance(found, str):
                print(f"{name:32} {found}", flush=True)
                failed = True
                continue
            seconds, grown = found
            print(f"{name:32} {seconds:7.2f} s {grown / 1e6:8,.0f} MB", flush=True)
            slow = name.startswith("page") and seconds > PAGE_SECONDS
            failed |= slow or (name.startswith("export") and grown > EXPORT_BYTES)
    if asked.check and failed:
        sys.exit("a page takes longer, or an export needs more memory, than is claimed")


if __name__ == "__main__":
    main()
