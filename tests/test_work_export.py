from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from pathlib import Path

import lpips
import numpy as np
import pandas as pd
import pytest
import torch
from staged import add_vectors, end, job, person, picture, rank_once, ranked_study

from app.records import Export, Fit
from app.store import Store
from app.work import export, fit
from clpips.errors import ClpipsError, StudyError
from clpips.images import load_image
from clpips.metric import CLPIPS
from clpips.rankings import read_rankings
from clpips.types import Study
from clpips.watch import Watch


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
    made = store.export(result["export_id"])
    assert made.name == result["name"]
    content = made.path.read_bytes()
    assert (made.bytes, made.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    return made


def rows_of(made: Export) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(made.path.read_text(encoding="utf-8"))))


def a_fit(store: Store, study: Study) -> Fit:
    running = job(store, "fit", study, scope="each")
    result = fit.run(store, running, Watch())
    end(store, running)
    return store.fit(result["fits"][0])


def test_a_metric_is_exported_as_it_was_fitted_under_a_name_for_people(
    store: Store, study: Study
) -> None:
    chosen = a_fit(store, study)
    made = exported(store, study, "metric", fit_id=chosen.id)
    assert made.name.startswith("hute-shapes-ada-1-metric-20")
    assert (made.path.suffix, made.fit_id) == (".safetensors", chosen.id)
    original = CLPIPS.load(chosen.metric_path)
    np.testing.assert_array_equal(CLPIPS.load(made.path).weights, original.weights)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_lpips_export_gives_the_personal_distances_in_the_lpips_package(
    store: Store, study: Study
) -> None:
    chosen = a_fit(store, study)
    made = exported(store, study, "lpips", fit_id=chosen.id)
    theirs = lpips.LPIPS(net="alex", pnet_rand=True, model_path=str(made.path), verbose=False)
    ours = CLPIPS.load(chosen.metric_path)
    ranking = store.study_rankings(study.id)[0]
    for image in ranking.images:
        paths = store.image_path(ranking.target), store.image_path(image)
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
    stored = store.study_rankings(study.id)
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


def test_one_persons_rankings_can_be_exported_alone(store: Store, study: Study) -> None:
    second = store.participants(study.id)[1]
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
    study_image = store.targets(study.id)[0].image
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
    with pytest.raises(StudyError, match="no ranking was submitted"):
        export.run(store, job(store, "export", other, what="csv"), Watch())
    chosen.metric_path.unlink()
    with pytest.raises(ClpipsError, match="fit again"):
        export.run(store, job(store, "export", study, what="lpips", fit_id=chosen.id), Watch())
    assert list(store.settings.exports.glob("*")) == []
    assert store.exports(study.id) == ()
