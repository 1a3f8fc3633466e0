from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from staged import CHANNELS, add_vectors, empty_study, end, job, person, rank_once, ranked_study

from app.jobs import fit, vectors
from app.jobs.json_values import to_json
from app.jobs.slug import slug
from app.jobs.vectors import observations
from app.store import Store
from app.study.submission import Submission
from app.study.types import Study
from app.worker import Worker
from clpips.errors import Cancelled, StudyError
from clpips.evaluation.held_out import fit_and_hold_out
from clpips.features.architecture import SPECS
from clpips.metric.clpips import CLPIPS
from clpips.metric.comparisons import ranking_weights
from clpips.metric.pooled import PooledPrior
from clpips.progress import Watch


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

    monkeypatch.setattr("clpips.features.lpips.Network.__init__", refuse)
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
    ada = store.participants.of_study(study.id)[0]
    result = fitted(store, study, "participant", ada.id)
    kept = store.fits.get(result["fits"][0])
    rankings = store.rankings.of_study(study.id, participant_id=ada.id)
    prior = PooledPrior(observations(store, store.rankings.of_study(study.id), "alex"), "alex")
    metric = CLPIPS("alex")
    own = observations(store, rankings, "alex")
    held_out = fit_and_hold_out(metric, own, prior=prior)
    assert held_out is not None
    assert kept.report["held_out"] == json.loads(json.dumps(held_out.to_dict()))
    np.testing.assert_array_equal(CLPIPS.load(kept.metric_path).weights, metric.weights)
    assert (kept.scope, kept.participant_id, result["skipped"]) == ("participant", ada.id, [])
    assert kept.metric_path.parent == store.settings.weights.absolute()


def test_a_personal_fit_starts_from_everybody_and_says_so(store: Store, study: Study) -> None:
    ada = store.participants.of_study(study.id)[0]
    report = store.fits.get(fitted(store, study, "participant", ada.id)["fits"][0]).report
    assert report["settings"]["start"] == "everyone"
    assert set(report["settings"]) == {"granularity", "margin", "shrinkage", "start", "seed"}
    last = max(each.round.ranking.submitted_at for each in store.rounds.ranked(study.id))  # type: ignore[union-attr]
    assert report["everyone"] == {"n_people": 2, "n_rankings": 6, "until": last}
    assert report["held_out"]["pooled"]["n_rankings"] == 3
    assert [block["channels"] for block in report["blocks"]] == [64, 192, 384, 256, 256]
    pooled = store.fits.get(fitted(store, study, "pooled")["fits"][0]).report
    assert (pooled["settings"]["start"], pooled["everyone"]) == ("stock", None)


@pytest.mark.parametrize("other", ["nobody", "ties"])
def test_where_nobody_else_compares_a_fit_starts_from_stock(store: Store, other: str) -> None:
    study = ranked_study(store, people=1)
    if other == "ties":
        rank_once(store, person(store, study, "All the same"), ranks=(1, 1, 1, 1))
    add_vectors(store, study)
    report = store.fits.get(fitted(store, study, "each")["fits"][0]).report
    assert (report["settings"]["start"], report["everyone"]) == ("stock", None)
    assert report["held_out"]["pooled"] is None


