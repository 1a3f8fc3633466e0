"""A report reads the same after its study was packed, opened elsewhere and shown there."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from compared import compared, result
from signed_in import signed_in_store, study_page
from sql import run_sql
from staged import add_vectors, job, ranked_study
from streamlit.testing.v1 import AppTest

from app.files.bundle import open_bundle, write_bundle
from app.jobs import fit
from app.jobs.paper_numbers import paper_text
from app.settings import Settings
from app.store import Store
from app.study.multiple_testing import decided, family, newest_judged
from app.study.types import Study
from clpips.errors import StudyError
from clpips.progress import Watch

POOLED = "Pooled: all participants in one metric"
VIEWS = ("Each participant", "Ada 1", "Ada 2", "Ada 3", POOLED)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Study]]:
    """Three people and the pooled metric, fitted, and compared in two feature spaces."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        store = signed_in_store(tmp_path_factory.mktemp("here"), monkeypatch)
        ready = ranked_study(store, people=3, targets=5)
        add_vectors(store, ready)
        for scope in ("pooled", "each"):
            running = job(store, "fit", ready, scope=scope, participant_id=None)
            store.jobs.finish(running.id, "test", fit.run(store, running, Watch()))
        for asked in store.jobs.latest(ready.id, kinds=["compare"]):
            store.jobs.cancel(asked.id)
        fits = store.fits.of_study(ready.id)
        people = {person.id: person.label for person in store.participants.of_study(ready.id)}
        labels = [people.get(one.participant_id or 0, "Pooled") for one in fits]
        compared(store, ready, result(fits, labels), fits)
        store.studies.set_open(ready.id, False)  # as every opened bundle is
        yield store, store.studies.get(ready.id)


@pytest.fixture
def store(whole: tuple[Store, Study]) -> Store:
    return whole[0]


@pytest.fixture
def study(whole: tuple[Store, Study]) -> Study:
    return whole[1]


def opened_elsewhere(
    store: Store, study: Study, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Store, Study]:
    """The same study on another machine, beside one with fits of its own."""
    path = folder / "study.zip"
    write_bundle(store, study.id, path, Watch())
    there = signed_in_store(folder / "there", monkeypatch)
    other = ranked_study(there, people=2, targets=2)
    add_vectors(there, other)
    running = job(there, "fit", other, scope="each", participant_id=None)
    there.jobs.finish(running.id, "test", fit.run(there, running, Watch()))
    return there, open_bundle(there, path, Watch())


def shown(study: Study, whose: str) -> list[str]:
    """Every word, table and chart of a report, in order, with the study's number taken out."""
    screen = AppTest.from_function(study_page, default_timeout=120)
    screen.query_params["study"] = str(study.id)
    screen.query_params["whose-fit"] = whose
    screen.session_state["tab"] = "Fit & report"
    screen.run()
    assert not screen.exception, screen.exception[0].message
    return [
        re.sub(r"study=\d+", "study=…", str(part))
        for element in screen.main
        if (part := readable(element)) is not None
    ]


def readable(element: Any) -> str | None:
    proto = element.proto
    if element.type == "html":
        return str(proto.body)
    if element.type in ("arrow_vega_lite_chart", "vega_lite_chart"):
        return str(proto.spec)
    if element.type in ("button", "expander", "markdown", "caption", "alert", "heading"):
        return f"{element.type}: {getattr(element, 'value', '')} {getattr(element, 'label', '')}"
    return None


def test_every_view_of_a_report_reads_the_same_afterwards(
    store: Store, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {whose: shown(study, whose) for whose in VIEWS}
    assert any("wide features" in words for words in before["Ada 1"])
    assert any("Agreement between participants" in words for words in before["Each participant"])
    _, copy = opened_elsewhere(store, study, tmp_path, monkeypatch)
    for whose in VIEWS:
        assert shown(copy, whose) == before[whose], whose


def test_every_number_is_the_same_afterwards(
    store: Store, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, copy = opened_elsewhere(store, study, tmp_path, monkeypatch)
    assert numbers(there, copy) == numbers(store, study)
    assert set(there.comparisons.of_study(copy.id)["fits"]) == {
        one.id for one in there.fits.of_study(copy.id)
    }
    for what in ("methods", "latex"):
        assert paper_text(there, copy, what) == paper_text(store, study, what)


def numbers(store: Store, study: Study) -> dict[str, Any]:
    """The corrected table of each fit and the study's part, without any fit's number."""
    judged = newest_judged(decided(store.fits.of_study(study.id)))
    parts = store.comparisons.of_fits(one.id for one in judged)
    tests = family(judged, parts)
    people = {person.id: person.label for person in store.participants.of_study(study.id)}
    of_study = {
        key: value for key, value in store.comparisons.of_study(study.id).items() if key != "fits"
    }
    found = {
        people.get(one.participant_id or 0, "Pooled"): (
            tests.tables[one.id],
            one.report,
            parts[one.id],
        )
        for one in judged
    }
    assert len(found) == 4 and tests.further is not None
    return {"fits": found, "further": tests.further, "people": tests.people, "study": of_study}


@pytest.mark.parametrize(
    ("table", "path", "value", "words"),
    [
        ("comparison", "$.table[0].agreement.spearman", '"high"', "spearman must be"),
        ("comparison", "$.table[1].p", "1.5", "p must be"),
        ("comparison", "$.table", "7", "table must be"),
        ("comparison", "$.share[0].of", '"<b>you</b>"', "of must be"),
        ("comparison", "$.needed.more", '"many"', "more must be"),
        ("study_comparison", "$.position.sentence", "{}", "sentence must be"),
        ("study_comparison", "$.fits", '["first"]', "fits"),
    ],
)
def test_a_comparison_that_no_report_could_show_is_refused(
    store: Store, study: Study, tmp_path: Path, table: str, path: str, value: str, words: str
) -> None:
    bundle = store.transfer.export_study(study.id, tmp_path / "study.sqlite")
    run_sql(bundle, f"UPDATE {table} SET part = json_set(part, '{path}', json('{value}'))")
    before = store.studies.all()
    with pytest.raises(StudyError, match=f"comparisons must be whole: .*{words}"):
        store.transfer.import_study(bundle)
    assert store.studies.all() == before


def test_a_study_that_was_compared_before_keeps_its_part(
    store: Store, study: Study, tmp_path: Path
) -> None:
    """The study's part was in the job's result alone."""
    older = store.transfer.backup(tmp_path / "clpips.sqlite")
    shutil.copytree(store.settings.images, tmp_path / "images")
    part = {"people": {"table": []}, "left_out": {}, "fits": [1]}
    run_sql(
        older,
        f"""UPDATE job SET result = json('{json.dumps({"fits": [], "study": part})}')
            WHERE kind = 'compare'""",
        "DROP TABLE study_comparison",
        "DELETE FROM _sqlite_migrations WHERE name = 'm007_the_studys_part_of_a_comparison'",
    )
    opened = Store(Settings(data_dir=tmp_path, allow_missing_images=True))
    assert opened.comparisons.of_study(study.id) == part
