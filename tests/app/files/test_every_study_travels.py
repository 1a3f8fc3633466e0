"""Every study that can be made can be packed and opened again: maker × feature space × setting."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compared import compared, result
from judged import judge
from pictures import scene
from small_encoders import a_timm_folder, saved, vit
from staged import add_vectors, empty_study, job, person, picture, rank_once, ranked_study

from app.files.bundle import open_bundle, write_bundle
from app.files.pools import add_pool
from app.jobs import fit
from app.store import Store
from app.study.arms import GUIDANCES, MakerArm
from app.study.records import CalibrationBoard, Fit
from app.study.settings import MAX_EXTRA
from app.study.submission import Submission
from app.study.types import Participant, Study
from app.views.researcher.new_study.advanced_fields import SELECTION_LABELS
from app.views.researcher.new_study.form import NETWORKS, SIZES
from app.views.researcher.new_study.maker_fields import KIND_LABELS, SEVERAL
from clpips.features.names import LIBRARIES, SPACES
from clpips.generation.diffusion.settings import SCHEDULERS
from clpips.metric.clpips import CLPIPS
from clpips.progress import Watch
from clpips.types import Provenance

Settings = dict[str, Any]
SMALL_ARMS = (MakerArm("plain", "scenes"), MakerArm("small", "tiny", {"steps": 5}))
FULL_OPTIONS = {
    "steps": 30,
    "guidance": 7.5,
    "scheduler": next(iter(SCHEDULERS)),
    "negative_prompt": "blurred",
    "native_size": True,
}


def pool_of_ten(store: Store) -> str:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(10):
            data = io.BytesIO()
            scene(number, 64).save(data, "PNG")
            archive.writestr(f"{number}.png", data.getvalue())
    return add_pool(store, buffer.getvalue())


MAKERS: dict[str, Callable[[Store], Settings]] = {
    "scenes": lambda _: {"maker": "scenes"},
    "tiny": lambda _: {"maker": "tiny", "maker_options": {"steps": 20, "guidance": 5.0}},
    "diffusers": lambda _: {"maker": "diffusers:owner/model", "maker_options": FULL_OPTIONS},
    "http": lambda _: {
        "maker": "http:https://images.example.org/v1",
        "maker_options": {"model": "m", "per_minute": 9.5, "cost_per_image": 0.02},
    },
    "pool": lambda store: {"maker": pool_of_ten(store), "writes_prompts": False},
    SEVERAL: lambda store: {
        "arms": (*SMALL_ARMS, MakerArm("elsewhere", pool_of_ten(store))),
        "mixes_arms": True,
    },
}
FITTED = (*SPACES, *LIBRARIES)


def test_no_choice_of_the_form_is_missing() -> None:
    assert set(MAKERS) == set(KIND_LABELS)
    assert set(SPACES) == set(NETWORKS)


@pytest.fixture(scope="module", params=FITTED)
def space(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A feature space's name; models are made in folders."""
    name, folder = str(request.param), tmp_path_factory.mktemp("model")
    if name == "timm":
        return f"timm:{a_timm_folder(folder)}"
    return f"transformers:{saved(folder, vit())}" if name == "transformers" else name


@pytest.fixture(scope="module")
def fitted(space: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Study]:
    """Two people and the pooled metric, fitted and compared in one feature space."""
    store = Store(tmp_path_factory.mktemp("fitted"))
    study = ranked_study(store, people=2, targets=2, backbone=space)
    add_vectors(store, study)
    for scope in ("each", "pooled"):
        running = job(store, "fit", study, scope=scope, participant_id=None)
        store.jobs.finish(running.id, "test", fit.run(store, running, Watch()))
    for asked in store.jobs.latest(study.id, kinds=["compare"]):
        store.jobs.cancel(asked.id)
    return store, study


def with_the_fits_of(store: Store, study: Study, fitted: tuple[Store, Study]) -> None:
    """Give a study fits and a comparison that were made in another one of the same space."""
    there, other = fitted
    somebody = store.participants.of_study(study.id)[0]
    for one in reversed(there.fits.of_study(other.id)):
        whose = None if one.participant_id is None else somebody.id
        path = store.settings.weights / f"{study.id}-{one.metric_path.name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one.metric_path.read_bytes())
        store.fits.add(study.id, whose, one.scope, one.backbone, path, one.report)
    fits = store.fits.of_study(study.id)
    compared(store, study, result(fits, [somebody.label] * len(fits)), fits)


def reopened(store: Store, study: Study, folder: Path) -> tuple[Store, Study]:
    """The study in an empty data folder on another machine."""
    write_bundle(store, study.id, folder / "study.zip", Watch())
    there = Store(folder / "there")
    return there, open_bundle(
        there,
        folder / "study.zip",
        Watch(),
        allow_outside=[*study.settings.makers, study.settings.backbone],
    )


