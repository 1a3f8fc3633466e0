"""Every statistic against somebody else's implementation or a published table."""

from __future__ import annotations

import json
from dataclasses import astuple
from typing import Any

import numpy as np
import pandas as pd
import pingouin
import pytest
from scipy import stats

from clpips.errors import InputError, UndefinedStatistic
from clpips.stats.agreement import (
    Agreement,
    bootstrap_interval,
    icc,
    over_people,
    over_rankings,
    spearman,
)
from clpips.stats.icc import intraclass_report

RANKS = [1, 2, 3, 4, 5, 6]


def test_identical_orders_agree_perfectly() -> None:
    assert icc([(RANKS, RANKS)]) == pytest.approx(1)


def icc_by_hand(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """McGraw and Wong (1996) for two raters, from sums of squares: ICC(A,1), ICC(C,1)."""
    table, n, k = np.stack([x, y], axis=1), len(x), 2
    mean = table.mean()
    rows = k * ((table.mean(axis=1) - mean) ** 2).sum() / (n - 1)
    columns = n * ((table.mean(axis=0) - mean) ** 2).sum() / (k - 1)
    total = ((table - mean) ** 2).sum()
    error = (total - rows * (n - 1) - columns * (k - 1)) / ((n - 1) * (k - 1))
    absolute = (rows - error) / (rows + (k - 1) * error + k * (columns - error) / n)
    return absolute, (rows - error) / (rows + (k - 1) * error)


def test_icc_equals_the_sums_of_squares_on_within_ranking_ranks() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        ratings = [(rng.integers(1, 5, 7), rng.integers(0, 9, 7)) for _ in range(4)]
        x = np.concatenate([stats.rankdata(human) for human, _ in ratings])
        y = np.concatenate([stats.rankdata(metric) for _, metric in ratings])
        absolute, consistent = icc_by_hand(x, y)
        assert icc(ratings) == pytest.approx(absolute, abs=1e-9)
        assert icc(ratings, form="ICC(C,1)") == pytest.approx(consistent, abs=1e-9)


def test_consistency_icc_on_ranks_without_ties_equals_spearman() -> None:
    rng = np.random.default_rng(4)
    for n in (5, 8, 10):
        human, metric = rng.permutation(n) + 1, rng.permutation(n)
        assert icc([(human, metric)], form="ICC(C,1)") == pytest.approx(spearman(human, metric))


def test_icc_equals_pingouins_with_ties() -> None:
    rng = np.random.default_rng(8)
    for _ in range(5):
        ratings = [(rng.integers(1, 4, 6), rng.integers(0, 4, 6)) for _ in range(3)]
        columns = [
            np.concatenate([stats.rankdata(side) for side in sides])
            for sides in zip(*ratings, strict=True)
        ]
        frame = pd.DataFrame({"row": np.arange(18), "person": columns[0], "metric": columns[1]})
        long = frame.melt(id_vars="row", var_name="rater", value_name="rank")
        table = pingouin.intraclass_corr(long, targets="row", raters="rater", ratings="rank")
        theirs = table.set_index("Type")["ICC"]
        for form in ("ICC(A,1)", "ICC(C,1)"):
            assert icc(ratings, form=form) == pytest.approx(theirs[form], abs=1e-8)
        assert over_rankings(ratings).icc == pytest.approx(theirs["ICC(A,1)"], abs=1e-8)


def test_an_agreement_states_the_f_test_of_its_icc() -> None:
    ratings = some_ratings(4, seed=6)
    found = over_rankings(ratings).to_dict()
    table = np.stack(
        [
            np.concatenate([stats.rankdata(side) for side in sides])
            for sides in zip(*ratings, strict=True)
        ],
        axis=1,
    )
    report = intraclass_report(table, form="ICC(A,1)")
    keys = ("icc", "icc_f", "icc_df1", "icc_df2", "icc_p", "icc_f_ci")
    assert tuple(found[key] for key in keys) == astuple(report)
    assert found["icc_df1"] == found["icc_df2"] == 4 * 8 - 1
    assert over_rankings([]).icc_f is None
    perfect = over_rankings([(RANKS, RANKS)])
    assert (perfect.icc, perfect.icc_f, perfect.icc_f_ci) == (1.0, None, None)
    json.dumps(perfect.to_dict(), allow_nan=False)


def test_an_icc_of_nothing_is_undefined_and_other_forms_are_refused() -> None:
    with pytest.raises(UndefinedStatistic, match="three rows"):
        icc([])
    with pytest.raises(UndefinedStatistic, match="ranks that differ"):
        icc([([1, 1, 1], [2, 2, 2])])
    with pytest.raises(InputError, match="form must be one of"):
        icc([(RANKS, RANKS)], form="ICC(1,1)")


def test_a_batch_counts_what_it_leaves_out_and_why() -> None:
    ratings = [(RANKS, RANKS), ([1, 1, 1], [1, 2, 3]), ([1, 2], [1, 2]), (RANKS, RANKS[::-1])]
    found = over_rankings(ratings)
    assert found.n_rankings == 2
    assert found.n_left_out == 2
    assert found.spearman == pytest.approx(0)
    assert found.per_ranking == (1.0, None, None, -1.0)
    assert sum(found.left_out.values()) == 2
    assert over_rankings([]).spearman is None
    assert over_rankings([]).spearman_ci is None


def test_pooled_statistics_throw_all_rankings_together() -> None:
    ratings = [(RANKS, RANKS), ([1, 2, 3], [3.0, 2.0, 1.0])]
    pooled = over_rankings(ratings).pooled
    assert pooled["pairwise_accuracy"] == pytest.approx(15 / 18)
    x, y = [*RANKS, 1, 2, 3], [*RANKS, 3, 2, 1]
    assert pooled["spearman"] == pytest.approx(stats.spearmanr(x, y).statistic)


def test_over_people_every_person_weighs_the_same() -> None:
    many = over_rankings([(RANKS, RANKS)] * 9)
    few = over_rankings([(RANKS, RANKS[::-1])] * 2)
    assert over_people({"a": many, "b": few}).spearman == pytest.approx(0)
    assert over_people({"a": many, "b": few}).n_rankings == 11


def some_ratings(count: int, *, seed: int, noise: float = 1.5) -> list[tuple[Any, Any]]:
    rng = np.random.default_rng(seed)
    true = rng.normal(size=(count, 8))
    return [
        (stats.rankdata((row + noise * rng.normal(size=8)).round(1)), row.round(1)) for row in true
    ]


def test_every_mean_is_scipys_over_the_rankings() -> None:
    ratings = some_ratings(30, seed=1)
    found = over_rankings(ratings)
    taus = [stats.kendalltau(*pair).statistic for pair in ratings]
    right = [(1 + stats.somersd(*pair).statistic) / 2 for pair in ratings]
    assert found.spearman == pytest.approx(np.mean([stats.spearmanr(*p)[0] for p in ratings]))
    assert found.kendall == pytest.approx(np.mean(taus))
    assert found.pairwise_accuracy == pytest.approx(np.mean(right))
    assert found.contributions["kendall"] == pytest.approx(taus)
    assert found.contributions["pairwise_accuracy"] == pytest.approx(right)


def test_every_interval_is_the_bootstrap_over_rankings_and_holds_its_statistic() -> None:
    ratings = some_ratings(60, seed=2)
    found = over_rankings(ratings)
    for name in ("spearman", "kendall", "pairwise_accuracy"):
        values = found.per_ranking if name == "spearman" else found.contributions[name]
        bounds = (0, 1) if name == "pairwise_accuracy" else (-1, 1)
        by_hand = bootstrap_interval([np.array(values)], seed=0, bounds=bounds)
        assert getattr(found, f"{name}_ci") == by_hand
        assert by_hand[0] < getattr(found, name) < by_hand[1]
    assert found.icc_ci[0] < found.icc < found.icc_ci[1]
    assert found.seed == 0
    assert over_rankings(ratings, seed=1).kendall_ci != found.kendall_ci


def test_pairwise_accuracy_is_half_of_kendall_and_so_is_its_interval_without_ties() -> None:
    rng = np.random.default_rng(9)
    found = over_rankings([(rng.permutation(7), rng.permutation(7)) for _ in range(20)])
    assert found.pairwise_accuracy == pytest.approx((1 + found.kendall) / 2)
    assert found.pairwise_accuracy_ci == pytest.approx([(1 + end) / 2 for end in found.kendall_ci])


def test_rankings_of_one_target_are_redrawn_together() -> None:
    ratings = [pair for pair in some_ratings(8, seed=7) for _ in range(5)]
    targets = [f"target {number}" for number in range(8) for _ in range(5)]
    alone, together = over_rankings(ratings), over_rankings(ratings, targets=targets)
    for name in ("spearman", "kendall", "pairwise_accuracy", "icc"):
        narrow, wide = getattr(alone, f"{name}_ci"), getattr(together, f"{name}_ci")
        assert wide[1] - wide[0] > 1.5 * (narrow[1] - narrow[0])
    people = {"a": together, "b": over_rankings(ratings[:20], targets=targets[:20])}
    apart = {"a": alone, "b": over_rankings(ratings[:20])}
    narrow, wide = over_people(apart).spearman_ci, over_people(people).spearman_ci
    assert wide[1] - wide[0] > 1.5 * (narrow[1] - narrow[0])
    with pytest.raises(InputError, match="one target per ranking, got 1 for 40"):
        over_rankings(ratings, targets=["a"])


def test_the_iccs_interval_is_that_of_resampling_whole_rankings() -> None:
    ratings = some_ratings(60, seed=3, noise=0.5)
    rng = np.random.default_rng(0)
    redrawn = [icc([ratings[number] for number in rng.integers(0, 60, 60)]) for _ in range(600)]
    # The interval is a bootstrap-t, a little wider than these percentiles.
    by_hand = np.percentile(redrawn, [2.5, 97.5])
    assert over_rankings(ratings).icc_ci == pytest.approx(tuple(by_hand), abs=0.3 * np.ptp(by_hand))


def test_intervals_stay_inside_the_range_of_their_statistic() -> None:
    ratings = [*[(RANKS, RANKS)] * 4, (RANKS, [2, 1, 3, 4, 5, 6])]
    found = over_rankings(ratings)
    for interval in (found.spearman_ci, found.kendall_ci, found.icc_ci, found.pairwise_accuracy_ci):
        assert interval is not None
        assert interval[1] <= 1
    backwards = over_rankings([(human, [-one for one in metric]) for human, metric in ratings])
    assert backwards.kendall_ci is not None
    assert backwards.kendall_ci[0] >= -1
    assert backwards.pairwise_accuracy_ci is not None
    assert backwards.pairwise_accuracy_ci[0] >= 0


def test_an_agreement_names_its_icc_and_one_ranking_has_no_interval() -> None:
    found = over_rankings([(RANKS, [2, 1, 3, 4, 5, 6])])
    assert (found.icc_form, found.icc_transform) == ("ICC(A,1)", "within-ranking ranks")
    assert found.icc == pytest.approx(icc([(RANKS, [2, 1, 3, 4, 5, 6])]))
    assert found.kendall_ci is found.pairwise_accuracy_ci is found.icc_ci is None
    assert json.loads(json.dumps(found.to_dict()))["icc_form"] == "ICC(A,1)"


def test_contributions_stand_in_the_places_of_their_rankings() -> None:
    ratings = [(RANKS, RANKS), ([1, 1, 1], [1, 2, 3]), (RANKS, RANKS[::-1])]
    found = over_rankings(ratings)
    assert found.contributions["kendall"] == (1.0, None, -1.0)
    assert found.contributions["icc"][1] is None


def test_people_have_intervals_for_every_statistic_and_keep_their_reasons() -> None:
    people = {
        "a": over_rankings([*some_ratings(10, seed=4), ([1, 2], [1, 2])]),
        "b": over_rankings([*some_ratings(6, seed=5), ([1, 2], [1, 2]), ([1] * 3, [1, 2, 3])]),
    }
    found = over_people(people)
    for name in ("spearman", "kendall", "pairwise_accuracy", "icc"):
        mean = np.mean([getattr(one, name) for one in people.values()])
        low, high = getattr(found, f"{name}_ci")
        assert getattr(found, name) == pytest.approx(mean)
        assert low < mean < high
    assert found.n_left_out == sum(found.left_out.values()) == 3
    assert found.left_out["fewer than 3 images"] == 2
    assert over_people({}).icc_ci is None
    bare = Agreement(0.5, 0.4, 0.7, 0.5, 2, None, per_ranking=(0.4, 0.6))
    assert over_people({"a": bare}).kendall_ci is None
    assert over_people({"a": bare}).spearman_ci is not None
