"""Studies with other makers, through the worker: pools, options, images made again, waiting."""

from __future__ import annotations

import io
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest
from pictures import scene
from PIL import Image
from small_pipeline import broken_pipeline, save_small_pipeline
from staged import empty_study, person, picture

from app.files.pools import add_pool, maker_here
from app.jobs.lease import JobWatch
from app.settings import Settings
from app.store import Store
from app.study.submission import Submission
from app.study.types import Participant, Round, Study
from app.views.researcher.new_study.form import Answers, make_study
from app.views.researcher.new_study.maker_fields import MakerAnswers
from app.views.researcher.rankings import regenerate as regenerate_view
from app.worker import Worker
from clpips.errors import GenerationError, StudyError
from clpips.generation.names import NO_PROMPT
from clpips.types import Provenance


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    return Worker(Settings.from_environment({"CLPIPS_DATA": str(tmp_path / "data")}))


@pytest.fixture
def store(worker: Worker) -> Store:
    return worker.store


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small_pipeline(tmp_path_factory.mktemp("models") / "small")


def png(number: int) -> bytes:
    buffer = io.BytesIO()
    scene(number, 64).save(buffer, "PNG")
    return buffer.getvalue()


def archive(count: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for number in range(count):
            packed.writestr(f"images/{number}.png", png(number))
    return buffer.getvalue()


def one_round(
    worker: Worker, study: Study, *, prompt: str = "a red house", who: Participant | None = None
) -> tuple[Participant, Round]:
    somebody = who or person(worker.store, study)
    trial = worker.store.progress.of_participant(somebody.id).trial
    number = len(worker.store.progress.of_participant(somebody.id).rounds)
    asked = worker.store.rounds.request(somebody.id, trial.id, prompt, request_id=f"r{number}")
    assert worker.do_next(["generate"])
    return somebody, worker.store.rounds.get(asked.id)


def rank(store: Store, somebody: Participant, board: Round) -> None:
    shown = tuple(each.id for each in board.candidates)
    ranks = tuple(range(1, len(shown) + 1))
    store.rankings.submit(
        somebody.id, Submission(f"uuid-{board.id:04d}", board.id, shown, ranks, shown)
    )


def test_a_study_can_use_an_uploaded_pool_and_no_image_comes_twice(worker: Worker) -> None:
    maker = MakerAnswers("pool", {}, pool=archive(9), writes_prompts=False)
    study, _ = make_study(
        worker.store,
        Answers("Ranks", (), [("t.png", png(99))], {"image_size": 64, "min_rounds": 1}, maker),
    )
    assert study.settings.maker.startswith("pool:pools/")
    assert not study.settings.writes_prompts
    somebody, first = one_round(worker, study, prompt=NO_PROMPT)
    rank(worker.store, somebody, first)
    _, second = one_round(worker, study, prompt=NO_PROMPT, who=somebody)
    shown = [each.image for board in (first, second) for each in board.candidates]
    assert len(set(shown)) == 8
    rank(worker.store, somebody, second)
    _, third = one_round(worker, study, prompt=NO_PROMPT, who=somebody)
    assert third.state == "failed"
    assert "as many different images as are requested, 4, got 1" in third.message


def divided(cells: dict[str, str]) -> bytes:
    """A pool whose ``captions.csv`` names a target for each image."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for number, name in enumerate(cells):
            packed.writestr(name, png(number))
        rows = "".join(f"{name},,{target}\n" for name, target in cells.items() if target)
        if rows:
            packed.writestr("captions.csv", "image,caption,target\n" + rows)
    return buffer.getvalue()


def pool_study(
    store: Store, pool: bytes, *targets: str, **settings: Any
) -> tuple[Study, tuple[str, ...]]:
    maker = MakerAnswers("pool", {}, pool=pool, writes_prompts=False)
    uploads = [(name, png(90 + number)) for number, name in enumerate(targets)]
    settings = {"image_size": 64, "min_rounds": 1, "candidates": 3, **settings}
    return make_study(store, Answers("Ranks", (), uploads, settings, maker))


@pytest.mark.parametrize(
    "cells",
    [
        {f"{n}.png": ("My_Cat.PNG", "dog", "bird")[n % 3] for n in range(12)},
        {f"{('my cat', 'dog', 'more')[n % 3]}/{n}.png": "" for n in range(12)},
    ],
    ids=["captions", "folders"],
)
def test_a_board_shows_images_of_its_own_target_only(worker: Worker, cells: dict[str, str]) -> None:
    study, notes = pool_study(worker.store, divided(cells), "my_cat.png", "dog.jpg")
    assert ("'bird'" in " ".join(notes)) == any(cells.values())
    somebody, board = one_round(worker, study, prompt=NO_PROMPT)
    target = worker.store.progress.of_participant(somebody.id).trial.target.name
    shown = [each.provenance.options["file"] for each in board.candidates]
    kind = 0 if target == "my cat" else 1
    assert len(shown) == 3
    assert all(int(Path(name).stem) % 3 == kind for name in shown)


def test_a_study_that_its_pool_cannot_serve_is_refused(store: Store) -> None:
    cells = {f"{n}.png": "cat" if n else "dog" for n in range(8)}
    with pytest.raises(
        StudyError, match=r"at least 3 different images of the target 'dog'.* got 1"
    ):
        pool_study(store, divided(cells), "cat.png", "dog.png")
    with pytest.raises(StudyError, match="at least 3 different images of the target 'target-01'"):
        pool_study(store, divided(cells), "cat.png", calibration=1)
    assert store.studies.all() == ()
    pool_study(store, divided(cells), "cat.png")


def test_a_pool_that_is_none_is_refused_and_not_kept(store: Store) -> None:
    with pytest.raises(GenerationError, match="the uploaded archive"):
        add_pool(store, b"no zip")
    assert not list(store.settings.data_dir.glob("pools/*"))


def test_only_an_uploaded_pool_lies_in_the_data_folder(store: Store, tmp_path: Path) -> None:
    inside = f"pool:{store.settings.data_dir}/pools/a.zip"
    assert maker_here(store, "pool:pools/a.zip") == inside
    assert maker_here(store, f"pool:{tmp_path}") == f"pool:{tmp_path}"
    assert maker_here(store, "diffusers:a/b") == "diffusers:a/b"


def test_a_diffusers_folder_draws_a_board_with_previews(
    worker: Worker, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []
    keep = worker.store.previews.save
    monkeypatch.setattr(
        worker.store.previews, "save", lambda job, jpeg: (seen.append(jpeg), keep(job, jpeg))
    )
    options: dict[str, Any] = {"steps": 2}
    study = empty_study(worker.store, maker=f"diffusers:{model}", maker_options=options)
    _, board = one_round(worker, study)
    assert board.state == "ranking"
    assert {each.provenance.options["settings"]["steps"] for each in board.candidates} == {2}
    with Image.open(io.BytesIO(seen[0])) as picture:
        assert (picture.format, picture.size) == ("JPEG", (64, 64))
    assert worker.store.previews.of_round(board.id) is None  # it is over: nothing is left of it
    assert not list((worker.store.settings.data_dir / "previews").iterdir())


def test_previews_are_rare_enough_for_the_disk(worker: Worker) -> None:
    study = empty_study(worker.store)
    somebody = person(worker.store, study)
    trial = worker.store.progress.of_participant(somebody.id).trial
    asked = worker.store.rounds.request(somebody.id, trial.id, "a hat", request_id="one")
    job = worker.store.jobs.claim("me", ["generate"])
    watch = JobWatch(worker.store, job, "me", threading.Event())
    watch.watch().preview(lambda: Image.new("RGB", (8, 8), "red"))
    first = worker.store.previews.of_round(asked.id)
    watch.watch().preview(lambda: pytest.fail("made although nobody would see it"))
    assert first is not None and worker.store.previews.of_round(asked.id) == first
    watch.ended()
    assert worker.store.previews.of_round(asked.id) is None


# --- made again ------------------------------------------------------------------------------


def again(worker: Worker, study: Study, board: Round) -> list[dict[str, Any]]:
    job = worker.store.jobs.enqueue("regenerate", {"round_id": board.id}, study_id=study.id)
    assert worker.do_next(["regenerate"])
    images: list[dict[str, Any]] = worker.store.jobs.get(job.id).result["images"]
    return images


def test_only_the_studys_own_makers_are_opened(worker: Worker, model: Path) -> None:
    """A bundle's images may name any model or folder as their maker."""
    study = empty_study(worker.store)
    somebody = person(worker.store, study)
    trial = worker.store.progress.of_participant(somebody.id).trial
    board = worker.store.rounds.request(
        somebody.id, trial.id, "a hat", request_id="one", queued=False
    )
    name = f"diffusers:{model}"
    made = [(picture(worker.store, n), Provenance(name, "1", "a hat", n, 64, 64)) for n in range(4)]
    worker.store.rounds.add_candidates(board.id, made)
    found = again(worker, study, board)
    assert {each["reason"] for each in found} == {
        f"the image must come from a maker of the study, got {name!r}"
    }


@pytest.mark.parametrize("maker", ["scenes", "diffusers"])
def test_images_come_out_the_same_byte_for_byte(worker: Worker, model: Path, maker: str) -> None:
    name = f"diffusers:{model}" if maker == "diffusers" else maker
    options = {"steps": 2} if maker == "diffusers" else {}
    study = empty_study(worker.store, maker=name, maker_options=options)
    _, board = one_round(worker, study)
    found = again(worker, study, board)
    assert [each["largest"] for each in found] == [0, 0, 0, 0]
    assert regenerate_view.sentence(found) == ("4 images regenerated, identical byte for byte.")


def test_images_that_differ_or_cannot_be_made_again_are_told() -> None:
    told = regenerate_view.sentence(
        [
            {"largest": 0, "pixels": 0.0},
            {"largest": 3, "pixels": 0.125},
            {"reason": "only scenes and diffusion models can make an image again, got pool"},
        ]
    )
    assert told == (
        "1 of 2 regenerated images are identical byte for byte; the largest difference is "
        "3 of 255, in 12.5% of an image’s pixels. 1 image could not be regenerated: only scenes "
        "and diffusion models can make an image again, got pool."
    )


def test_a_pool_cannot_make_an_image_again(worker: Worker) -> None:
    study = empty_study(worker.store, maker=add_pool(worker.store, archive(5)))
    _, board = one_round(worker, study)
    assert all(
        "can make an image again, got pool" in each["reason"]
        for each in again(worker, study, board)
    )


# --- waiting ---------------------------------------------------------------------------------


def test_waiting_is_measured_apart_from_thinking(worker: Worker) -> None:
    study = empty_study(worker.store)
    assert worker.store.studies.waiting_times(study.id) == ()
    somebody, board = one_round(worker, study)
    (wait,) = worker.store.studies.waiting_times(study.id)
    assert wait.queued >= 0 and wait.making > 0
    rank(worker.store, somebody, board)
    assert worker.store.studies.waiting_times(study.id) == (wait,)


def test_images_that_are_not_finite_numbers_fail_the_round_with_that_reason(
    worker: Worker, tmp_path: Path
) -> None:
    folder = broken_pipeline(tmp_path / "broken", "decoder")
    options = {"steps": 2}
    study = empty_study(worker.store, maker=f"diffusers:{folder}", maker_options=options)
    _, board = one_round(worker, study)
    assert (board.state, board.candidates) == ("failed", ())
    assert "must be finite numbers, got NaN" in board.message
