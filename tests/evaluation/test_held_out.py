"""What the held-out report says, and when it says nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pictures import layer_person, simulated

from clpips import CLPIPS
from clpips.errors import InputError, UndefinedStatistic
from clpips.evaluation.baselines import best_tilts
from clpips.evaluation.held_out import evaluate, fit_and_hold_out, held_out
from clpips.evaluation.verdict import LEVEL, PROVING_TARGETS, sentence_of, verdict_of
from clpips.metric.observations import Observation
from clpips.metric.pooled import PooledPrior
from clpips.progress import Watch
from clpips.stats.intervals import gain_interval
from clpips.stats.permutation import gain_p, least_p
from clpips.types import Ranking


@pytest.mark.parametrize(
    ("interval", "rankings", "targets", "verdict"),
    [
        ((0.01, 0.3), 8, 5, "better"),
        ((0.01, 0.3), 80, 4, "not better yet"),
        ((0.01, 0.3), 80, 3, "not better yet"),
        ((0.0, 0.3), 8, 5, "not better yet"),
        ((-0.05, 0.9), 8, 4, "not better yet"),
        ((-0.9, 0.05), 8, 4, "not better yet"),
        ((-0.3, -0.01), 8, 4, "worse"),
        ((0.2, 0.3), 4, 4, "too early"),
        ((0.2, 0.3), 20, 2, "too early"),
        (None, 20, 1, "too early"),
    ],
)
def test_the_whole_interval_decides(interval, rankings, targets, verdict) -> None:
    assert verdict_of(interval, rankings, targets) == verdict


def test_ranks_the_wrong_way_round_are_neither_better_nor_used() -> None:
    """1 = farthest: a fit can learn that well, and it is not what the person meant."""
    rng = np.random.default_rng(5)
    stock = CLPIPS("alex").weights
    observed = []
    for target in range(6):
        vectors = rng.random((5, len(stock))) / 100
        ranks = tuple((-(vectors @ stock)).argsort().argsort() + 1)
        images = tuple(f"{target}-{number}" for number in range(5))
        observed.append(Observation(Ranking("ada", str(target), images, ranks), vectors))
    result = held_out(CLPIPS("alex"), observed)
    assert result.stock.spearman == -1.0
    assert (result.verdict, result.in_use) == ("reversed", "stock")
    assert result.sentence.startswith("The ranks look reversed: stock LPIPS agrees negatively")


@pytest.mark.parametrize(
    ("stock_ci", "verdict"),
    [((-0.9, -0.1), "reversed"), ((-0.9, 0.1), "better"), ((0.1, 0.4), "better"), (None, "better")],
)
def test_stock_agreement_wholly_below_zero_means_reversed_ranks(stock_ci, verdict: str) -> None:
    assert verdict_of((0.2, 0.6), 20, 8, stock_ci=stock_ci) == verdict


@pytest.mark.parametrize("targets", [1, 3, 4, 5, 12, 13])
def test_no_gain_has_a_smaller_p_value_than_the_least(targets: int) -> None:
    largest = [np.array([1.0])] * targets
    assert gain_p(largest, seed=0).p >= least_p(targets)
    if targets <= 12:
        assert gain_p(largest, seed=0).p == least_p(targets)


def test_better_is_said_only_where_a_gain_could_be_significant() -> None:
    assert least_p(PROVING_TARGETS) <= LEVEL < least_p(PROVING_TARGETS - 1)
    gain = (0.2, (0.1, 0.3), (0.3, 0.9))
    few = sentence_of("not better yet", *gain, n_rankings=8, n_targets=4)
    assert few.startswith("Not proven to be better than stock on unseen targets: +0.20 Spearman")
    assert few.endswith("4 targets are too few to prove it, which needs 5 or more.")


def test_better_than_stock_is_not_good_where_its_own_agreement_may_be_none() -> None:
    gain, counts = (0.4, (0.1, 0.7)), {"n_rankings": 8, "n_targets": 6}
    weak = sentence_of("better", *gain, (-0.05, 0.31), **counts)
    assert "though its own agreement may be none (95 % interval -0.05 to +0.31)." in weak
    assert "though" not in sentence_of("better", *gain, (0.05, 0.31), **counts)
    assert "though" not in sentence_of("better", *gain, None, **counts)


def test_one_ranking_is_not_enough_and_two_are_not() -> None:
    one = sentence_of("too early", 0.1, None, None, n_rankings=1, n_targets=1)
    assert one.startswith("Too early to tell: 1 ranking of 1 target is not enough")
    two = sentence_of("too early", 0.1, None, None, n_rankings=2, n_targets=1)
    assert two.startswith("Too early to tell: 2 rankings of 1 target are not enough")


def test_rounds_of_one_target_are_not_independent_evidence() -> None:
    """Repeating every ranking of a target must not make the interval any narrower."""
    values = np.random.default_rng(1).normal(0.1, 0.3, 6)
    once = gain_interval([np.array([value]) for value in values])
    often = gain_interval([np.full(5, value) for value in values])
    assert often[1] == pytest.approx(once[1])


def test_a_gain_of_nothing_is_rarely_called_better() -> None:
    """True gain 0, rounds of a target correlated 0.6: at most about 2.5 % may say better."""
    rng = np.random.default_rng(2)
    called = 0
    for _ in range(2000):
        effect, noise = rng.normal(size=(5, 1)), rng.normal(size=(5, 4))
        gains = np.sqrt(0.6) * effect + np.sqrt(0.4) * noise
        _, interval = gain_interval(list(gains))
        called += verdict_of(interval, 20, 5) == "better"
    assert called / 2000 < 0.04


def test_gains_of_nothing_at_all_have_no_interval() -> None:
    assert gain_interval([]) == (None, None)
    assert gain_interval([np.array([0.1, 0.2])])[1] is None


def test_copies_of_one_picture_are_refused_with_the_reason() -> None:
    """No candidate differs from another, so there is nothing to learn."""
    same = np.tile(np.random.default_rng(0).random(1152), (4, 1))
    rankings = [
        Observation(Ranking("a", f"t{n}", ("a", "b", "c", "d"), (1, 2, 3, 4)), same)
        for n in range(3)
    ]
    metric = CLPIPS("alex")
    for fit in (fit_and_hold_out, held_out):
        with pytest.raises(InputError, match="every distance is equal"):
            fit(metric, rankings)
    assert not metric.is_fitted


@pytest.mark.parametrize("spread", [1e-2, 1e-5, 1e-7])
def test_candidates_that_are_nearly_alike_are_still_fitted(spread: float) -> None:
    """Only differences matter: the scale of what all candidates share must not drown them."""
    rng = np.random.default_rng(3)
    base = rng.random((6, 1, 1152))
    table = base + spread * rng.random((6, 8, 1152))
    truth = layer_person(2)
    rankings = []
    for target in range(6):
        ranks = tuple(int(r) for r in np.argsort(np.argsort(table[target] @ truth)) + 1)
        names = tuple(str(n) for n in range(8))
        rankings.append(Observation(Ranking("a", str(target), names, ranks), table[target]))
    metric = CLPIPS("alex").fit(rankings)
    assert 0 <= abs(metric.card_.gap) <= 2e-3
    stock = evaluate(CLPIPS("alex"), rankings).overall.spearman
    fitted = evaluate(metric, rankings).overall.spearman
    assert fitted is not None and stock is not None
    assert fitted > stock


def test_nothing_to_work_on_is_an_input_error() -> None:
    with pytest.raises(InputError):
        CLPIPS("alex").fit([])
    with pytest.raises(InputError):
        evaluate(CLPIPS("alex"), [])
    one = Observation(Ranking("a", "t", ("x", "y", "z"), (1, 2, 3)), np.eye(3, 1152))
    with pytest.raises(InputError, match="at least one metric"):
        evaluate({}, [one])
    with pytest.raises(InputError, match="'a' has rankings but no metric"):
        evaluate({"b": CLPIPS("alex")}, [one])
    with pytest.raises(UndefinedStatistic, match="two targets"):
        held_out(CLPIPS("alex"), [one])


def test_each_participant_is_scored_by_their_own_metric() -> None:
    table = np.random.default_rng(4).random((12, 30, 1152)) * 0.1
    people = {
        name: simulated(table, layer_person(layer), range(12), seed=layer, participant=name)
        for name, layer in (("ada", 0), ("bo", 4))
    }
    metrics = {name: CLPIPS("alex").fit(rankings) for name, rankings in people.items()}
    both = [*people["ada"], *people["bo"]]
    own = evaluate(metrics, both)
    swapped = evaluate({"ada": metrics["bo"], "bo": metrics["ada"]}, both)
    for name in people:
        assert own.participants[name].spearman > swapped.participants[name].spearman + 0.1


def rankings_of_each_other(rng: np.random.Generator, targets: int = 8) -> list[Observation]:
    """Each target is a candidate of all the others, as in a collection of photographs."""
    channels, found = len(CLPIPS("alex").weights), []
    for target in range(targets):
        images = tuple(f"image {n}" for n in range(targets) if n != target)
        ranks = tuple(int(each) + 1 for each in rng.permutation(len(images)))
        vectors = rng.random((len(images), channels)) / 100
        found.append(Observation(Ranking("ada", f"image {target}", images, ranks), vectors))
    return found


def with_first_image_moved(observations: list[Observation], image: str) -> list[Observation]:
    """The same, with another rank for one candidate wherever it was ranked."""
    moved = []
    for one in observations:
        images, ranks = one.ranking.images, list(one.ranking.ranks)
        if image in images:  # from its place to the last one, the others keeping their order
            place = images.index(image)
            ranks = [rank - (rank > ranks[place]) for rank in ranks]
            ranks[place] = len(ranks)
        ranking = Ranking("ada", one.ranking.target, images, tuple(ranks))
        moved.append(Observation(ranking, one.table, one.rows))
    return moved


@pytest.mark.parametrize("settings", [{}, {"granularity": "layer"}])
def test_a_target_left_out_is_left_out_as_a_candidate_too(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its place among the candidates of other targets says where it lies as well.

    Solved to the end, so that what other folds need does not show in the last digits.
    """
    monkeypatch.setattr("clpips.metric.fit.HELD_OUT_TOLERANCE", 1e-6)
    observed = rankings_of_each_other(np.random.default_rng(4))
    changed = with_first_image_moved(observed, "image 0")
    before, after = (
        held_out(CLPIPS("alex", **settings), some).folds for some in (observed, changed)
    )
    assert before is not None and after is not None
    np.testing.assert_allclose(before[:, 0], after[:, 0], rtol=1e-3, atol=1e-5)
    assert np.abs(before[:, 1] - after[:, 1]).max() > 1e-2  # the others may learn from it


def test_baselines_and_pooled_weights_leave_candidates_out_too() -> None:
    observed = rankings_of_each_other(np.random.default_rng(4))
    changed = with_first_image_moved(observed, "image 0")
    left_out = [frozenset({"image 0"}), frozenset({"image 1"})]
    tilts, pooled = [], []
    for some in (observed, changed):
        prior = PooledPrior(some, "alex")
        tilts.append(best_tilts(prior.problem, left_out, Watch())[0])
        pooled.append(prior.weights(left_out, Watch()))
    assert tilts[0] == tilts[1]
    np.testing.assert_allclose(pooled[0][:, 0], pooled[1][:, 0], rtol=1e-4, atol=1e-6)
    assert np.abs(pooled[0][:, 1] - pooled[1][:, 1]).max() > 1e-2