def check_same(store: Store, study: Study, there: Store, copy: Study) -> None:
    assert copy.settings == study.settings
    assert there.rankings.of_study(copy.id) == store.rankings.of_study(study.id)
    before, after = store.fits.of_study(study.id), there.fits.of_study(copy.id)
    assert [(one.backbone, one.report) for one in after] == [
        (one.backbone, one.report) for one in before
    ]
    assert parts(there, after) == parts(store, before)
    for mine, theirs in zip(before, after, strict=True):
        np.testing.assert_array_equal(
            CLPIPS.load(theirs.metric_path).weights, CLPIPS.load(mine.metric_path).weights
        )


def parts(store: Store, fits: tuple[Fit, ...]) -> list[Any]:
    return list(store.comparisons.of_fits(one.id for one in fits).values())


@pytest.mark.parametrize("maker", MAKERS)
def test_a_study_of_every_maker_and_space_travels_with_its_fits(
    maker: str, fitted: tuple[Store, Study], tmp_path: Path
) -> None:
    store, space = Store(tmp_path / "here"), fitted[1].settings.backbone
    study = ranked_study(store, people=1, targets=1, backbone=space, **MAKERS[maker](store))
    add_vectors(store, study)
    with_the_fits_of(store, study, fitted)
    check_same(store, study, *reopened(store, study, tmp_path))


def test_a_study_goes_on_and_is_fitted_again_where_it_was_opened(
    fitted: tuple[Store, Study], tmp_path: Path
) -> None:
    """The same numbers from the same rankings, in every feature space."""
    store, study = fitted
    there, copy = reopened(store, study, tmp_path)
    running = job(there, "fit", copy, scope="pooled", participant_id=None)
    (again,) = fit.run(there, running, Watch())["fits"]
    before = store.fits.latest(study.id)
    assert before is not None
    assert there.fits.get(again).report["held_out"] == before.report["held_out"]


# --- every setting of the form --------------------------------------------------------------------


def every_setting() -> Iterator[tuple[str, Settings]]:
    """One study for each choice that the form offers beside maker and feature space."""
    for count in (2, 9):
        yield f"{count} candidates", {"candidates": count}
    for side in SIZES:
        yield f"{side} pixels", {"image_size": side}
    for option, label in SELECTION_LABELS.items():
        yield label, {"choice": option.choice, "made_per_round": 4 * option.times}
    for shown in GUIDANCES:
        yield f"guidance {shown}", {"guidance": (shown,)}
    yield "every guidance", {"guidance": GUIDANCES}
    yield "arms in turns", {"arms": SMALL_ARMS}
    yield "no prompts", {"writes_prompts": False}
    yield "confidence", {"ask_confidence": True}
    yield "texts", {"consent": "", "instructions": "Größe <b>zählt</b>\n=1+1"}
    yield "rounds", {"min_rounds": 1, "max_rounds": 50}
    yield "repeats", {"repeats": MAX_EXTRA}
    yield "shared boards", {"calibration": 2}
    yield "blind pairs", {"duels": 2}
    yield "all of the last part", {"repeats": 1, "calibration": 1, "duels": 1}


def share_boards(store: Store, study: Study) -> None:
    """The worker's part of a study with shared boards."""
    made = Provenance("scene", "1", "a hat", 1, 64, 64)
    boards = [
        CalibrationBoard(
            f"shared {number}",
            picture(store, 700 + number),
            tuple((picture(store, 800 + 10 * number + place), made) for place in range(4)),
        )
        for number in range(study.settings.calibration)
    ]
    assert not boards or store.calibration.add(study.id, boards)


def take_part(store: Store, study: Study) -> Participant:
    """Rank every target, are shown a metric, and rank the last boards up to the end."""
    somebody = person(store, study, "Zoë")
    for _ in store.studies.targets(study.id):
        rank_once(store, somebody, count=study.settings.candidates)
    for ranked in store.rounds.ranked(study.id):
        distances = {each.image: 0.25 for each in ranked.round.candidates}
        assert store.guidance.add(ranked.round.id, somebody.guidance, 1, distances)
        store.guidance.show(somebody.id, ranked.round.id)
    while (board := store.progress.of_participant(somebody.id).round) is not None:
        if board.kind == "duel":
            judge(store, somebody, "personal")
            continue
        shown = tuple(each.id for each in board.candidates)
        ranks = (1, *range(1, len(shown)))  # a tie
        submission = Submission(
            f"uuid-of-{board.id}", board.id, shown, ranks, shown, confidence=0.5
        )
        store.rankings.submit(somebody.id, submission)
        store.final_boards.show_next(somebody.id, board.id)
    return somebody


@pytest.mark.parametrize("setting", dict(every_setting()))
def test_a_study_of_every_setting_travels(setting: str, tmp_path: Path) -> None:
    store = Store(tmp_path / "here")
    study = empty_study(store, **dict(every_setting())[setting])
    share_boards(store, study)
    somebody = take_part(store, study)
    assert store.participants.get(somebody.id).completed_at is not None
    there, copy = reopened(store, study, tmp_path)
    check_same(store, study, there, copy)
    (again,) = there.participants.of_study(copy.id)
    assert again.completion_code == store.participants.get(somebody.id).completion_code
    kinds = [each.round.kind for each in store.rounds.ranked(study.id)]
    assert [each.round.kind for each in there.rounds.ranked(copy.id)] == kinds