def test_the_pooled_prior_is_made_once_for_all_people(
    store: Store, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[PooledPrior] = []
    given: list[PooledPrior | None] = []
    really = fit.fit_and_hold_out

    def make(found: Any, space: str) -> PooledPrior:
        made.append(PooledPrior(found, space))
        return made[-1]

    def hold_out(*args: Any, prior: PooledPrior | None, **options: Any) -> Any:
        given.append(prior)
        return really(*args, prior=prior, **options)

    monkeypatch.setattr("app.jobs.rankings.used.PooledPrior", make)
    monkeypatch.setattr(fit, "fit_and_hold_out", hold_out)
    fitted(store, study, "each")
    assert len(made) == 1 and given == [made[0], made[0]]


def test_a_fit_asks_for_one_comparison(store: Store, study: Study) -> None:
    result = fitted(store, study, "each")
    fitted(store, study, "pooled")
    (asked,) = store.jobs.latest(study.id, kinds=["compare"])
    assert (asked.state, asked.study_id) == ("queued", study.id)
    assert dict(asked.payload) == {"study_id": study.id, "fit_ids": result["fits"]}


def test_a_fit_of_nobody_asks_for_no_comparison(store: Store) -> None:
    study = ranked_study(store, people=0)
    person(store, study, "New here")
    assert fitted(store, study, "each")["fits"] == []
    assert store.jobs.latest(study.id, kinds=["compare"]) == ()


def test_a_hidden_repeat_shares_its_boards_weight_and_is_no_further_evidence(store: Store) -> None:
    study = empty_study(store, targets=4, repeats=3)
    ada = person(store, study, "Ada")
    for _ in range(4):
        rank_once(store, ada)
    add_vectors(store, study)
    before = store.fits.get(fitted(store, study, "each")["fits"][0]).report
    for _ in range(3):  # the same order again, of three boards
        board = store.progress.of_participant(ada.id).round
        assert board is not None and board.repeats is not None
        first = store.rounds.get(board.repeats)
        assert first.ranking is not None
        images = {each.id: each.image for each in first.candidates}
        again = {each.image: each.id for each in board.candidates}
        order = tuple(again[images[each]] for each in first.ranking.order)
        shown = tuple(each.id for each in board.candidates)
        store.rankings.submit(
            ada.id, Submission(f"once-again-{board.id}", board.id, order, (1, 2, 3, 4), shown)
        )
        store.final_boards.show_next(ada.id, board.id)
    rankings = store.rankings.of_study(study.id)
    assert sorted(ranking_weights(rankings)) == [0.5] * 6 + [1.0]
    after = store.fits.get(fitted(store, study, "each")["fits"][0]).report
    assert (before["n_rankings"], after["n_rankings"]) == (4, 7)
    # Targets are what varies independently: ranked once more, one is no second target.
    assert after["held_out"]["n_targets"] == before["held_out"]["n_targets"] == 4
    # With settings given, it is the same problem, solved twice to a tolerance.
    own = observations(store, rankings, "alex")
    once = list({each.ranking.target: each for each in own}.values())
    given = {"granularity": "channel", "margin": 1.0, "shrinkage": 0.1}
    first, again_too = (CLPIPS("alex", **given).fit(part).weights for part in (once, own))
    moved = np.linalg.norm(first - CLPIPS("alex").weights)
    assert np.linalg.norm(again_too - first) < 0.2 * moved


def test_a_ranking_that_comes_during_the_fit_is_not_said_to_be_used(
    store: Store, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = max(each.round.ranking.submitted_at for each in store.rounds.ranked(study.id))  # type: ignore[union-attr]
    really = fit.fit_and_hold_out

    def meanwhile(*args: Any, **options: Any) -> Any:
        time.sleep(0.005)
        rank_once(store, person(store, study))
        return really(*args, **options)

    monkeypatch.setattr(fit, "fit_and_hold_out", meanwhile)
    report = store.fits.get(fitted(store, study, "pooled")["fits"][0]).report
    assert (report["used_until"], report["n_rankings"]) == (before, 6)


def test_a_report_has_all_that_the_pages_show(store: Store, study: Study) -> None:
    report = store.fits.get(fitted(store, study, "pooled")["fits"][0]).report
    assert report["participants"] == ["Ada 1", "Ada 2"]
    assert (report["n_rankings"], report["n_comparisons"], report["n_targets"]) == (6, 36, 3)
    assert report["layers"]["names"] == [f"layer {number}" for number in range(1, 6)]
    assert len(report["layers"]["stock"]) == len(report["layers"]["personal"]) == 5
    assert sum(report["shares"]["stock"]) == pytest.approx(1)
    assert (report["backbone"], report["true_layers"], report["reason"]) == ("alex", None, None)
    hashes = {target.image for target in store.studies.targets(study.id)}
    assert {each["target"] for each in report["held_out"]["targets"]} == hashes
    last = max(each.round.ranking.submitted_at for each in store.rounds.ranked(study.id))  # type: ignore[union-attr]
    assert report["used_until"] == last
    json.dumps(report, allow_nan=False)


def test_each_fits_everybody_who_has_enough_and_says_who_has_not(
    store: Store, study: Study
) -> None:
    person(store, study, "New here")
    rank_once(store, person(store, study, "All the same"), ranks=(1, 1, 1, 1))
    rank_once(store, person(store, study, "One target"))
    add_vectors(store, study)
    result = fitted(store, study, "each")
    fits = [store.fits.get(each) for each in result["fits"]]
    assert [each.report["participants"] for each in fits] == [["Ada 1"], ["Ada 2"], ["One target"]]
    assert [each["participant"] for each in result["skipped"]] == ["New here", "All the same"]
    assert "no ranking yet" in result["skipped"][0]["reason"]
    assert "ties" in result["skipped"][1]["reason"]
    assert fits[2].report["held_out"] is None
    assert "at least two targets" in fits[2].report["reason"]


@pytest.mark.parametrize("scope", ["participant", "each", "pooled"])
def test_equal_distances_fail_the_job_and_write_nothing(store: Store, scope: str) -> None:
    study = ranked_study(store)
    checksum, same = SPECS["alex"].sha256 or "", np.full(CHANNELS, 0.01)
    missing = store.vectors.missing(study.id, "alex")
    store.vectors.add((target, image, "alex", checksum, same, False) for target, image in missing)
    ada = store.participants.of_study(study.id)[0]
    store.jobs.enqueue(
        "fit",
        {"study_id": study.id, "scope": scope, "participant_id": ada.id},
        study_id=study.id,
    )
    assert Worker(store.settings).do_next(["fit"])
    (ended,) = store.jobs.latest(study.id, kinds=["fit"])
    assert ended.state == "failed"
    assert "Every distance is equal" in ended.message
    assert list(store.settings.weights.glob("*")) == []
    assert store.fits.of_study(study.id) == ()


def test_a_person_whose_distances_are_equal_is_named_and_the_others_are_fitted(
    store: Store, study: Study
) -> None:
    same = person(store, study, "All alike")
    rank_once(store, same)
    checksum, vector = SPECS["alex"].sha256 or "", np.full(CHANNELS, 0.01)
    missing = store.vectors.missing(study.id, "alex")
    store.vectors.add((target, image, "alex", checksum, vector, False) for target, image in missing)
    result = fitted(store, study, "each")
    assert len(result["fits"]) == 2
    assert [each["participant"] for each in result["skipped"]] == ["All alike"]
    assert result["skipped"][0]["reason"].startswith("Every distance is equal")


def test_missing_vectors_are_computed_first(store: Store) -> None:
    study = ranked_study(store, people=1, targets=2)
    told: list[str] = []
    running = job(store, "fit", study, scope="pooled")
    fit.run(store, running, Watch(progress=lambda share, words: told.append(words)))
    assert "Comparing image 1 of 8…" in told
    assert store.vectors.missing(study.id, "alex") == []
    assert len(store.fits.of_study(study.id)) == 1


def test_cancel_between_people_keeps_the_fits_that_are_done(store: Store, study: Study) -> None:
    told: list[str] = []
    watch = Watch(
        progress=lambda share, words: told.append(words),
        cancelled=lambda: bool(told) and told[-1].startswith("Fitting Ada 2"),
    )
    running = job(store, "fit", study, scope="each")
    with pytest.raises(Cancelled):
        fit.run(store, running, watch)
    assert [each.report["participants"] for each in store.fits.of_study(study.id)] == [["Ada 1"]]
    result = fit.run(store, running, Watch())  # taken over after a crash
    assert len(result["fits"]) == len(store.fits.of_study(study.id)) == 2


def test_a_stranger_or_an_unknown_scope_is_refused(store: Store, study: Study) -> None:
    with pytest.raises(StudyError, match="participant of the study, got number 99"):
        fit.run(store, job(store, "fit", study, scope="participant", participant_id=99), Watch())
    with pytest.raises(StudyError, match="scope must be one of"):
        fit.run(store, job(store, "fit", study, scope="most"), Watch())


def test_plain_leaves_no_number_that_json_cannot_hold() -> None:
    odd = {"a": [math.nan, np.float64(math.inf), np.int64(3)], "b": (1.5, None, "x")}
    assert to_json(odd) == {"a": [None, None, 3], "b": [1.5, None, "x"]}


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
