from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from staged import Painter, empty_study, person

from app.store import Store
from app.work import generate
from clpips.errors import Cancelled, GenerationError
from clpips.types import Job, Round
from clpips.watch import Watch


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(generate, "open_maker", lambda name: Painter())
    return Store(tmp_path / "data")


def asked(store: Store, **settings: object) -> tuple[Job, Round]:
    """A round somebody waits for, and its job as the worker claims it."""
    study = empty_study(store, **settings)
    somebody = person(store, study)
    trial = store.standing(somebody.id).trial
    assert trial is not None
    board = store.request_round(somebody.id, trial.id, "a hat", request_id="click")
    job = store.claim("test", ["generate"])
    assert job is not None
    return job, board


def test_a_round_gets_its_images_with_their_provenance(store: Store) -> None:
    job, board = asked(store, candidates=5)
    told: list[str] = []
    result = generate.run(store, job, Watch(progress=lambda share, words: told.append(words)))
    made = store.round(board.id)
    assert (result, made.state) == ({"round_id": board.id, "n": 5}, "ranking")
    assert told == [f"Drawing image {number} of 5…" for number in range(1, 6)]
    seeds = sorted(each.provenance.seed for each in made.candidates)
    assert seeds == [board.seed + index for index in range(5)]
    for each in made.candidates:
        with Image.open(store.image_path(each.image)) as picture:
            assert (picture.format, picture.size) == ("PNG", (64, 64))


def test_new_candidates_ask_for_their_difference_vectors_once(store: Store) -> None:
    job, _ = asked(store)
    generate.run(store, job, Watch())
    generate.run(store, job, Watch())
    kinds = [(each.kind, each.payload) for each in store.jobs() if each.kind == "vectors"]
    assert kinds == [("vectors", {"study_id": job.study_id})]


def test_a_job_taken_over_from_a_dead_worker_does_not_draw_twice(store: Store) -> None:
    job, board = asked(store)
    generate.run(store, job, Watch())
    first = store.round(board.id)
    assert generate.run(store, job, Watch())["n"] == 4
    assert store.round(board.id) == first


def test_cancel_stops_the_drawing_and_leaves_no_candidates(store: Store) -> None:
    job, board = asked(store)
    told: list[str] = []
    watch = Watch(
        progress=lambda share, words: told.append(words), cancelled=lambda: len(told) == 2
    )
    with pytest.raises(Cancelled):
        generate.run(store, job, watch)
    assert len(told) == 2
    assert store.round(board.id).candidates == ()


def test_images_that_come_too_late_are_not_shown(store: Store) -> None:
    job, board = asked(store)
    participant = store.participants(job.study_id or 0)[0]
    late = Watch(
        progress=lambda share, words: (
            store.cancel_round(participant.id, board.id) if "4 of 4" in words else None
        )
    )
    with pytest.raises(Cancelled):
        generate.run(store, job, late)
    with pytest.raises(Cancelled, match="no longer waits"):
        generate.run(store, job, Watch())
    assert store.round(board.id).candidates == ()


def test_an_unknown_maker_is_refused_by_name(tmp_path: Path) -> None:
    store = Store(tmp_path)
    job, _ = asked(store, maker="crayons")
    with pytest.raises(GenerationError, match="crayons"):
        generate.run(store, job, Watch())


def test_drawing_never_loads_torch() -> None:
    program = "import sys, app.worker, app.work.generate, app.demo; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
