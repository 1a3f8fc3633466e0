from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import zipfile
from pathlib import Path

import lpips
import numpy as np
import onnxruntime
import pandas as pd
import pytest
import torch
from staged import add_vectors, end, job, person, picture, rank_once, ranked_study

from app.jobs import export, fit
from app.store import Store
from app.study.multiple_testing import decided, family, newest_judged
from app.study.records import Export, Fit
from app.study.types import Study
from clpips.errors import Cancelled, ClpipsError, InputError, StudyError
from clpips.export.methods_text import p_text
from clpips.io.images import load_image
from clpips.io.rankings import read_rankings
from clpips.metric.clpips import CLPIPS
from clpips.progress import Watch


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


@pytest.fixture
def study(store: Store) -> Study:
    ready = ranked_study(store)
    add_vectors(store, ready)
    return ready


def exported(store: Store, study: Study, what: str, **payload: int | None) -> Export:
    running = job(store, "export", study, what=what, **payload)
    result = export.run(store, running, Watch())
    end(store, running)
    made = store.exports.get(result["export_id"])
    assert made.name == result["name"]
    content = made.path.read_bytes()
    assert (made.bytes, made.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    return made


def rows_of(made: Export) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(made.path.read_text(encoding="utf-8-sig"))))


def a_fit(store: Store, study: Study) -> Fit:
    running = job(store, "fit", study, scope="each")
    result = fit.run(store, running, Watch())
    end(store, running)
    return store.fits.get(result["fits"][0])


def test_a_metric_is_exported_as_it_was_fitted_under_a_name_for_people(
    store: Store, study: Study
) -> None:
    chosen = a_fit(store, study)
    made = exported(store, study, "metric", fit_id=chosen.id)
    assert made.name.startswith("hute-shapes-ada-1-metric-20")
    assert (made.path.suffix, made.fit_id) == (".safetensors", chosen.id)
    original = CLPIPS.load(chosen.metric_path)
    np.testing.assert_array_equal(CLPIPS.load(made.path).weights, original.weights)


def test_the_card_of_an_exported_metric_says_what_the_screens_say(
    store: Store, larger: Study
) -> None:
    chosen = a_fit(store, larger)
    shown = next(fit for fit in decided(store.fits.of_study(larger.id)) if fit.id == chosen.id)
    made = exported(store, larger, "metric", fit_id=chosen.id)
    assert CLPIPS.load(made.path).card_.held_out == shown.report["held_out"]
    assert shown.report["held_out"]["tests"] == 2


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_lpips_export_gives_the_personal_distances_in_the_lpips_package(
    store: Store, study: Study
) -> None:
    chosen = a_fit(store, study)
    made = exported(store, study, "lpips", fit_id=chosen.id)
    theirs = lpips.LPIPS(net="alex", pnet_rand=True, model_path=str(made.path), verbose=False)
    ours = CLPIPS.load(chosen.metric_path)
    ranking = store.rankings.of_study(study.id)[0]
    for image in ranking.images:
        paths = store.images.path(ranking.target), store.images.path(image)
        with torch.inference_mode():
            distance = theirs(*(load_image(path)[None] for path in paths)).item()
        assert distance == pytest.approx(ours.distance(*paths), abs=1e-6)


@pytest.mark.parametrize("what", ["csv", "parquet"])
def test_exported_rankings_read_back_beside_the_images_of_the_bundle(
    store: Store, study: Study, tmp_path: Path, what: str
) -> None:
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(exported(store, study, "bundle").path) as bundle:
        bundle.extractall(folder)
    made = exported(store, study, what)
    table = folder / f"rankings.{what}"
    table.write_bytes(made.path.read_bytes())
    read = read_rankings(table)
    stored = store.rankings.of_study(study.id)
    assert len(read) == len(stored) == 6
    for mine, theirs in zip(read, stored, strict=True):
        assert (mine.participant, mine.ranks) == (theirs.participant, theirs.ranks)
        assert (mine.trial, mine.round) == (theirs.trial, theirs.round)
        assert Path(mine.target).stem == theirs.target
        assert tuple(Path(image).stem for image in mine.images) == theirs.images


