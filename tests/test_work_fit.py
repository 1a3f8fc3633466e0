from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from staged import add_vectors, end, job, person, rank_once, ranked_study

from app.store import Store
from app.work import fit, vectors
from app.work.names import slug
from app.work.plain import plain
from clpips.errors import Cancelled, StudyError
from clpips.evaluation import fit_and_hold_out
from clpips.metric import CLPIPS
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


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a network was built although every vector is at hand")

    monkeypatch.setattr("clpips.features.Network.__init__", refuse)
    vectors.network.cache_clear()


def fitted(store: Store, study: Study, scope: str, participant_id: int | None = None) -> Any:
    running = job(store, "fit", study, scope=scope, participant_id=participant_id)
    result = fit.run(store, running, Watch())
    end(store, running)
    return result


@pytest.mark.usefixtures("no_network")
def test_a_fit_says_what_the_library_says_and_never_builds_the_network(
    store: Store, study: Study
) -> None:
    ada = store.participants(study.id)[0]
    result = fitted(store, study, "participant", ada.id)
    kept = store.fit(result["fits"][0])
    rankings = store.study_rankings(study.id, participant_id=ada.id)
    known = store.difference_vectors([(r.target, i) for r in rankings for i in r.images], "alex")
    metric = CLPIPS("alex")
    held_out = fit_and_hold_out(metric, rankings, known=known)
    assert held_out is not None
    assert kept.report["held_out"] == json.loads(json.dumps(held_out.to_dict()))
    np.testing.assert_array_equal(CLPIPS.load(kept.metric_path).weights, metric.weights)
    assert (kept.scope, kept.participant_id, result["skipped"]) == ("participant", ada.id, [])
    assert kept.metric_path.parent == store.settings.weights.absolute()


def test_a_report_has_all_that_the_pages_show(store: Store, study: Study) -> None:
    report = store.fit(fitted(store, study, "pooled")["fits"][0]).report
    assert report["participants"] == ["Ada 1", "Ada 2"]
    assert (report["n_rankings"], report["n_comparisons"], report["n_targets"]) == (6, 36, 3)
    assert report["layers"]["names"] == [f"layer {number}" for number in range(1, 6)]
    assert len(report["layers"]["stock"]) == len(report["layers"]["personal"]) == 5
    assert sum(report["shares"]["stock"]) == pytest.approx(1)
    assert (report["backbone"], report["true_layers"], report["reason"]) == ("alex", None, None)
    hashes = {target.image for target in store.targets(study.id)}
    assert {each["target"] for each in report["held_out"]["targets"]} == hashes
    last = max(each.round.ranking.submitted_at for each in store.ranked_rounds(study.id))  # type: ignore[union-attr]
    assert report["history"] == f"rankings used up to {last}"
    json.dumps(report, allow_nan=False)


def test_each_fits_everybody_who_has_enough_and_says_who_has_not(
    store: Store, study: Study
) -> None:
    person(store, study, "New here")
    rank_once(store, person(store, study, "All the same"), ranks=(1, 1, 1, 1))
    rank_once(store, person(store, study, "One target"))
    add_vectors(store, study)
    result = fitted(store, study, "each")
    fits = [store.fit(each) for each in result["fits"]]
    assert [each.report["participants"] for each in fits] == [["Ada 1"], ["Ada 2"], ["One target"]]
    assert [each["participant"] for each in result["skipped"]] == ["New here", "All the same"]
    assert "no ranking yet" in result["skipped"][0]["reason"]
    assert "ties" in result["skipped"][1]["reason"]
    assert fits[2].report["held_out"] is None
    assert "at least two targets" in fits[2].report["reason"]


def test_missing_vectors_are_computed_first(store: Store) -> None:
    study = ranked_study(store, people=1, targets=2)
    told: list[str] = []
    running = job(store, "fit", study, scope="pooled")
    fit.run(store, running, Watch(progress=lambda share, words: told.append(words)))
    assert "Comparing image 1 of 8…" in told
    assert store.missing_difference_vectors(study.id, "alex") == []
    assert len(store.fits(study.id)) == 1


def test_cancel_between_people_keeps_the_fits_that_are_done(store: Store, study: Study) -> None:
    told: list[str] = []
    watch = Watch(
        progress=lambda share, words: told.append(words),
        cancelled=lambda: bool(told) and told[-1].startswith("Fitting Ada 2"),
    )
    running = job(store, "fit", study, scope="each")
    with pytest.raises(Cancelled):
        fit.run(store, running, watch)
    assert [each.report["participants"] for each in store.fits(study.id)] == [["Ada 1"]]
    result = fit.run(store, running, Watch())  # taken over after a crash
    assert len(result["fits"]) == len(store.fits(study.id)) == 2


def test_a_stranger_or_an_unknown_scope_is_refused(store: Store, study: Study) -> None:
    with pytest.raises(StudyError, match="participant of the study, got number 99"):
        fit.run(store, job(store, "fit", study, scope="participant", participant_id=99), Watch())
    with pytest.raises(StudyError, match="scope must be one of"):
        fit.run(store, job(store, "fit", study, scope="most"), Watch())


def test_plain_leaves_no_number_that_json_cannot_hold() -> None:
    odd = {"a": [math.nan, np.float64(math.inf), np.int64(3)], "b": (1.5, None, "x")}
    assert plain(odd) == {"a": [None, None, 3], "b": [1.5, None, "x"]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Demo study", "demo-study"),
        ("Zoë & Émile!", "zoe-emile"),
        ("../../etc", "etc"),
        ("日本", "untitled"),
    ],
)
def test_a_slug_is_safe_in_any_file_name(text: str, expected: str) -> None:
    assert slug(text) == expected
