from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from staged import empty_study, end

from app import demo
from app.files.images import add_picture
from app.jobs import fit, simulate
from app.jobs import simulate as simulation
from app.store import Store
from app.study.settings import StudySettings
from app.study.types import Job, Round, Study
from clpips.errors import Cancelled, StudyError
from clpips.features.architecture import SPECS
from clpips.features.weights import stock_weights
from clpips.generation.scenes import sample_targets
from clpips.progress import Watch
from clpips.types import Ranking

SMALL = StudySettings(candidates=5, min_rounds=2, max_rounds=2, image_size=64)


def small_study(store: Store, *, targets: int, **settings: int) -> Study:
    samples = sample_targets()[:targets]
    chosen = []
    for sample in samples:
        with Image.open(sample.path) as picture:
            chosen.append((sample.name, add_picture(store, picture.resize((64, 64)))))
    return store.studies.create("Simulated", replace(SMALL, **settings), chosen, simulated=True)


def claimed(store: Store, study: Study) -> Job:
    store.jobs.enqueue("simulate", {"study_id": study.id}, study_id=study.id, key="simulate")
    job = store.jobs.claim("test", ["simulate"])
    assert job is not None
    return job


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Study]:
    """A simulated study after its job; no test changes it."""
    store = Store(tmp_path_factory.mktemp("filled"))
    study = small_study(store, targets=5)
    job = claimed(store, study)
    result = simulate.run(store, job, Watch())
    assert result == {"participants": 5, "rankings": 50}
    end(store, job)
    return store, study


def test_simulated_people_rank_repeats_and_shared_boards_too(tmp_path: Path) -> None:
    store = Store(tmp_path)
    study = small_study(store, targets=3, repeats=2, calibration=2)
    told: list[float] = []
    stopped = Watch(
        progress=lambda share, words: told.append(share),
        cancelled=lambda: bool(told) and told[-1] >= 0.9,
    )
    with pytest.raises(Cancelled):
        simulation.fill(store, study, stopped)
    people = simulation.fill(store, study, Watch())
    assert all(person.completion_code for person in people)
    kinds = Counter(ranked.round.kind for ranked in store.rounds.ranked(study.id))
    assert kinds == {"own": 5 * 3 * 2, "repeat": 5 * 2, "calibration": 5 * 2}
    shared = [each for each in store.rounds.ranked(study.id) if each.round.kind == "calibration"]
    boards = {each.trial.target.image: set() for each in shared}
    for each in shared:
        boards[each.trial.target.image].add(frozenset(c.image for c in each.round.candidates))
    assert [len(seen) for seen in boards.values()] == [1, 1]
    assert 0.8 < np.mean(repeatability(store, study)) < 1


def repeatability(store: Store, study: Study) -> list[float]:
    """Spearman of each repeat with the ranking it repeats."""
    from clpips.stats.agreement import spearman

    found = []
    for ranked in store.rounds.ranked(study.id):
        if ranked.round.repeats is not None:
            before = nearest_first(store.rounds.get(ranked.round.repeats))
            after = nearest_first(ranked.round)
            found.append(spearman(range(len(before)), [after.index(each) for each in before]))
    return found


def nearest_first(board: Round) -> list[str]:
    assert board.ranking is not None
    images = {candidate.id: candidate.image for candidate in board.candidates}
    return [images[candidate_id] for candidate_id in board.ranking.order]


@pytest.mark.parametrize("which", range(5))
def test_true_weights_lie_nearly_all_on_one_layer_in_its_stock_shape(which: int) -> None:
    true = simulation.true_weights("alex", which)
    stock = stock_weights("alex")
    cuts = np.cumsum(SPECS["alex"].channels)[:-1]
    sums = [layer.sum() / true.sum() for layer in np.split(true, cuts)]
    assert sums[which] == pytest.approx(0.96)
    assert sorted(sums)[:4] == pytest.approx([0.01] * 4)
    assert true.sum() == pytest.approx(stock.sum())
    for mine, theirs in zip(np.split(true, cuts), np.split(stock, cuts), strict=True):
        np.testing.assert_allclose(mine / mine.sum(), theirs / theirs.sum())


def test_there_is_no_participant_of_a_sixth_layer() -> None:
    with pytest.raises(StudyError, match="between 0 and 4, got 5"):
        simulation.true_weights("alex", 5)


def test_everybody_is_labelled_simulated_and_finished(filled: tuple[Store, Study]) -> None:
    store, study = filled
    people = store.participants.of_study(study.id)
    assert [each.label for each in people] == [f"Simulated {n} (layer {n})" for n in range(1, 6)]
    assert all(each.simulated and each.completion_code for each in people)
    assert {len(each.images) for each in store.rankings.of_study(study.id)} == {5}


def test_all_see_the_same_images_in_an_order_of_their_own(filled: tuple[Store, Study]) -> None:
    store, study = filled
    boards: dict[tuple[int, int], list[list[str]]] = {}
    for ranked in store.rounds.ranked(study.id):
        place = ranked.trial.target.id, ranked.round.number
        boards.setdefault(place, []).append([c.image for c in ranked.round.candidates])
    assert all(len({tuple(sorted(shown)) for shown in seen}) == 1 for seen in boards.values())
    assert all(len({tuple(shown) for shown in seen}) > 1 for seen in boards.values())