def test_a_prompt_cannot_become_a_formula_and_parquet_keeps_it_exactly(
    store: Store, study: Study
) -> None:
    rows = rows_of(exported(store, study, "csv"))
    assert {row["prompt"] for row in rows} == {"'=a hat"}
    assert sorted(row["shown_position"] for row in rows[:4]) == ["1", "2", "3", "4"]
    frame = pd.read_parquet(exported(store, study, "parquet").path)
    assert set(frame["prompt"]) == {"=a hat"}
    assert list(frame.columns) == list(rows[0])


@pytest.mark.parametrize(
    ("what", "table"),
    [
        ("2afc", "triplets.csv"),
        ("nights", "data.csv"),
        ("bradley-terry", "counts.csv"),
        ("pairs", "pairs.csv"),
    ],
)
def test_the_rankings_are_packed_in_other_tools_layouts_with_their_images(
    store: Store, study: Study, tmp_path: Path, what: str, table: str
) -> None:
    made = exported(store, study, what)
    assert (made.path.suffix, made.media_type) == (".zip", "application/zip")
    with zipfile.ZipFile(made.path) as archive:
        assert archive.testzip() is None
        assert {name.split("/")[0] for name in archive.namelist()} == {what}
        archive.extractall(tmp_path)
    folder = tmp_path / what
    assert "36 comparisons out of 6 rankings; no tie" in (folder / "README.txt").read_text()
    with (folder / table).open(newline="") as file:
        rows = list(csv.DictReader(file))
    named = [value for row in rows for value in row.values() if value.endswith(".png")]
    stored = store.rankings.of_study(study.id)
    hashes = {one.target for one in stored} | {image for one in stored for image in one.images}
    found = {hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in named}
    assert found == hashes
    assert not list(store.settings.exports.glob(".layout-*"))


def test_pairs_carry_the_prompts_and_can_be_of_one_person(
    store: Store, study: Study, tmp_path: Path
) -> None:
    second = store.participants.of_study(study.id)[1]
    made = exported(store, study, "pairs", participant_id=second.id)
    assert "-ada-2-pairs-" in made.name
    with zipfile.ZipFile(made.path) as archive:
        lines = archive.read("pairs/pairs.jsonl").decode().splitlines()
    told = [json.loads(line) for line in lines]
    assert {(one["participant"], one["prompt"]) for one in told} == {("Ada 2", "=a hat")}
    ours = {(one.trial, one.round) for one in store.rankings.of_study(study.id)}
    assert {(one["trial"], one["round"]) for one in told} == ours


def test_the_onnx_export_gives_the_personal_distances(store: Store, study: Study) -> None:
    chosen = a_fit(store, study)
    made = exported(store, study, "onnx", fit_id=chosen.id)
    ours = CLPIPS.load(chosen.metric_path)
    ranking = store.rankings.of_study(study.id)[0]
    paths = store.images.path(ranking.target), store.images.path(ranking.images[0])
    session = onnxruntime.InferenceSession(str(made.path), providers=["CPUExecutionProvider"])
    pair = dict(zip(("target", "image"), (load_image(p)[None].numpy() for p in paths), strict=True))
    (found,) = session.run(None, pair)
    assert found[0] == pytest.approx(ours.distance(*paths), abs=1e-5)


@pytest.fixture
def larger(store: Store) -> Study:
    """Enough rankings for a report that is not too early."""
    ready = ranked_study(store, targets=5)
    add_vectors(store, ready)
    return ready


def test_the_paper_quotes_no_number_that_is_too_early(store: Store, study: Study) -> None:
    a_fit(store, study)
    with pytest.raises(InputError, match="it is too early"):
        exported(store, study, "methods")


def test_the_texts_for_the_paper_say_what_the_newest_fits_say(store: Store, larger: Study) -> None:
    study = larger
    a_fit(store, study)
    a_fit(store, study)
    held_out = [one.report["held_out"] for one in store.fits.of_study(study.id)[:2]]
    text = exported(store, study, "methods").path.read_text(encoding="utf-8")
    mean = np.mean([one["personal"]["spearman"] for one in held_out])
    assert "2 participants ranked images by" in text
    assert "(5 targets). This gave 10 rankings of 4 images and 60 comparisons" in text
    told = re.search(r"([−0-9.]+)(?: \([^)]*\))? for the personal metric", text)
    assert told is not None
    assert float(told[1].replace("−", "-")) == pytest.approx(mean, abs=0.006)
    table = exported(store, study, "latex").path.read_text(encoding="utf-8")
    assert r"study ‘Hüte \& Shapes’" in table and "Ada 1" in table and "Ada 2" in table


