from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from staged import CHANNELS, Painter, empty_study, person, picture

from app.jobs import generate
from app.jobs.generation import candidate_selection as selection_module
from app.jobs.generation import images
from app.jobs.vectors import checksum
from app.store import Store
from app.study.submission import Submission
from app.study.types import Job, Round
from clpips.errors import Cancelled, GenerationError, StudyError, WeightsError
from clpips.generation import Generated, Request
from clpips.progress import Watch
from clpips.types import Provenance

PROVENANCE = Provenance("painter", "1", "a hat", 1, 64, 64)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(images, "open_maker", lambda name: Painter())
    return Store(tmp_path / "data")


def asked(store: Store, **settings: object) -> tuple[Job, Round]:
    """A round somebody waits for, and its job as the worker claims it."""
    study = empty_study(store, **settings)
    somebody = person(store, study)
    trial = store.progress.of_participant(somebody.id).trial
    assert trial is not None
    board = store.rounds.request(somebody.id, trial.id, "a hat", request_id="click")
    job = store.jobs.claim("test", ["generate"])
    assert job is not None
    return job, board


def test_a_round_gets_its_images_with_their_provenance(store: Store) -> None:
    job, board = asked(store, candidates=5)
    told: list[str] = []
    result = generate.run(store, job, Watch(progress=lambda share, words: told.append(words)))
    made = store.rounds.get(board.id)
    assert (result, made.state) == ({"round_id": board.id, "n": 5}, "ranking")
    drawing = [f"Generating image {number} of 5…" for number in range(1, 6)]
    assert told == ["Preparing to generate…", *drawing]
    seeds = sorted(each.provenance.seed for each in made.candidates)
    assert seeds == [board.seed + index for index in range(5)]
    for each in made.candidates:
        with Image.open(store.images.path(each.image)) as picture:
            assert (picture.format, picture.size) == ("PNG", (64, 64))


def test_new_candidates_ask_for_their_difference_vectors_once(store: Store) -> None:
    job, _ = asked(store)
    generate.run(store, job, Watch())
    generate.run(store, job, Watch())
    kinds = [(each.kind, each.payload) for each in store.jobs.latest() if each.kind == "vectors"]
    assert kinds == [("vectors", {"study_id": job.study_id})]


def test_a_job_taken_over_from_a_dead_worker_does_not_draw_twice(store: Store) -> None:
    job, board = asked(store)
    generate.run(store, job, Watch())
    first = store.rounds.get(board.id)
    assert generate.run(store, job, Watch())["n"] == 4
    assert store.rounds.get(board.id) == first


def test_cancel_stops_the_drawing_and_leaves_no_candidates(store: Store) -> None:
    job, board = asked(store)
    told: list[str] = []
    watch = Watch(
        progress=lambda share, words: told.append(words), cancelled=lambda: len(told) == 2
    )
    with pytest.raises(Cancelled):
        generate.run(store, job, watch)
    assert len(told) == 2
    assert store.rounds.get(board.id).candidates == ()


def test_images_that_come_too_late_are_not_shown(store: Store) -> None:
    job, board = asked(store)
    participant = store.participants.of_study(job.study_id or 0)[0]
    late = Watch(
        progress=lambda share, words: (
            store.rounds.cancel(participant.id, board.id) if "4 of 4" in words else None
        )
    )
    with pytest.raises(Cancelled):
        generate.run(store, job, late)
    with pytest.raises(Cancelled, match="no longer waits"):
        generate.run(store, job, Watch())
    assert store.rounds.get(board.id).candidates == ()


def test_a_study_cannot_name_a_maker_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="crayons"):
        asked(Store(tmp_path), maker="crayons")


def test_a_maker_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    store = Store(tmp_path)
    job, _ = asked(store, maker="diffusers:/no/such/folder")
    with pytest.raises(GenerationError, match="model_index"):
        generate.run(store, job, Watch())


