"""The job that explains a fit: its numbers, its heat-maps, and what it may not be explained by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from staged import add_vectors, empty_study, job, person, rank_once, ranked_study

from app.charts.heat_colours import COLOURS, COVER, TOP, gradient, rgb
from app.jobs import explain, fit
from app.jobs.explanation import case as cases
from app.jobs.explanation import heatmap
from app.jobs.vectors import observations
from app.store import Store
from app.study.records import Fit
from app.study.types import Study
from clpips.errors import Cancelled, StudyError
from clpips.evaluation.held_out import held_out
from clpips.metric.attribution import flipped, layer_shares, mean_vector
from clpips.metric.clpips import CLPIPS
from clpips.metric.pooled import PooledPrior
from clpips.progress import Watch

BLOCKS = 5


@pytest.fixture(scope="module")
def study_and_store(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Study]:
    """Two people, five targets, a fit of each and a pooled one; tests only add jobs to it."""
    store = Store(tmp_path_factory.mktemp("data"))
    study = ranked_study(store, people=2, targets=5)
    add_vectors(store, study)
    for scope in ("each", "pooled"):
        running = job(store, "fit", study, scope=scope, participant_id=None)
        store.jobs.finish(running.id, "test", fit.run(store, running, Watch()))
    return store, study


@pytest.fixture
def store(study_and_store: tuple[Store, Study]) -> Store:
    return study_and_store[0]


@pytest.fixture
def study(study_and_store: tuple[Store, Study]) -> Study:
    return study_and_store[1]


def fit_of(store: Store, study: Study, label: str | None) -> Fit:
    ids = {person.label: person.id for person in store.participants.of_study(study.id)}
    found = store.fits.latest(study.id, ids[label] if label else None)
    assert found is not None
    return found


def explained(store: Store, study: Study, of: Fit, **payload: Any) -> dict[str, Any]:
    running = job(store, "explain", study, fit_id=of.id, **payload)
    result = explain.run(store, running, Watch())
    store.jobs.finish(running.id, "test", result)
    return result


@pytest.fixture(scope="module")
def result(study_and_store: tuple[Store, Study]) -> dict[str, Any]:
    store, study = study_and_store
    return explained(store, study, fit_of(store, study, "Ada 1"))


# --- the numbers --------------------------------------------------------------------------------


def test_an_explanation_is_plain_json_and_says_what_it_is_of(result: dict[str, Any]) -> None:
    json.dumps(result, allow_nan=False)
    assert (result["n_rankings"], result["n_targets"]) == (5, 5)
    assert [one["name"] for one in result["blocks"]] == [f"layer {n}" for n in range(1, 6)]


def test_shares_are_those_of_the_saved_metric(
    store: Store, study: Study, result: dict[str, Any]
) -> None:
    own = fit_of(store, study, "Ada 1")
    case = cases.open_case(store, study, own, Watch())
    _, channels = cases.blocks("alex")
    mean = mean_vector(case.observations)
    saved = CLPIPS.load(own.metric_path).weights
    expected = layer_shares(mean, saved, channels)
    assert [one["personal"] for one in result["blocks"]] == pytest.approx(expected.tolist())
    assert sum(one["stock"] for one in result["blocks"]) == pytest.approx(1)
    for one in result["blocks"]:
        assert 0 <= one["low"] <= one["personal"] <= one["high"] <= 1
        assert one["differs"] == (not one["low"] <= one["stock"] <= one["high"])


def test_groups_add_up_their_layers(result: dict[str, Any]) -> None:
    early, middle, late = result["groups"]
    shares = [one["personal"] for one in result["blocks"]]
    assert early["name"] == "early layers 1–2" and early["many"]
    assert middle["name"] == "middle layer 3" and not middle["many"]
    assert early["personal"] == pytest.approx(sum(shares[:2]))
    assert late["personal"] == pytest.approx(sum(shares[3:]))


def test_every_comparison_is_judged_by_weights_that_never_saw_its_target(
    store: Store, study: Study, result: dict[str, Any]
) -> None:
    case = cases.open_case(store, study, fit_of(store, study, "Ada 1"), Watch())
    own = [case.observations[number] for number in range(5)]
    weights = np.stack([case.weights_for(one) for one in own], axis=1)
    flips = flipped(own, case.stock, weights)
    counts = result["comparisons"]
    assert (counts["gained"], counts["lost"]) == (len(flips.gained), len(flips.lost))
    assert counts["all"] == flips.n_comparisons == 30
    everybody = observations(store, store.rankings.of_study(study.id), "alex")
    found = held_out(CLPIPS("alex"), own, prior=PooledPrior(everybody, "alex"))
    assert [one.target for one in found.targets] == [one.ranking.target for one in own]
    np.testing.assert_allclose(weights, found.folds)


def test_every_turned_comparison_names_its_ranking(
    store: Store, study: Study, result: dict[str, Any]
) -> None:
    counts = result["comparisons"]
    assert len(result["turned"]) == counts["gained"] + counts["lost"] > 0
    names = {target.name for target in store.studies.targets(study.id)}
    for one in result["turned"]:
        assert one["participant"] == "Ada 1"
        assert one["target_name"] in names
        assert one["ranks"][0] < one["ranks"][1]
        before, after = (one[key][1] - one[key][0] for key in ("stock", "personal"))
        assert (before < 0 < after) if one["gained"] else (after < 0 < before)


def test_examples_are_the_largest_changes_one_a_target(result: dict[str, Any]) -> None:
    for gained in (True, False):
        own = [one for one in result["examples"] if one["gained"] is gained]
        turned = [one for one in result["turned"] if one["gained"] is gained]
        targets = {one["target"] for one in turned}
        assert len(own) == min(3, len(turned))
        assert len({one["target"] for one in own}) == min(3, len(targets))
        if own:
            assert own[0]["stock"] == turned[0]["stock"]


def test_an_example_has_each_pictures_distance_shares_and_maps(
    store: Store, result: dict[str, Any]
) -> None:
    for one in result["examples"]:
        for place, which in (("nearer", 0), ("farther", 1)):
            picture = one[place]
            assert store.images.exists(picture["image"])
            for key in ("stock", "personal"):
                assert picture[key]["distance"] == pytest.approx(one[key][which])
                assert sum(picture[key]["shares"]) == pytest.approx(1)
                assert len(picture[key]["shares"]) == BLOCKS
                with Image.open(store.images.path(picture[key]["map"])) as painted:
                    assert painted.size == (64, 64)


# --- one board ----------------------------------------------------------------------------------


def test_a_board_shows_every_picture_nearest_first(store: Store, study: Study) -> None:
    ranked = store.rounds.ranked(study.id)[2]
    found = explained(store, study, fit_of(store, study, "Ada 1"), round_id=ranked.round.id)
    board = found["board"]
    assert [one["rank"] for one in board["pictures"]] == [1, 2, 3, 4]
    assert board["participant"] == ranked.participant.label
    assert board["target"] == ranked.trial.target.image
    images = {candidate.image for candidate in ranked.round.candidates}
    assert {one["image"] for one in board["pictures"]} == images


def test_a_pooled_fit_explains_anybodys_board(store: Store, study: Study) -> None:
    ranked = store.rounds.ranked(study.id)[-1]
    found = explained(store, study, fit_of(store, study, None), round_id=ranked.round.id)
    assert found["board"]["participant"] == "Ada 2"


def test_somebody_elses_board_is_refused(store: Store, study: Study) -> None:
    theirs = store.rounds.ranked(study.id)[-1].round.id
    with pytest.raises(StudyError, match=f"that the fit used, got round number {theirs}"):
        explained(store, study, fit_of(store, study, "Ada 1"), round_id=theirs)


# --- asking again -------------------------------------------------------------------------------


def test_asking_again_paints_nothing_again(
    store: Store, study: Study, result: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a heat-map was painted twice")

    monkeypatch.setattr(explain, "distance_maps", refuse)
    again = explained(store, study, fit_of(store, study, "Ada 1"))
    assert again["painted"] == {}
    assert again["examples"] == result["examples"]


def test_a_heat_map_whose_file_is_gone_is_painted_again(
    store: Store, study: Study, result: dict[str, Any]
) -> None:
    lost = result["examples"][0]["nearer"]["personal"]["map"]
    store.images.path(lost).unlink()
    explained(store, study, fit_of(store, study, "Ada 1"))
    assert store.images.path(lost).is_file()


def test_rankings_made_after_the_fit_explain_nothing(store: Store) -> None:
    study = empty_study(store, targets=6)
    somebody = person(store, study, "Eve")
    for _ in range(5):
        rank_once(store, somebody)
    add_vectors(store, study)
    fit.run(store, job(store, "fit", study, scope="pooled"), Watch())
    rank_once(store, somebody)
    add_vectors(store, study)
    case = cases.open_case(store, study, fit_of(store, study, None), Watch())
    assert len(case.observations) == len(case.boards) == 5


# --- what cannot be explained -------------------------------------------------------------------


@pytest.mark.parametrize(("targets", "rounds"), [(4, 4), (2, 2)])
def test_too_few_rankings_or_targets_are_said(store: Store, targets: int, rounds: int) -> None:
    study = ranked_study(store, people=1, targets=targets)
    add_vectors(store, study)
    fit.run(store, job(store, "fit", study, scope="pooled"), Watch())
    with pytest.raises(StudyError, match=f"at least 5 rankings of 3 targets, got {rounds} of"):
        explained(store, study, fit_of(store, study, None))


def test_another_studys_fit_is_refused(store: Store, study: Study) -> None:
    other = empty_study(store)
    with pytest.raises(StudyError, match="of the same study"):
        explained(store, other, fit_of(store, study, "Ada 1"))


def test_a_fit_whose_file_is_gone_is_named(store: Store) -> None:
    study = ranked_study(store, people=1, targets=5)
    add_vectors(store, study)
    fit.run(store, job(store, "fit", study, scope="pooled"), Watch())
    own = fit_of(store, study, None)
    Path(own.metric_path).unlink()
    with pytest.raises(StudyError, match="please fit again"):
        explained(store, study, own)


def test_an_explanation_can_be_cancelled(store: Store, study: Study) -> None:
    running = job(store, "explain", study, fit_id=fit_of(store, study, None).id)
    told: list[str] = []
    watch = Watch(
        progress=lambda share, words: told.append(words),
        cancelled=lambda: any("Painting" in words for words in told),
    )
    with pytest.raises(Cancelled):
        explain.run(store, running, watch)


# --- layers by depth ----------------------------------------------------------------------------


def names(*runs: tuple[str, int]) -> list[str]:
    return [f"{prefix}layer {n + 1}" for prefix, count in runs for n in range(count)]


def test_seven_layers_have_three_depths() -> None:
    found = cases.grouped(names(("", 7)))
    assert [group.name for group in found] == [
        "early layers 1–3",
        "middle layer 4",
        "late layers 5–7",
    ]
    assert (found[0].first, found[-1].last) == (0, 7)


def test_blocks_that_are_no_layers_stay_by_themselves() -> None:
    found = cases.grouped([*names(("AlexNet ", 5)), "EfficientNet stage 6", "EfficientNet logits"])
    assert [group.name for group in found] == [
        "early AlexNet layers 1–2",
        "middle AlexNet layer 3",
        "late AlexNet layers 4–5",
        "EfficientNet stage 6",
        "EfficientNet logits",
    ]
    assert [(group.first, group.last) for group in found][-2:] == [(5, 6), (6, 7)]


# --- painting -----------------------------------------------------------------------------------


def test_the_colours_run_from_the_first_to_the_last_and_stay_there() -> None:
    found = heatmap.colours(np.array([-1.0, 0.0, 0.5, 1.0, 7.0]))
    assert tuple(found[0]) == tuple(found[1]) == rgb(COLOURS[0])
    assert tuple(found[3]) == tuple(found[4]) == rgb(COLOURS[-1])
    between = (np.array(rgb(COLOURS[4])) + rgb(COLOURS[5])) / 2
    np.testing.assert_allclose(found[2], between)


def test_the_colours_grow_lighter_all_the_way() -> None:
    table = np.array([rgb(colour) for colour in COLOURS])
    lightness = table @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(lightness) > 0).all()
    assert gradient().count("#") == len(COLOURS)


def test_the_picture_shows_through_and_the_map_has_its_size() -> None:
    picture = Image.fromarray(np.tile(np.array([[0, 255]], np.uint8), (40, 40)))
    painted = heatmap.paint(picture, np.full((40, 80), TOP))
    assert painted.size == (80, 40)
    values = np.asarray(painted, dtype=float)
    step = values.max(axis=(0, 1)) - values.min(axis=(0, 1))
    np.testing.assert_allclose(step, (1 - COVER) * 255, atol=1.5)


def test_equal_values_are_painted_alike_whatever_the_metric(result: Mapping[str, Any]) -> None:
    """One scale for all maps: the same value over the same picture is the same colour."""
    grey = Image.new("RGB", (32, 32), (90, 90, 90))
    one = np.asarray(heatmap.paint(grey, np.full((32, 32), 1.0)))
    two = np.asarray(heatmap.paint(grey, np.where(np.eye(32) > 0, 2.0, 1.0)))
    assert (one[0, 1] == two[0, 1]).all() and (one[0, 0] != two[0, 0]).any()
