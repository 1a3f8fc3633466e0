"""The learning curve, its forecast, and how many more rankings an interval needs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pictures import layer_person, simulated
from scipy import stats

from clpips import CLPIPS
from clpips.errors import Cancelled, InputError, UndefinedStatistic
from clpips.evaluation.forecast import forecast, rankings_needed
from clpips.evaluation.held_out import fit_and_hold_out
from clpips.evaluation.learning_curve import LearningCurve, learning_curve
from clpips.metric.fit import FittedWeights, fit_weights
from clpips.metric.settings import FitSettings
from clpips.progress import Watch


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    """Positive, heavy-tailed vectors: (target, image, channel)."""
    rng = np.random.default_rng(0)
    scale = rng.lognormal(0, 0.8, (12, 24, 1))
    return 0.01 * scale * rng.lognormal(0, 0.7, (12, 24, 1152))


def fitted(table: np.ndarray, targets: int, *, noise: float = 0.1) -> FittedWeights:
    rankings = simulated(table, layer_person(1), range(targets), seed=1, noise=noise)
    return fit_weights(rankings, "alex", FitSettings())


@pytest.fixture(scope="module")
def curve(table: np.ndarray) -> LearningCurve:
    return learning_curve(fitted(table, 8), repeats=2)


def test_its_ends_are_what_the_held_out_report_says(table, curve) -> None:
    rankings = simulated(table, layer_person(1), range(8), seed=1, noise=0.1)
    report = fit_and_hold_out(CLPIPS("alex"), rankings)
    assert curve.points[0].spearman == pytest.approx(report.stock.spearman)
    assert curve.points[-1].spearman == pytest.approx(report.personal.spearman, abs=0.01)
    assert curve.points[-1].gain == pytest.approx(report.gain, abs=0.01)


def test_every_size_scores_every_ranking(curve) -> None:
    assert curve.values.shape == (len(curve.points), 8)
    for point, row in zip(curve.points, curve.values, strict=True):
        assert point.spearman == pytest.approx(row.mean())
    assert [point.n_targets for point in curve.points][:2] == [0, 2]
    assert curve.n_rankings == curve.points[-1].n_rankings == 8


def test_the_same_seed_gives_the_same_curve(table, curve) -> None:
    again = learning_curve(fitted(table, 8), repeats=2)
    np.testing.assert_array_equal(again.values, curve.values)
    assert again.to_dict() == curve.to_dict()


def test_progress_rises_and_cancel_stops(table) -> None:
    plan, told = fitted(table, 5), []
    watch = Watch(lambda fraction, words: told.append(fraction))
    learning_curve(plan, repeats=1, watch=watch)
    assert all(0 <= fraction <= 1 for fraction in told)
    with pytest.raises(Cancelled):
        learning_curve(plan, repeats=1, watch=Watch(cancelled=lambda: True))


def test_too_few_targets_and_impossible_sizes_are_named(table) -> None:
    with pytest.raises(UndefinedStatistic, match="at least two targets, got 1"):
        learning_curve(fitted(table, 1))
    plan = fitted(table, 3)
    with pytest.raises(InputError, match="between 2 and 3"):
        learning_curve(plan, sizes=[4])
    with pytest.raises(InputError, match="at least one repeat"):
        learning_curve(plan, repeats=0)


def grown(gains: list[float], *, spread: float, seed: int = 0) -> LearningCurve:
    """A curve of 10 targets that rises from 0.5 by given gains at 2, 5 and 10 rankings."""
    rng = np.random.default_rng(seed)
    boards = 0.5 + spread * stats.zscore(rng.normal(size=10))
    noise = 0.01 * rng.normal(size=(4, 10))
    noise -= noise.mean(axis=1, keepdims=True)
    values = boards + np.array([0, *gains])[:, None] + noise
    sizes = [0, 2, 5, 10]
    from clpips.evaluation.learning_curve import _curve

    names = tuple(f"target {number}" for number in range(10))
    return _curve(values, names, sizes, repeats=1, seed=0)


def test_a_rising_curve_is_expected_to_rise_on_and_a_flat_one_not() -> None:
    rising = grown([0.05, 0.1, 0.16], spread=0.05)
    level = grown([0.16, 0.16, 0.16], spread=0.05)
    assert forecast(rising, 20).spearman > rising.points[-1].spearman + 0.03
    assert forecast(level, 20).spearman == pytest.approx(level.points[-1].spearman, abs=0.02)


def test_the_boards_to_come_widen_a_forecast_as_sampling_says() -> None:
    """A flat curve teaches nothing more: only (1 − n/N) of the mean's variance is left."""
    told = forecast(grown([0.0, 0.0, 0.0], spread=0.2), 20)
    low, high = np.arctanh(told.interval)
    error = stats.sem(0.5 + 0.2 * stats.zscore(np.random.default_rng(0).normal(size=10)))
    expected = 2 * stats.t.ppf(0.975, 9) * error * np.sqrt(0.5) / (1 - 0.5**2)
    assert high - low == pytest.approx(expected, rel=0.15)


def test_no_forecast_passes_perfect_agreement_and_none_looks_back() -> None:
    steep = grown([0.2, 0.35, 0.48], spread=0.02)
    told = forecast(steep, 100)
    assert told.interval[0] < told.spearman < told.interval[1] <= 1
    assert told.sentence.startswith("With 90 more rankings held-out agreement is expected")
    assert told.to_dict()["interval"] == told.interval
    with pytest.raises(InputError, match="more rankings than the 10 so far, got 10"):
        forecast(steep, 10)
    with pytest.raises(UndefinedStatistic, match="at least 4 targets, got 3"):
        forecast(replace(steep, n_targets=3), 20)


def test_the_number_of_rankings_needed_is_the_first_that_is_enough() -> None:
    values = np.random.default_rng(0).normal(0.6, 0.25, 10)
    found = rankings_needed(values, 0.1)

    def half(n: int) -> float:
        return float(stats.t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n))

    assert half(10 + found.more) <= 0.1 < half(10 + found.more - 1)
    assert found.now == pytest.approx(half(10))
    assert found.then == pytest.approx(half(10 + found.more))
    assert f"With {found.more} more rankings" in found.sentence


def test_rankings_of_few_targets_need_as_many_more_as_their_targets_vary() -> None:
    values = np.random.default_rng(1).normal(0.5, 0.25, 6)
    once = rankings_needed(values, 0.05)
    twice = rankings_needed(np.repeat(values, 2), 0.05, clusters=[n // 2 for n in range(12)])
    assert twice.now == pytest.approx(once.now)
    assert twice.more == pytest.approx(2 * once.more, abs=2)


def test_a_narrow_interval_needs_no_more_and_an_unknown_one_has_no_number() -> None:
    values = np.array([0.5, 0.52, 0.51, 0.5])
    found = rankings_needed(values, 0.2)
    assert found.more == 0
    assert "no more are needed" in found.sentence
    with pytest.raises(UndefinedStatistic, match="from rankings of two targets on, got 1"):
        rankings_needed(values[:1], 0.1)
    with pytest.raises(UndefinedStatistic, match="all agree equally"):
        rankings_needed(np.ones(4), 0.1)
    with pytest.raises(InputError, match="positive number, got 0"):
        rankings_needed(values, 0)
