"""Intervals: what they are made of, what they cover, and where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from clpips.errors import InputError
from clpips.stats.cluster_robust import Clustered
from clpips.stats.intervals import HELD_OUT_REACH, bootstrap_interval, gain_interval

VALUES = np.array([0.2, 0.5, 0.65, 0.7, 0.8, 0.85, 0.9, 0.35])
UNBOUNDED = (-np.inf, np.inf)


def test_the_error_of_values_that_stand_alone_is_students() -> None:
    error, freedom = Clustered.of(VALUES, None).error()
    assert error == pytest.approx(stats.sem(VALUES))
    assert freedom == pytest.approx(len(VALUES) - 1)


def test_the_cluster_error_equals_its_definition_in_matrices() -> None:
    """CR2 and Bell and McCaffrey's freedom, from (I − H)^−½ of each cluster."""
    sizes, rng = [1, 2, 4, 8], np.random.default_rng(0)
    labels = np.repeat(np.arange(4), sizes)
    values = rng.normal(size=15)
    ones, hat = np.ones((15, 1)), np.full((15, 15), 1 / 15)
    away, pieces, variance = np.eye(15) - hat, [], 0.0
    for label in range(4):
        own = labels == label
        lengths, axes = np.linalg.eigh(away[np.ix_(own, own)])
        adjusted = axes @ np.diag(lengths**-0.5) @ axes.T @ ones[own] / 15
        variance += float((adjusted.T @ (values - values.mean())[own]).item()) ** 2
        pieces.append(away[:, own] @ adjusted)
    products = np.hstack(pieces).T @ np.hstack(pieces)
    error, freedom = Clustered.of(values, labels.tolist()).error()
    assert error == pytest.approx(np.sqrt(variance))
    assert freedom == pytest.approx(np.trace(products) ** 2 / np.trace(products @ products))


def test_with_many_normal_values_both_intervals_are_students() -> None:
    values = np.random.default_rng(1).normal(0.1, 0.3, 1500)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    reach = (expected.high - expected.low) / 2
    plain = bootstrap_interval([values], bounds=UNBOUNDED)
    _, gain = gain_interval([np.array([value]) for value in values])
    assert plain == pytest.approx((expected.low, expected.high), abs=0.1 * reach)
    assert gain == pytest.approx((expected.low, expected.high), abs=0.1 * reach)


def test_an_interval_of_agreement_is_never_narrower_than_students_on_fishers_scale() -> None:
    for seed in range(40):
        values = np.tanh(np.random.default_rng(seed).normal(1, 0.4, 6))
        centre = np.arctanh(values.mean())
        reach = stats.t.ppf(0.975, 5) * stats.sem(values) / (1 - values.mean() ** 2)
        low, high = bootstrap_interval([values], resamples=500)
        assert low <= np.tanh(centre - reach) + 1e-9
        assert high >= np.tanh(centre + reach) - 1e-9


def test_a_gains_interval_reaches_as_far_as_is_said_of_students() -> None:
    """At least 0.9 of Student's reach towards 0 and all of it away from 0, whatever the sizes."""
    sizes = [1, 1, 1, 1, 5, 9]
    for seed in range(40):
        rng = np.random.default_rng(seed)
        gains = [1 + rng.normal() + rng.normal(size=size) for size in sizes]
        labels = np.repeat(np.arange(6), sizes).tolist()
        error, freedom = Clustered.of(np.concatenate(gains), labels).error()
        student = stats.t.ppf(0.975, freedom) * error
        mean, (low, high) = gain_interval(gains, resamples=500, bounds=UNBOUNDED)
        towards, away = (mean - low, high - mean) if mean > 0 else (high - mean, mean - low)
        assert towards >= 0.9 * student - 1e-9
        assert away >= student - 1e-9


def test_a_few_large_gains_make_the_interval_reach_far() -> None:
    gains = stats.expon.ppf((np.arange(10) + 0.5) / 10)
    error = stats.sem(gains)
    mean, (low, high) = gain_interval([np.array([value]) for value in gains], bounds=UNBOUNDED)
    assert high - mean > 1.4 * stats.t.ppf(0.975, 9) * error
    assert mean - low < stats.t.ppf(0.975, 9) * error


def test_the_interval_of_skewed_values_leans_to_their_long_side() -> None:
    """As BCa does, which is the independent measure of which side is long."""
    values = np.random.default_rng(2).exponential(size=30)
    found = stats.bootstrap((values,), np.mean, random_state=np.random.default_rng(0))
    bca, mean = found.confidence_interval, values.mean()
    low, high = bootstrap_interval([values], bounds=UNBOUNDED)
    assert bca.high - mean > mean - bca.low
    assert high - mean > 1.2 * (mean - low)


