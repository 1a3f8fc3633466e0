"""Files of the version before the rooms, in tests/reference/before-rooms, opened with today's code.

Its script says how they were made; ``expected.json`` holds what that version read from them.
Stored vectors, weights and reports are the same to the last bit or to 1e-9; what comes out of a
network is the same to 1e-6, because another machine adds in another order.
"""

from __future__ import annotations

import json
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter
from readings import readings, weights_sha256, whole_folder
from staged import end, job, picture

from app.files.bundle import open_bundle
from app.http.passwords import password_fits
from app.jobs import fit
from app.store import Store
from app.study.submission import Submission
from app.study.types import Study
from clpips.__main__ import main
from clpips.generation.scenes import sample_targets
from clpips.metric.clpips import CLPIPS
from clpips.progress import Watch
from clpips.types import Provenance

BEFORE = Path(__file__).parent / "reference" / "before-rooms"
METRICS = sorted(path.stem for path in (BEFORE / "metrics").glob("*.safetensors"))
LARGE = "alex-channel-pooled-start"
"""The metric that compares pictures of 512 pixels, too."""
MADE_BY_A_CLOCK = {"seconds"}
"""Entries of a report that say how long the fit took."""


@cache
def expected() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((BEFORE / "expected.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture
def older(tmp_path: Path) -> Store:
    """The data folder of before; its images are also those of the bundle."""
    folder = tmp_path / "data"
    with zipfile.ZipFile(BEFORE / "data.zip") as archive:
        archive.extractall(folder)
    with zipfile.ZipFile(BEFORE / "study.zip") as archive:
        for name in archive.namelist():
            if name.startswith("images/"):
                place = folder / "images" / Path(name).name[:2] / Path(name).name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(archive.read(name))
    return Store(folder)


@pytest.fixture
def opened(tmp_path: Path) -> tuple[Store, Study]:
    """The bundle of before, opened in a data folder of its own."""
    store = Store(tmp_path / "elsewhere")
    return store, open_bundle(store, BEFORE / "study.zip", Watch())


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


def test_the_files_are_small() -> None:
    files = [path for path in BEFORE.rglob("*") if path.is_file() and path.name != "make.py"]
    assert sum(path.stat().st_size for path in files) < 1_000_000
    assert expected()["made_by"] == "dac14f9" and len(METRICS) == 7


# --- the data folder -----------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2])
def test_a_study_of_before_says_the_same(older: Store, number: int) -> None:
    found = as_json(readings(older, older.studies.get(number)))
    wanted = expected()["studies"][str(number)]
    assert found.keys() == wanted.keys()
    for key in wanted:
        assert found[key] == wanted[key], key


def test_all_else_in_the_folder_says_the_same(older: Store) -> None:
    found, wanted = as_json(whole_folder(older)), dict(expected()["folder"])
    password = wanted.pop("password")
    assert password_fits(older.researchers.password_hash(), password)
    assert not password_fits(older.researchers.password_hash(), password + ".")
    for key in wanted:
        assert found[key] == wanted[key], key


def test_every_image_and_export_of_before_is_there(older: Store) -> None:
    shown = {image for each in older.rounds.ranked(1) for image in images_of(each.round)}
    for sha in shown | {target.image for target in older.studies.targets(1)}:
        with Image.open(older.images.path(sha)) as picture:
            assert picture.size == (64, 64)
    kept = [each for each in older.exports.of_study(1) if each.path.is_file()]
    assert len(kept) == 4  # the fifth is the bundle, which lies beside
    assert all(each.path.stat().st_size == each.bytes for each in kept)


def images_of(board: Any) -> set[str]:
    return {each.image for each in board.candidates}


def test_links_of_before_open_their_pages_and_a_round_that_waited_can_be_ranked(
    older: Store,
) -> None:
    people = {label: older.participants.by_token(t) for label, t in expected()["tokens"].items()}
    assert {label: each.label for label, each in people.items() if each} == {
        name: name for name in ("Ada", "Ben", "Cleo", "Dan")
    }
    dan = people["Dan"]
    assert dan is not None and older.progress.of_participant(dan.id).phase == "generating"
    claimed = older.jobs.claim("test", ["generate"])
    assert claimed is not None and claimed.participant_id == dan.id
    board = older.rounds.get(claimed.payload["round_id"])
    made = [(picture(older, seed), Provenance("scene", "1", "", seed, 64, 64)) for seed in (1, 2)]
    assert older.rounds.add_candidates(board.id, made)
    shown = tuple(each.id for each in older.rounds.get(board.id).candidates)
    older.rankings.submit(dan.id, Submission("a ranking of today", board.id, shown, (1, 2), shown))
    assert older.progress.of_participant(dan.id).phase == "ranked"


def refitted(store: Store, study: Study) -> None:
    for scope in ("each", "pooled"):
        running = job(store, "fit", study, scope=scope)
        fit.run(store, running, Watch())
        end(store, running)


def without_clock(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_clock(v) for k, v in value.items() if k not in MADE_BY_A_CLOCK}
    return [without_clock(each) for each in value] if isinstance(value, list) else value


def same_to(found: Any, wanted: Any, bound: float, place: str = "") -> None:
    """Nested values are equal, numbers to a bound; only new entries may have come since."""
    if isinstance(wanted, dict):
        assert isinstance(found, dict) and found.keys() >= wanted.keys(), place
        for key in wanted:
            same_to(found[key], wanted[key], bound, f"{place}.{key}")
    elif isinstance(wanted, list):
        assert isinstance(found, list) and len(found) == len(wanted), place
        for index, (one, other) in enumerate(zip(found, wanted, strict=True)):
            same_to(one, other, bound, f"{place}[{index}]")
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, rel=bound, abs=bound), place
    else:
        assert found == wanted, place


def test_fitting_the_rankings_of_before_anew_gives_the_same_reports_and_weights(
    older: Store,
) -> None:
    before = sorted(older.fits.of_study(1), key=lambda each: each.id)
    refitted(older, older.studies.get(1))
    again = sorted(older.fits.of_study(1), key=lambda each: each.id)[len(before) :]
    assert len(again) == len(before) == 4
    for old, new in zip(before, again, strict=True):
        assert (new.scope, new.participant_id) == (old.scope, old.participant_id)
        assert new.used_until == old.used_until
        report = {**as_json(new.report), "history": f"rankings used up to {new.used_until}"}
        same_to(without_clock(report), without_clock(as_json(old.report)), 1e-9)
        np.testing.assert_allclose(
            CLPIPS.load(new.metric_path).weights,
            CLPIPS.load(old.metric_path).weights,
            rtol=0,
            atol=1e-9,
        )


# --- the bundle ----------------------------------------------------------------------------------


def test_a_bundle_of_before_opens_and_says_the_same(opened: tuple[Store, Study]) -> None:
    found = as_json(readings(*opened))
    wanted = {**expected()["studies"]["1"], **expected()["opened_bundle"]}
    wanted["fits"] = [{**each, "comparison": None} for each in wanted["fits"]]
    for key in wanted:
        assert found[key] == wanted[key], key


def test_a_participant_out_of_a_bundle_of_before_goes_on(opened: tuple[Store, Study]) -> None:
    store, study = opened
    cleo = next(each for each in store.participants.of_study(study.id) if each.label == "Cleo")
    assert store.participants.by_token(store.participants.renew_link(cleo.id)) == cleo
    standing = store.progress.of_participant(cleo.id)
    assert standing.can_finish_trial and standing.trial is not None
    store.trials.finish(cleo.id, standing.trial.id)
    assert store.progress.of_participant(cleo.id).done_trials == 1


# --- personal metrics ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_of_before_loads_with_the_same_weights_and_card(name: str) -> None:
    metric = CLPIPS.load(BEFORE / "metrics" / f"{name}.safetensors")
    wanted, card = expected()["metrics"][name], metric.card_
    settings = card.settings
    assert weights_sha256(metric.weights) == wanted["weights"]
    assert as_json(card.held_out) == wanted["held_out"]
    assert {
        "backbone": metric.backbone,
        "participants": list(card.participants),
        "counts": [card.n_rankings, card.n_comparisons, card.n_targets],
        "settings": [
            settings.granularity,
            settings.margin,
            settings.shrinkage,
            card.to_dict()["settings"]["start"],
            settings.seed,
        ],
        "gap": card.gap,
    } == {k: wanted[k] for k in ("backbone", "participants", "counts", "settings", "gap")}


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_of_before_gives_the_same_distances(name: str) -> None:
    metric = CLPIPS.load(BEFORE / "metrics" / f"{name}.safetensors")
    samples = sample_targets()
    with Image.open(samples[0].path) as target:
        small = target.convert("RGB").resize((128, 128), Image.Resampling.LANCZOS)
    others = [
        small.filter(ImageFilter.GaussianBlur(3)),
        ImageEnhance.Color(small).enhance(0.2),
        small.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    ]
    wanted = expected()["metrics"][name]
    assert metric.distances(small, others).values == pytest.approx(wanted["distances"], abs=1e-6)
    if name == LARGE:
        found = metric.distance(samples[0].path, samples[1].path)
        assert found == pytest.approx(wanted["sample_distance"], abs=1e-6)


@pytest.mark.parametrize(
    ("key", "options"),
    [
        ("evaluate_stock", ()),
        (
            "evaluate_personal",
            ("--weights", str(BEFORE / "metrics" / f"{LARGE}.safetensors")),
        ),
    ],
)
def test_evaluate_prints_the_same(
    key: str, options: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with zipfile.ZipFile(BEFORE / "study.zip") as archive:
        archive.extractall(tmp_path)
    assert main(["evaluate", str(tmp_path / "rankings.csv"), *options, "--json"]) in (0, None)
    same_to(json.loads(capsys.readouterr().out), expected()[key], 1e-6)
