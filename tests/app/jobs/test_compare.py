"""The job that compares fits: every number is the library's, and what is missing says why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from staged import add_vectors, empty_study, end, job, person, rank_once, ranked_study

from app.files.bundle import open_bundle, write_bundle
from app.files.images import add_picture
from app.jobs import compare, fit, simulate, vectors
from app.jobs import simulate as simulation
from app.jobs.comparison import more_rankings, one_fit
from app.jobs.rankings.used import used_by
from app.store import Store
from app.study.records import Fit
from app.study.settings import StudySettings
from app.study.types import Job, Study
from clpips.errors import Cancelled, WeightsError
from clpips.evaluation.baselines import hold_out_baselines
from clpips.evaluation.forecast import forecast
from clpips.evaluation.held_out import held_out
from clpips.evaluation.inter_rater import calibration
from clpips.evaluation.learning_curve import learning_curve
from clpips.evaluation.noise_ceiling import ceiling_from_others
from clpips.evaluation.repeatability import self_repeatability
from clpips.features.registry import space_of
from clpips.generation.scenes import sample_targets
from clpips.metric.clpips import CLPIPS
from clpips.metric.fit import fit_weights
from clpips.metric.pooled import PooledPrior
from clpips.metric.settings import FitSettings
from clpips.progress import Watch
from clpips.stats.agreement import Agreement, over_people
from clpips.stats.position_bias import position_bias

OWN = ["stock", "pooled", "personal", "unregularised", "layer", "tilt"]
PARTS = {"table", "curve", "forecast", "needed", "repeatability", "ceiling", "share", "left_out"}


def claimed(store: Store) -> Job:
    """The comparison that a fit or somebody else asked for."""
    found = store.jobs.claim("test", ["compare"])
    assert found is not None
    return found


def compared(store: Store, watch: Watch = Watch()) -> dict[str, Any]:  # noqa: B008 # frozen
    """What the job kept: each fit's part by its number, and the study's."""
    running = claimed(store)
    result = compare.run(store, running, watch)
    store.jobs.finish(running.id, "test", result)
    parts = store.comparisons.of_fits(result["fits"])
    return {
        "fits": {str(fit_id): part for fit_id, part in parts.items()},
        "study": store.comparisons.of_study(running.payload["study_id"]),
    }


def stopped_at(words: str) -> Watch:
    """A watch that asks to stop as soon as the work says something that begins so."""
    told: list[str] = []
    return Watch(
        progress=lambda share, said: told.append(said),
        cancelled=lambda: bool(told) and told[-1].startswith(words),
    )


def fitted(store: Store, study: Study, scope: str, whose: int | None = None) -> list[Fit]:
    running = job(store, "fit", study, scope=scope, participant_id=whose)
    result = fit.run(store, running, Watch())
    end(store, running)
    return [store.fits.get(each) for each in result["fits"]]


def line(part: dict[str, Any], name: str, space: str = "alex") -> dict[str, Any]:
    (found,) = [row for row in part["table"] if (row["name"], row["space"]) == (name, space)]
    return dict(found)


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


# --- with real networks: two simulated people, hidden repeats and a calibration set ---------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Study]]:
    """A simulated study, fitted but not compared."""
    store, chosen = Store(tmp_path_factory.mktemp("whole")), []
    for sample in sample_targets()[:4]:
        with Image.open(sample.path) as picture:
            chosen.append((sample.name, add_picture(store, picture.resize((64, 64)))))
    settings = StudySettings(
        candidates=5, min_rounds=1, max_rounds=1, image_size=64, repeats=2, calibration=2
    )
    study = store.studies.create("Simulated", settings, chosen, simulated=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulation, "PEOPLE", 2)
        running = job(store, "simulate", study)
        simulate.run(store, running, Watch())
        end(store, running)
    for _ in ("each", "pooled"):
        asked = store.jobs.claim("test", ["fit"])
        assert asked is not None
        store.jobs.finish(asked.id, "test", fit.run(store, asked, Watch()))
    yield store, study


@pytest.fixture(scope="module")
def result(whole: tuple[Store, Study]) -> dict[str, Any]:
    return as_json(compared(whole[0]))


@pytest.fixture
def person_fits(whole: tuple[Store, Study]) -> list[Fit]:
    store, study = whole
    return [
        one for one in reversed(store.fits.of_study(study.id)) if one.participant_id is not None
    ]


def test_all_fits_are_compared_at_once_also_the_pooled_one_that_was_not_named(
    whole: tuple[Store, Study], result: dict[str, Any]
) -> None:
    store, study = whole
    assert set(result["fits"]) == {str(one.id) for one in store.fits.of_study(study.id)}
    assert len(result["fits"]) == 3
    json.dumps(result, allow_nan=False)
    for part in result["fits"].values():
        assert set(part) == PARTS


def test_a_table_has_every_metric_on_the_same_rankings(
    person_fits: list[Fit], result: dict[str, Any]
) -> None:
    for each in person_fits:
        part = result["fits"][str(each.id)]
        rows = [(row["space"], row["name"]) for row in part["table"]]
        wide = [("wide", name) for name in ("stock", "pooled", "personal")]
        assert rows == [*(("alex", name) for name in OWN), *wide]
        assert {row["agreement"]["n_rankings"] for row in part["table"]} == {8}
        assert {row["n_targets"] for row in part["table"]} == {6}
        assert line(part, "stock")["gain"] is None
        assert part["left_out"] == {}


def test_the_personal_row_is_the_fits_own_report(
    person_fits: list[Fit], result: dict[str, Any]
) -> None:
    for each in person_fits:
        own, told = line(result["fits"][str(each.id)], "personal"), each.report["held_out"]
        assert own["agreement"] == told["personal"]
        assert (own["gain"], own["gain_ci"], own["p"]) == (
            told["gain"],
            told["gain_ci"],
            told["p"],
        )
        pooled = line(result["fits"][str(each.id)], "pooled")
        assert pooled["agreement"] == told["pooled"]


@pytest.mark.parametrize("space", ["alex", "wide"])
def test_every_row_is_what_the_library_says(
    whole: tuple[Store, Study], person_fits: list[Fit], result: dict[str, Any], space: str
) -> None:
    store, study = whole
    everybody = vectors.observations(store, store.rankings.of_study(study.id), space)
    own = [one for one in everybody if one.ranking.participant == "Simulated 1 (layer 1)"]
    prior = PooledPrior(everybody, space)
    fitted = fit_weights(own, space, FitSettings(), prior=prior)
    part = result["fits"][str(person_fits[0].id)]
    for name, one in hold_out_baselines(fitted, OWN[1:2] if space == "wide" else OWN[3:]).items():  # type: ignore[arg-type]
        row = line(part, name, space)
        assert row["agreement"] == as_json(one.personal.to_dict())
        assert (row["gain"], row["p"]) == (one.gain, one.p)
    expected = held_out(CLPIPS(space), own, prior=prior)
    assert line(part, "personal", space)["gain"] == expected.gain
    assert line(part, "stock", space)["agreement"]["spearman"] == expected.stock.spearman
    if space == "alex":
        curve = learning_curve(fitted)
        assert part["curve"] == as_json(curve.to_dict())
        assert part["forecast"] == as_json(forecast(curve, 16).to_dict())
        assert (part["needed"]["wanted"], part["needed"]["n_rankings"]) == (0.1, 8)


def test_the_table_over_people_is_the_mean_of_people(
    person_fits: list[Fit], result: dict[str, Any]
) -> None:
    table = {(r["name"], r["space"]): r for r in result["study"]["people"]["table"]}
    assert len(table) == 9
    for (name, space), row in table.items():
        agreements = {
            each.report["participants"][0]: Agreement(
                **line(result["fits"][str(each.id)], name, space)["agreement"]
            )
            for each in person_fits
        }
        assert row["agreement"] == as_json(over_people(agreements).to_dict())
        assert row["n_people"] == 2


def test_ceilings_come_from_hidden_repeats_and_from_the_others(
    whole: tuple[Store, Study], person_fits: list[Fit], result: dict[str, Any]
) -> None:
    store, study = whole
    rankings = store.rankings.of_study(study.id)
    others = ceiling_from_others(rankings)
    for each in person_fits:
        part, label = result["fits"][str(each.id)], each.report["participants"][0]
        own = [one for one in rankings if one.participant == label]
        repeated = self_repeatability(own)
        assert repeated.n_boards == 2
        assert part["repeatability"]["spearman"] == repeated.spearman
        lower = others.people[label].lower
        assert lower is not None
        assert part["ceiling"]["lower"]["value"] == lower.value
        shares = {one["of"]: one for one in part["share"]}
        assert set(shares) == {"repeatability", "noiseless ceiling", "other people"}
        personal = line(part, "personal")["agreement"]
        assert shares["repeatability"]["agreement"] == personal["spearman"]
        assert shares["repeatability"]["ceiling"] == repeated.spearman
        assert shares["other people"]["ceiling"] == lower.value
        by_board: dict[Any, list[float]] = {}  # simulated people share every board
        for one, value in zip(own, personal["per_ranking"], strict=True):
            by_board.setdefault((one.target, frozenset(one.images)), []).append(value)
        on_boards = np.mean([np.mean(some) for some in by_board.values()])
        assert shares["other people"]["agreement"] == pytest.approx(on_boards)


def test_the_pooled_metric_is_held_against_no_persons_ceiling(
    whole: tuple[Store, Study], result: dict[str, Any]
) -> None:
    store, study = whole
    pooled = store.fits.latest(study.id)
    assert pooled is not None
    part = result["fits"][str(pooled.id)]
    assert [row["name"] for row in part["table"]] == [n for n in OWN if n != "pooled"] + [
        "stock",
        "personal",
    ]
    assert (part["share"], set(part["left_out"])) == ([], {"share"})
    assert set(part["ceiling"]["people"]) == {
        p.label for p in store.participants.of_study(study.id)
    }


def test_people_agree_on_the_calibration_set_alone(
    whole: tuple[Store, Study], result: dict[str, Any]
) -> None:
    store, study = whole
    shared = {board.target for board in store.calibration.of_study(study.id)}
    rankings = [one for one in store.rankings.of_study(study.id) if one.target in shared]
    told = result["study"]["calibration"]
    assert (told["n_boards"], told["n_people"]) == (2, 2)
    assert told["kendalls_w"] == calibration(rankings).kendalls_w


def test_a_comparison_travels_in_a_bundle(
    whole: tuple[Store, Study], result: dict[str, Any], tmp_path: Path
) -> None:
    store, study = whole
    write_bundle(store, study.id, tmp_path / "study.zip", Watch())
    there = Store(tmp_path / "there")
    copy = open_bundle(there, tmp_path / "study.zip", Watch())
    parts = there.comparisons.of_fits(one.id for one in there.fits.of_study(copy.id))
    assert as_json(list(parts.values())) == list(result["fits"].values())
    of_study = as_json(there.comparisons.of_study(copy.id))
    assert of_study == result["study"]


def test_position_bias_is_measured_where_the_board_showed_the_images(
    whole: tuple[Store, Study], result: dict[str, Any]
) -> None:
    store, study = whole
    ranks = [one.ranks for one in store.rankings.of_study(study.id)]
    expected = position_bias(ranks, store.rankings.shown_positions(study.id))
    told = result["study"]["position"]
    assert (told["spearman"], told["sentence"]) == (expected.spearman, expected.sentence)


def test_wide_vectors_are_kept_so_a_second_comparison_needs_no_network(
    whole: tuple[Store, Study], result: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a network was opened although every vector is at hand")

    monkeypatch.setattr(vectors, "network", refuse)
    store, study = whole
    pooled = store.fits.latest(study.id)
    assert pooled is not None
    later = store.fits.add(
        study.id, None, "pooled", "alex", pooled.metric_path, pooled.report, pooled.job_id
    )
    compare.request_comparison(store, study, [later.id])
    again = as_json(compared(store))
    assert again["fits"][str(later.id)]["table"] == result["fits"][str(pooled.id)]["table"]
    same = ("people", "calibration", "position", "left_out")
    assert all(again["study"][key] == result["study"][key] for key in same)
    assert str(later.id) in again["fits"] and again["study"]["fits"][-1] == later.id


# --- with vectors out of thin air: what is missing, cancelled, older or late ----------------------


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


def add_wide(store: Store, study: Study) -> None:
    space, rng = space_of("wide"), np.random.default_rng(5)
    pairs = store.vectors.missing(study.id, "wide")
    store.vectors.add(
        (target, image, "wide", space.checksum, rng.random(len(space.stock)) / 100, False)
        for target, image in pairs
    )


@pytest.fixture
def study(store: Store) -> Study:
    ready = ranked_study(store, people=2, targets=3)
    add_vectors(store, ready)
    add_wide(store, ready)
    return ready


def test_what_cannot_be_said_has_one_sentence_and_no_exception(store: Store) -> None:
    study = empty_study(store, targets=2)
    rank_once(store, person(store, study, "One target"))
    add_vectors(store, study)
    add_wide(store, study)
    (only,) = fitted(store, study, "each")
    found = compared(store)
    part = found["fits"][str(only.id)]
    assert part["table"] == part["share"] == []
    for name in ("curve", "forecast", "needed", "repeatability", "ceiling"):
        assert part[name] is None
    assert set(part["left_out"]) == PARTS - {"left_out"}
    assert "at least two targets, got 1" in part["left_out"]["table"]
    assert set(found["study"]["left_out"]) == {"people", "calibration", "position"}
    for words in (*part["left_out"].values(), *found["study"]["left_out"].values()):
        assert words[0].isupper() and words.endswith(".") and "fault" not in words


def test_one_person_alone_has_no_pooled_row(store: Store) -> None:
    study = ranked_study(store, people=1, targets=3)
    add_vectors(store, study)
    add_wide(store, study)
    (only,) = fitted(store, study, "each")
    part = compared(store)["fits"][str(only.id)]
    assert [row["name"] for row in part["table"]] == [
        *(n for n in OWN if n != "pooled"),
        "stock",
        "personal",
    ]
    assert part["left_out"]["pooled"].startswith("No other participant had rankings")
    assert part["curve"] is not None and "4 targets" in part["left_out"]["forecast"]


def test_a_statistic_that_breaks_leaves_the_rest_standing(
    store: Store, study: Study, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise np.linalg.LinAlgError("a secret detail")

    monkeypatch.setattr(more_rankings, "learning_curve", broken)
    (first, _) = fitted(store, study, "each")
    part = compared(store)["fits"][str(first.id)]
    assert part["left_out"]["curve"] == (
        "It could not be computed because of an unexpected error (LinAlgError)."
    )
    assert len(part["table"]) == 9
    assert "a secret detail" in caplog.text


def test_without_the_wide_networks_everything_else_is_there(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise WeightsError("the weights of 'wide' could not be had: no network")

    study = ranked_study(store, people=2, targets=3)
    add_vectors(store, study)
    (first, _) = fitted(store, study, "each")
    monkeypatch.setattr(vectors, "network", refuse)
    part = compared(store)["fits"][str(first.id)]
    assert [row["name"] for row in part["table"]] == OWN
    assert part["left_out"]["wide"] == "The weights of 'wide' could not be had: no network."


def test_a_study_in_wide_is_not_compared_with_itself(store: Store) -> None:
    study = empty_study(store, targets=3, backbone="wide")
    for label in ("Ada", "Ben"):
        somebody = person(store, study, label)
        for _ in range(3):
            rank_once(store, somebody)
    add_wide(store, study)
    (first, _) = fitted(store, study, "each")
    part = compared(store)["fits"][str(first.id)]
    assert [(row["space"], row["name"]) for row in part["table"]] == [("wide", n) for n in OWN]
    assert "wide" not in part["left_out"]


def test_a_cancelled_comparison_changes_no_fit(store: Store, study: Study) -> None:
    fits = fitted(store, study, "each")
    files = {one.id: one.metric_path.read_bytes() for one in fits}
    with pytest.raises(Cancelled):
        compare.run(store, claimed(store), stopped_at("Ada 2: "))
    assert [store.fits.get(one.id) for one in fits] == fits
    assert {one.id: one.metric_path.read_bytes() for one in fits} == files


@pytest.mark.parametrize("how", ["cancelled", "killed"])
def test_what_was_compared_before_a_stop_stays_and_is_not_done_again(
    store: Store, study: Study, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    (first, second) = fitted(store, study, "each")
    running = claimed(store)
    with pytest.raises(Cancelled):
        compare.run(store, running, stopped_at("Ada 2: "))
    kept = store.comparisons.of_fits([first.id, second.id])
    assert set(kept) == {first.id}
    if how == "cancelled":
        store.jobs.confirm_cancelled(running.id, "test")
        compare.request_comparison(store, study, [first.id, second.id])
    else:
        store.jobs.release("test")
    done: list[int] = []
    whole = compare.compare_fit

    def counted(store: Store, fit: Fit, *rest: Any) -> Any:
        done.append(fit.id)
        return whole(store, fit, *rest)

    monkeypatch.setattr(compare, "compare_fit", counted)
    found = compared(store)
    assert done == [second.id]
    assert found["fits"][str(first.id)] == kept[first.id]
    assert {row["n_people"] for row in found["study"]["people"]["table"]} == {2}


def test_progress_only_grows(store: Store, study: Study) -> None:
    fitted(store, study, "each")
    told: list[float] = []
    compared(store, Watch(progress=lambda share, words: told.append(round(share, 6))))
    assert told[0] == 0 and 0.9 < max(told) <= 1
    backwards = [b for a, b in pairwise(told) if b < a - 0.11]
    assert backwards == []  # within one part a library step may begin anew


def test_a_fit_of_an_older_version_is_compared_and_said_to_differ(
    store: Store, study: Study
) -> None:
    (new, _) = fitted(store, study, "each")
    report = {
        key: value
        for key, value in new.report.items()
        if key not in ("settings", "blocks", "everyone", "used_until")
    }
    own = {**report["held_out"]["personal"], "spearman": 0.123}
    held = {"stock": report["held_out"]["stock"], "personal": own}
    old = store.fits.add(
        study.id,
        new.participant_id,
        "participant",
        "alex",
        new.metric_path,
        {**report, "held_out": held},
    )
    part = compared(store)["fits"][str(old.id)]
    assert part["left_out"]["table"] == one_fit.CHANGED
    assert line(part, "personal")["gain"] == new.report["held_out"]["gain"]


def test_a_fit_is_compared_on_the_rankings_that_it_was_made_from(
    store: Store, study: Study
) -> None:
    fits = fitted(store, study, "each")
    rank_once(store, person(store, study, "Late"))
    add_vectors(store, study)
    add_wide(store, study)
    found = compared(store)["fits"]
    for one in fits:
        assert len(used_by(store, one)) == 3
        own = line(found[str(one.id)], "pooled")
        assert own["agreement"] == one.report["held_out"]["pooled"]
        assert "table" not in found[str(one.id)]["left_out"]


def test_a_fit_that_comes_while_a_comparison_runs_is_compared_after_it(
    store: Store, study: Study
) -> None:
    fitted(store, study, "each")
    running = claimed(store)
    first = compare.run(store, running, Watch())
    (late,) = fitted(store, study, "pooled")  # what it asks for is the running job
    assert [one.state for one in store.jobs.latest(study.id, kinds=["compare"])] == ["running"]
    store.jobs.finish(running.id, "test", first)
    compare.requeue_if_stale(store, study.id)
    compare.requeue_if_stale(store, study.id)
    (asked, _) = store.jobs.latest(study.id, kinds=["compare"])
    assert (asked.state, asked.payload["fit_ids"]) == ("queued", [late.id])
    assert compare.run(store, claimed(store), Watch())["fits"][-1] == late.id
    compare.requeue_if_stale(store, study.id)
    assert len(store.jobs.latest(study.id, kinds=["compare"])) == 2
