"""The job that draws a study's calibration boards, once."""

from __future__ import annotations

from pathlib import Path

import pytest
from staged import empty_study, end

from app.files.images import add_target
from app.jobs import generate
from app.jobs.generation import calibration_boards
from app.store import Store
from app.study.types import Study
from clpips.errors import Cancelled
from clpips.generation.scenes import sample_targets
from clpips.progress import Watch


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


def run(store: Store, watch: Watch = Watch()) -> None:  # noqa: B008 # frozen
    job = store.jobs.claim("test", ["generate"])
    assert job is not None
    generate.run(store, job, watch)
    end(store, job)


def named(store: Store, study: Study) -> set[str]:
    return {
        board.name.partition("(")[2].rstrip(")") for board in store.calibration.of_study(study.id)
    }


def test_a_new_study_gets_its_boards_from_the_worker(store: Store) -> None:
    study = empty_study(store, calibration=2, candidates=5)
    run(store)
    boards = store.calibration.of_study(study.id)
    assert [len({image for image, _ in board.made}) for board in boards] == [5, 5]
    attempts = {sample.name: set(sample.attempts) for sample in sample_targets()}
    for board in boards:
        sample = board.name.partition("(")[2].rstrip(")")
        assert {made.prompt for _, made in board.made} == attempts[sample]
        assert all((made.width, made.height) == (64, 64) for _, made in board.made)
    asked = [(job.kind, job.state) for job in store.jobs.latest(study.id)]
    assert asked == [("vectors", "queued"), ("generate", "done")]


def test_the_same_settings_give_the_same_images_anywhere(store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "elsewhere")
    shown = []
    for each in (store, other):
        study = empty_study(each, calibration=2)
        run(each)
        boards = each.calibration.of_study(study.id)
        shown.append([(board.target, [image for image, _ in board.made]) for board in boards])
    assert shown[0] == shown[1]


def test_a_study_of_sample_targets_gets_other_ones(store: Store) -> None:
    samples = sample_targets()
    chosen = [(each.name, add_target(store, each, 64)) for each in samples[:10]]
    settings = empty_study(store, calibration=3).settings
    run(store)
    study = store.studies.create("Samples", settings, chosen)
    run_next = store.jobs.claim("test", ["generate"])
    assert run_next is not None
    generate.run(store, run_next, Watch())
    assert named(store, study) == {samples[10].name, samples[11].name, samples[0].name}


def test_stopped_half_way_there_is_nothing_and_the_next_run_makes_all(store: Store) -> None:
    study = empty_study(store, calibration=2)
    told: list[float] = []
    watch = Watch(
        progress=lambda share, words: told.append(share),
        cancelled=lambda: bool(told) and told[-1] > 0.6,
    )
    with pytest.raises(Cancelled):
        calibration_boards.ensure_calibration_boards(store, study, watch)
    assert store.calibration.of_study(study.id) == ()
    assert len(calibration_boards.ensure_calibration_boards(store, study, Watch())) == 2
    again = calibration_boards.ensure_calibration_boards(store, study, Watch())
    assert again == store.calibration.of_study(study.id)


def test_two_candidates_come_from_the_two_best_attempts() -> None:
    assert calibration_boards._shares(("vague", "better", "good"), 2) == [
        ("good", 1),
        ("better", 1),
    ]
    assert calibration_boards._shares(("vague", "better", "good"), 4) == [
        ("good", 2),
        ("better", 1),
        ("vague", 1),
    ]