def test_p_in_the_texts_is_corrected_as_on_the_screens(store: Store, larger: Study) -> None:
    a_fit(store, larger)
    judged = newest_judged(decided(store.fits.of_study(larger.id)))
    shown = family(judged, {})
    told = {p_text(shown.personal(fit)["p_corrected"], bare=True) for fit in judged}
    table = exported(store, larger, "latex").path.read_text(encoding="utf-8")
    assert "2 participants tested together, Benjamini–Hochberg-corrected" in table
    assert told and all(f"${p}$" in table for p in told)


def test_simulated_participants_are_called_so_in_the_paper(store: Store, larger: Study) -> None:
    study = larger
    robot, _ = store.participants.create(study.id, label="Robot", simulated=True, true_weights={})
    store.participants.consent(robot.id)
    store.participants.start(robot.id)
    for _ in range(5):
        rank_once(store, robot)
    add_vectors(store, study)
    a_fit(store, study)
    text = exported(store, study, "methods").path.read_text(encoding="utf-8")
    assert "3 participants ranked images, 1 of them simulated," in text


@pytest.mark.parametrize("what", ["2afc", "bundle"])
def test_cancelling_half_way_leaves_no_file(store: Store, study: Study, what: str) -> None:
    told: list[float] = []
    watch = Watch(lambda share, words: told.append(share), lambda: len(told) >= 20)
    with pytest.raises(Cancelled):
        export.run(store, job(store, "export", study, what=what), watch)
    assert len(told) == 20 and told == sorted(told)
    assert list(store.settings.exports.rglob("*")) == []


def test_one_persons_rankings_can_be_exported_alone(store: Store, study: Study) -> None:
    second = store.participants.of_study(study.id)[1]
    made = exported(store, study, "csv", participant_id=second.id)
    assert "-ada-2-rankings-" in made.name
    assert {row["participant"] for row in rows_of(made)} == {"Ada 2"}


def test_two_candidates_that_are_one_image_are_one_row(
    store: Store, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin = picture(store, 5)
    monkeypatch.setattr(
        "staged.picture", lambda store, seed, side: twin if seed % 2 else study_image
    )
    study_image = store.studies.targets(study.id)[0].image
    rank_once(store, person(store, study, "Twins"))
    rows = rows_of(exported(store, study, "csv"))
    assert len([row for row in rows if row["participant"] == "Twins"]) == 2


def test_what_cannot_be_exported_is_said_and_leaves_no_file(store: Store, study: Study) -> None:
    other = ranked_study(store, people=0)
    chosen = a_fit(store, study)
    for payload, sentence in [
        ({"what": "poem"}, "what must be one of"),
        ({"what": "metric"}, "must name a fit, got none"),
        ({"what": "lpips", "fit_id": 99}, "unknown number 99"),
    ]:
        with pytest.raises(StudyError, match=sentence):
            export.run(store, job(store, "export", study, **payload), Watch())
    with pytest.raises(StudyError, match="of the same study"):
        running = job(store, "export", other, what="metric", fit_id=chosen.id)
        export.run(store, running, Watch())
    for what in ("csv", "nights"):
        with pytest.raises(StudyError, match="no ranking was submitted"):
            export.run(store, job(store, "export", other, what=what), Watch())
    with pytest.raises(StudyError, match="please fit personal metrics first"):
        export.run(store, job(store, "export", other, what="methods"), Watch())
    chosen.metric_path.unlink()
    with pytest.raises(ClpipsError, match="fit again"):
        export.run(store, job(store, "export", study, what="lpips", fit_id=chosen.id), Watch())
    assert list(store.settings.exports.glob("*")) == []
    assert store.exports.of_study(study.id) == ()