def test_prompts_go_from_vague_to_good(filled: tuple[Store, Study]) -> None:
    store, study = filled
    attempts = {sample.name: sample.attempts for sample in sample_targets()}
    for ranked in store.rounds.ranked(study.id):
        tried = attempts[ranked.trial.target.name]
        assert ranked.round.prompt == tried[0 if ranked.round.number == 1 else 2]


def test_rankings_follow_the_true_distances_but_for_a_little_noise(
    filled: tuple[Store, Study],
) -> None:
    store, study = filled
    agreement = []
    for which, person in enumerate(store.participants.of_study(study.id)):
        for ranking in store.rankings.of_study(study.id, participant_id=person.id):
            agreement.append(true_spearman(store, ranking, simulation.true_weights("alex", which)))
    assert 0.9 < np.mean(agreement) < 1


def true_spearman(store: Store, ranking: Ranking, weights: np.ndarray) -> float:
    from clpips.stats.agreement import spearman

    pairs = [(ranking.target, image) for image in ranking.images]
    known = store.vectors.of_pairs(pairs, "alex")
    return spearman(ranking.ranks, [float(known[pair] @ weights) for pair in pairs])


def test_nothing_of_it_waits_for_the_worker_but_the_fits(filled: tuple[Store, Study]) -> None:
    store, study = filled
    queued = [
        (j.kind, j.payload["scope"]) for j in store.jobs.latest(study.id) if j.state == "queued"
    ]
    assert queued == [("fit", "pooled"), ("fit", "each")]
    assert store.vectors.missing(study.id, "alex") == []


def test_the_planted_layer_dominates_what_is_learnt(filled: tuple[Store, Study]) -> None:
    store, _ = filled
    job = store.jobs.claim("test", ["fit"])
    assert job is not None and job.payload["scope"] == "each"
    fits = [store.fits.get(each) for each in fit.run(store, job, Watch())["fits"]]
    for which, each in enumerate(fits):
        assert np.argmax(each.report["true_layers"]) == which
        # how far a layer was raised above stock: the rest of stock is still in it
        raised = np.array(each.report["layers"]["personal"]) / each.report["layers"]["stock"]
        assert np.argmax(raised) == which, raised
        share = each.report["shares"]
        assert share["personal"][which] > share["stock"][which]
        held_out = each.report["held_out"]
        assert held_out["personal"]["spearman"] > 0.7


def test_a_simulation_that_was_stopped_goes_on_to_the_same_end(
    tmp_path: Path, filled: tuple[Store, Study]
) -> None:
    store = Store(tmp_path)
    study = small_study(store, targets=5)
    for stop_at in (0.2, 0.8, 0.93):
        told = [0.0]
        watch = Watch(
            progress=lambda share, words, told=told: told.append(share),  # type: ignore[misc]
            cancelled=lambda stop_at=stop_at, told=told: told[-1] >= stop_at,  # type: ignore[misc]
        )
        with pytest.raises(Cancelled):
            simulation.fill(store, study, watch)
    simulation.fill(store, study, Watch())
    whole, its_study = filled
    assert store.rankings.of_study(study.id) == whole.rankings.of_study(its_study.id)


def test_a_study_for_people_is_not_filled(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(StudyError, match="need a simulated study"):
        simulation.fill(store, empty_study(store), Watch())
    assert not store.rounds.ranked(1)


def test_a_new_data_folder_gets_both_studies_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    demo.prepare(store)
    demo.prepare(store)
    shown = [(each.title, each.simulated, each.is_open) for each in store.studies.all()]
    assert shown == [("Demo study", False, True), ("Simulated study", True, False)]
    assert [len(store.studies.targets(each.id)) for each in store.studies.all()] == [3, 12]
    assert [(job.kind, job.state) for job in store.jobs.latest()] == [("simulate", "queued")]


def test_a_start_that_was_killed_half_way_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    with monkeypatch.context() as killed:
        killed.setattr(store.studies, "set_open", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            demo.prepare(store)
    demo.prepare(store)
    assert [each.title for each in store.studies.all()] == ["Demo study", "Simulated study"]
    assert not store.studies.all()[1].is_open
    assert len(store.jobs.latest()) == 1


def test_an_archived_demo_does_not_come_back_and_a_failed_simulation_does(tmp_path: Path) -> None:
    store = Store(tmp_path)
    demo.prepare(store)
    store.studies.set_archived(store.studies.all()[0].id, True)
    job = store.jobs.claim("test", ["simulate"])
    assert job is not None
    store.jobs.fail(job.id, "test", "no network")
    demo.prepare(store)
    assert len(store.studies.all(include_archived=True)) == 2
    assert [each.state for each in store.jobs.latest()] == ["queued", "failed"]
    store.jobs.cancel(store.jobs.latest()[0].id)
    demo.prepare(store)
    assert [each.state for each in store.jobs.latest()] == ["cancelled", "failed"]