def test_the_maker_gets_its_options_and_the_image_to_start_from(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    got: list[Request] = []

    class Noting(Painter):
        def generate(self, request: Request, watch: Watch = Watch()) -> Iterator[Generated]:  # noqa: B008 # frozen
            got.append(request)
            yield from super().generate(request, watch)

    monkeypatch.setattr(images, "open_maker", lambda name: Noting())
    study = empty_study(store, maker="tiny", maker_options={"steps": 7})
    somebody = person(store, study)
    trial = store.progress.of_participant(somebody.id).trial
    first = store.rounds.request(somebody.id, trial.id, "a hat", request_id="one")
    generate.run(store, store.jobs.claim("test", ["generate"]), Watch())
    board = store.rounds.get(first.id)
    shown = tuple(each.id for each in board.candidates)
    store.rankings.submit(
        somebody.id, Submission("uuid-of-one", board.id, shown, tuple(range(1, 5)), shown)
    )
    second = store.rounds.request(
        somebody.id, trial.id, "a red hat", request_id="two", start=shown[2]
    )
    generate.run(store, store.jobs.claim("test", ["generate"]), Watch())
    assert [request.options for request in got] == [{"steps": 7}] * 2
    assert got[0].start is None
    assert second.start == board.candidates[2].image
    with Image.open(store.images.path(second.start)) as picture:
        assert got[1].start.tobytes() == picture.convert("RGB").tobytes()


def test_nobody_starts_from_somebody_elses_image(store: Store) -> None:
    _, board = asked(store)
    store.rounds.add_candidates(board.id, [(picture(store, n), PROVENANCE) for n in range(4)])
    theirs = store.rounds.get(board.id).candidates[0].id
    study = empty_study(store, targets=1)
    other = person(store, study)
    trial = store.progress.of_participant(other.id).trial
    with pytest.raises(StudyError, match="own candidates"):
        store.rounds.request(other.id, trial.id, "a hat", request_id="mine", start=theirs)


def test_drawing_never_loads_torch() -> None:
    program = "import sys, app.worker, app.jobs.generate, app.demo; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


# --- informative choice ------------------------------------------------------------------------


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Difference vectors out of thin air, the same for the same image; says which were made."""
    asked_for: list[tuple[str, str]] = []

    def compute_all(store: Store, pairs: list[tuple[str, str]], backbone: Any, watch: Watch) -> int:
        watch.report(1.0, "Comparing…")
        asked_for.extend(pairs)
        store.vectors.add(
            (target, image, backbone, checksum(backbone) or "", vector_of(image), False)
            for target, image in pairs
        )
        return len(pairs)

    monkeypatch.setattr("app.jobs.vectors.compute_all", compute_all)
    return asked_for


def vector_of(image: str) -> np.ndarray:
    return np.random.default_rng(int(image[:8], 16)).random(CHANNELS) / 100


INFORMATIVE = {"choice": "informative", "candidates": 4, "made_per_round": 12}


def test_informative_choice_shows_some_of_more_images_and_says_why(
    store: Store, compared: list[tuple[str, str]]
) -> None:
    job, board = asked(store, **INFORMATIVE)
    told: list[tuple[float, str]] = []
    watch = Watch(progress=lambda share, words: told.append((share, words)))
    result = generate.run(store, job, watch)
    shown = store.rounds.get(board.id).candidates
    assert result["n"] == len(shown) == 4
    reasons = [each.provenance.options["choice"] for each in shown]
    assert sorted(reasons) == ["informative"] * 3 + ["random"]
    record = result["choice"]
    assert (record["method"], record["fell_back"]) == ("information", None)
    why = {each["image"]: each["shown"] for each in record["images"]}
    assert {each.image: each.provenance.options["choice"] for each in shown} == {
        image: reason for image, reason in why.items() if reason is not None
    }
    assert len(compared) == 12
    assert {each for _, each in told} == {
        generate.NEUTRAL_MESSAGE
    }  # nobody learns that 12 are made
    assert [share for share, _ in told] == sorted(share for share, _ in told)


def test_images_that_are_not_shown_stay_with_their_vectors_and_are_named(
    store: Store, compared: list[tuple[str, str]]
) -> None:
    job, board = asked(store, **INFORMATIVE)
    images = generate.run(store, job, Watch())["choice"]["images"]
    assert [each["seed"] for each in images] == [board.seed + index for index in range(12)]
    left = [each for each in images if each["shown"] is None]
    assert len(left) == 8
    for each in left:
        assert store.images.path(each["image"]).exists()
    target = store.studies.targets(job.study_id or 0)
    pairs = [(one.image, each["image"]) for one in target for each in left]
    assert len(store.vectors.of_pairs(pairs, "alex")) == 8


def test_random_choice_draws_only_what_is_shown(store: Store) -> None:
    job, board = asked(store, choice="random", candidates=4, made_per_round=12)
    assert generate.run(store, job, Watch()) == {"round_id": board.id, "n": 4}
    made = store.rounds.get(board.id).candidates
    assert all("choice" not in each.provenance.options for each in made)


def test_a_job_done_twice_chooses_the_same_images(
    tmp_path: Path, store: Store, compared: list[tuple[str, str]]
) -> None:
    def chosen(where: Store) -> list[dict[str, Any]]:
        study = empty_study(where, **INFORMATIVE)
        somebody, _ = where.participants.create(study.id, seed=5)
        where.participants.consent(somebody.id)
        trial = where.progress.of_participant(where.participants.start(somebody.id).id).trial
        assert trial is not None
        where.rounds.request(somebody.id, trial.id, "a hat", request_id="click")
        job = where.jobs.claim("test", ["generate"])
        assert job is not None
        images: list[dict[str, Any]] = generate.run(where, job, Watch())["choice"]["images"]
        return images

    assert chosen(store) == chosen(Store(tmp_path / "another"))


def test_the_person_s_own_rankings_decide_and_nobody_else_s(
    store: Store, compared: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    known: list[list[str]] = []
    really = selection_module.select_images

    def spy(pool: np.ndarray, seen: Any, *args: Any, **options: Any) -> Any:
        known.append([one.ranking.participant for one in seen])
        for one in seen:
            expected = [vector_of(image) for image in one.ranking.images]
            np.testing.assert_array_equal(one.vectors, expected)
        return really(pool, seen, *args, **options)

    monkeypatch.setattr(selection_module, "select_images", spy)
    study = empty_study(store, **INFORMATIVE)
    people = [person(store, study, label) for label in ("Ada", "Ben")]
    for number, somebody in enumerate([*people, people[0], people[0]]):
        trial = store.progress.of_participant(somebody.id).trial
        assert trial is not None
        board = store.rounds.request(somebody.id, trial.id, "a hat", request_id=f"click {number}")
        job = store.jobs.claim("test", ["generate"])
        assert job is not None
        assert generate.run(store, job, Watch())["choice"]["fell_back"] is None
        assert {target for target, _ in compared[-12:]} == {trial.target.image}
        shown = tuple(each.id for each in store.rounds.get(board.id).candidates)
        store.rankings.submit(
            somebody.id, Submission(f"uuid-of-{board.id}", board.id, shown, (1, 2, 3, 4), shown)
        )
        if number == 2:
            store.trials.finish(somebody.id, trial.id)
    assert known == [[], [], ["Ada"], ["Ada", "Ada"]]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (WeightsError("no weights from any source"), "no weights from any source"),
        (RuntimeError("out of memory"), "RuntimeError: out of memory"),
        (ImportError("No module named 'torch'"), "ImportError: No module named 'torch'"),
    ],
)
def test_whatever_fails_in_choosing_the_board_is_there_chosen_at_random(
    store: Store, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    def compute_all(*args: Any) -> int:
        raise error

    monkeypatch.setattr("app.jobs.vectors.compute_all", compute_all)
    job, board = asked(store, **INFORMATIVE)
    record = generate.run(store, job, Watch())["choice"]
    shown = store.rounds.get(board.id).candidates
    assert [each.provenance.options["choice"] for each in shown] == ["random"] * 4
    assert (record["method"], record["fell_back"]) == ("random", told)
    assert len(record["images"]) == 12


def test_a_choice_that_takes_too_long_is_made_at_random(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = threading.Event()
    monkeypatch.setattr("app.jobs.vectors.compute_all", lambda *args: never.wait(600))
    monkeypatch.setattr(selection_module, "BUDGET_SECONDS", 0.2)
    job, board = asked(store, **INFORMATIVE)
    started = time.monotonic()
    record = generate.run(store, job, Watch())["choice"]
    never.set()
    assert time.monotonic() - started < 60
    assert record["fell_back"] == "selecting took longer than 0.2 seconds"
    assert len(store.rounds.get(board.id).candidates) == 4


def test_cancel_is_heard_while_images_are_chosen(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, stop = threading.Event(), threading.Event()

    def compute_all(*args: Any) -> int:
        busy.set()
        stop.wait(30)
        return 0

    monkeypatch.setattr("app.jobs.vectors.compute_all", compute_all)
    job, board = asked(store, **INFORMATIVE)
    with pytest.raises(Cancelled):
        generate.run(store, job, Watch(cancelled=busy.is_set))
    stop.set()
    assert store.rounds.get(board.id).candidates == ()


def test_vectors_at_hand_are_not_computed_again(
    store: Store, compared: list[tuple[str, str]]
) -> None:
    job, board = asked(store, **INFORMATIVE)
    made = Request("a hat", board.seed, 5, 64, 64)  # the round's first five images
    target = (
        store.progress.of_participant(store.participants.of_study(job.study_id or 0)[0].id)
        .trials[0]
        .target.image
    )
    store.vectors.add(
        (target, image, "alex", checksum("alex") or "", vector_of(image), False)
        for image, _ in images.make_images(store, made, maker="scenes", watch=Watch())
    )
    assert generate.run(store, job, Watch())["choice"]["fell_back"] is None
    assert len(compared) == 7


def test_twins_among_the_images_do_no_harm(
    store: Store, compared: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Twins(Painter):
        def generate(self, request: Request, watch: Watch = Watch()) -> Iterator[Generated]:  # noqa: B008 # frozen
            images = list(super().generate(request, watch))
            yield from (replace(each, image=images[0].image) for each in images)

    monkeypatch.setattr(images, "open_maker", lambda name: Twins())
    job, board = asked(store, **INFORMATIVE)
    assert generate.run(store, job, Watch())["choice"]["fell_back"] is None
    assert len(store.rounds.get(board.id).candidates) == 4
    assert len(compared) == 1


def test_the_real_network_chooses_among_real_pictures(tmp_path: Path) -> None:
    store = Store(tmp_path)
    job, _ = asked(store, maker="scenes", **INFORMATIVE)
    record = generate.run(store, job, Watch())["choice"]
    assert record["fell_back"] is None
    assert sum(each["shown"] == "informative" for each in record["images"]) == 3
    assert all(each["gain"] > 0 for each in record["images"] if each["shown"] == "informative")
    assert store.vectors.missing(job.study_id or 0, "alex") == []