@pytest.mark.parametrize(("rho", "count"), [(0.0, 5), (0.5, 10), (0.9, 5), (0.9, 12)])
def test_the_true_agreement_is_covered(rho: float, count: int) -> None:
    """93–97 %, give or take two standard errors of 500 studies; percentiles reach 75–88 %."""
    rng = np.random.default_rng(3)
    x, e = rng.normal(size=(2, 60_000, 8))
    y = rho * x + np.sqrt(1 - rho**2) * e
    apart = x.argsort(1).argsort(1) - y.argsort(1).argsort(1)
    pool = 1 - 6 * (apart**2).sum(1) / (8 * 63)
    intervals = [
        bootstrap_interval([values], resamples=500)
        for values in pool[rng.integers(0, len(pool), (500, count))]
    ]
    held = np.mean([low <= pool.mean() <= high for low, high in intervals])
    assert 0.907 < held < 0.987


def test_a_gain_of_nothing_is_rarely_called_one() -> None:
    """True gain 0, rounds of a target correlated ½, targets of unequal size: about 2.5 %."""
    rng, called = np.random.default_rng(4), 0
    for _ in range(800):
        gains = [0.2 * rng.normal() + 0.2 * rng.normal(size=size) for size in (1, 2, 3, 1, 2, 3)]
        _, interval = gain_interval(gains, resamples=500)
        called += interval[0] > 0
    assert called / 800 < 0.04


def test_rounds_of_one_target_are_not_independent_evidence() -> None:
    """Repeating every ranking of a target must not make either interval any narrower."""
    often, labels = np.tile(VALUES, 3), list(range(8)) * 3
    assert bootstrap_interval([often], clusters=[labels]) == pytest.approx(
        bootstrap_interval([VALUES])
    )
    once = gain_interval([np.array([value]) for value in VALUES])
    assert gain_interval([np.full(3, value) for value in VALUES])[1] == pytest.approx(once[1])


def test_turning_every_gain_round_turns_its_interval_round() -> None:
    gains = [np.array([value]) for value in VALUES]
    mean, (low, high) = gain_interval(gains)
    turned, interval = gain_interval([-one for one in gains])
    assert turned == pytest.approx(-mean)
    assert interval == pytest.approx((-high, -low))


def test_bounds_of_another_range_move_the_interval_with_them() -> None:
    low, high = bootstrap_interval([VALUES])
    shares = bootstrap_interval([(VALUES + 1) / 2], bounds=(0.0, 1.0))
    assert shares == pytest.approx(((low + 1) / 2, (high + 1) / 2))


def test_an_interval_stays_within_its_bounds() -> None:
    low, high = bootstrap_interval([np.array([1.0, 1.0, 0.99, -0.9])])
    assert -1 <= low < high <= 1


def test_people_who_vary_alike_are_known_better_together() -> None:
    low, high = bootstrap_interval([VALUES])
    together = bootstrap_interval([VALUES, VALUES - 0.1, VALUES + 0.05])
    assert together[1] - together[0] < 0.75 * (high - low)


def test_the_seed_alone_decides_the_draws() -> None:
    assert bootstrap_interval([VALUES], seed=5) == bootstrap_interval([VALUES], seed=5)
    assert bootstrap_interval([VALUES], seed=5) != bootstrap_interval([VALUES], seed=6)


def test_where_nothing_is_known_of_the_spread_there_is_no_interval() -> None:
    assert bootstrap_interval([]) is None
    assert bootstrap_interval([VALUES, VALUES[:1]]) is None
    assert bootstrap_interval([np.ones(5)]) is None
    assert bootstrap_interval([VALUES], clusters=[[0] * 8]) is None
    assert gain_interval([]) == (None, None)
    assert gain_interval([VALUES])[1] is None
    assert gain_interval([np.array([0.5])] * 4) == (0.5, None)


def test_gains_of_exactly_nothing_have_an_interval_of_nothing() -> None:
    assert gain_interval([np.zeros(2)] * 4) == (0.0, (0.0, 0.0))


def test_impossible_input_is_named() -> None:
    with pytest.raises(InputError, match="NaN or infinity"):
        bootstrap_interval([np.array([0.1, np.nan])])
    with pytest.raises(InputError, match="must lie within"):
        bootstrap_interval([np.array([0.1, 1.5])])
    with pytest.raises(InputError, match="one cluster per value"):
        bootstrap_interval([VALUES], clusters=[[1, 2]])
    with pytest.raises(InputError, match="level"):
        gain_interval([VALUES], level=1.0)


def test_a_held_out_gains_interval_reaches_farther_up_and_stays_where_gains_can_be() -> None:
    gains = [np.array([value]) for value in VALUES]
    mean, (low, high) = gain_interval(gains)
    _, (lower, upper) = gain_interval(gains, reach=HELD_OUT_REACH)
    assert (mean - lower) / (mean - low) == pytest.approx(HELD_OUT_REACH[0])
    assert (upper - mean) / (high - mean) == pytest.approx(HELD_OUT_REACH[1])
    assert gain_interval([np.array([1.9]), np.array([-1.5])])[1] == (-2.0, 2.0)
