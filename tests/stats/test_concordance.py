"""Agreement of several people against R's printed values, scipy, pingouin and krippendorff."""

from __future__ import annotations

import krippendorff
import numpy as np
import pandas as pd
import pingouin
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from clpips.errors import InputError, UndefinedStatistic
from clpips.stats.concordance import between_person_icc, kendalls_w, krippendorff_alpha

# R, irr: data(anxiety); DescTools prints KendallW(anxiety, TRUE) as 0.5396569.
ANXIETY = [
    [3, 3, 3, 4, 5, 5, 2, 3, 5, 2, 2, 6, 1, 5, 2, 2, 1, 2, 4, 3],
    [3, 6, 4, 6, 2, 4, 2, 4, 3, 3, 2, 3, 3, 3, 2, 2, 1, 3, 3, 4],
    [2, 1, 4, 4, 3, 2, 1, 6, 1, 1, 1, 2, 3, 3, 1, 1, 3, 3, 2, 2],
]
# R, ?friedman.test: Hollander and Wolfe (1973), p. 140, rounding first base. It prints
# "Friedman chi-squared = 11.143, df = 2, p-value = 0.003805".
ROUNDING = [
    (5.40, 5.50, 5.55), (5.85, 5.70, 5.75), (5.20, 5.60, 5.50), (5.55, 5.50, 5.40),
    (5.90, 5.85, 5.70), (5.45, 5.55, 5.60), (5.40, 5.40, 5.35), (5.45, 5.50, 5.35),
    (5.25, 5.15, 5.00), (5.85, 5.80, 5.70), (5.25, 5.20, 5.10), (5.65, 5.55, 5.45),
    (5.60, 5.35, 5.45), (5.05, 5.00, 4.95), (5.50, 5.50, 5.40), (5.45, 5.55, 5.50),
    (5.55, 5.55, 5.35), (5.45, 5.50, 5.55), (5.50, 5.45, 5.25), (5.65, 5.60, 5.40),
    (5.70, 5.65, 5.55), (6.30, 6.30, 6.25),
]  # fmt: skip
# Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section D.
NAN = np.nan
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
    [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
]

tables = st.tuples(st.integers(2, 6), st.integers(3, 8)).flatmap(
    lambda shape: arrays.arrays(np.float64, shape, elements=st.sampled_from([1.0, 2, 3, 4]))
)
holes = st.tuples(st.integers(2, 5), st.integers(1, 8)).flatmap(
    lambda shape: arrays.arrays(np.float64, shape, elements=st.sampled_from([1.0, 2, 3, 7, NAN]))
)


def test_kendalls_w_gives_rs_printed_values() -> None:
    assert kendalls_w(ANXIETY).w == pytest.approx(0.5396569, abs=5e-8)
    rounding = kendalls_w(ROUNDING)
    assert rounding.chi2 == pytest.approx(11.143, abs=5e-4)
    assert (rounding.df, rounding.n_people, rounding.n_images) == (2, 22, 3)
    assert rounding.p == pytest.approx(0.003805, abs=5e-7)


@settings(deadline=None)
@given(tables)
def test_kendalls_w_is_friedmans_test_with_ties(table: np.ndarray) -> None:
    if all(np.ptp(row) == 0 for row in table):
        with pytest.raises(UndefinedStatistic, match="no person ranks"):
            kendalls_w(table)
        return
    ours, theirs = kendalls_w(table), stats.friedmanchisquare(*table.T)
    assert ours.chi2 == pytest.approx(theirs.statistic, abs=1e-9)
    assert ours.p == pytest.approx(theirs.pvalue, abs=1e-12)
    assert -1e-12 <= ours.w <= 1 + 1e-12
    long = pd.DataFrame(table).melt(ignore_index=False).reset_index()
    third = pingouin.friedman(long, dv="value", within="variable", subject="index")
    assert ours.w == pytest.approx(third["W"].iloc[0], abs=1e-9)


def test_alike_and_opposite_people_have_w_one_and_zero() -> None:
    assert kendalls_w([[1, 2, 3, 4]] * 3).w == pytest.approx(1)
    assert kendalls_w([[1, 2, 3, 4], [4, 3, 2, 1]]).w == pytest.approx(0)


def test_w_and_mean_spearman_between_people_are_one_number() -> None:
    """Kendall (1948): mean Spearman = (m W − 1) / (m − 1) without ties."""
    rng = np.random.default_rng(0)
    table = np.stack([rng.permutation(7) for _ in range(4)])
    pairs = [stats.spearmanr(table[i], table[j]).statistic for i in range(4) for j in range(i)]
    assert (4 * kendalls_w(table).w - 1) / 3 == pytest.approx(np.mean(pairs))
    assert between_person_icc(table).c1 == pytest.approx(np.mean(pairs))


def test_alpha_gives_krippendorffs_printed_values() -> None:
    assert krippendorff_alpha(OBSERVERS, level="ordinal") == pytest.approx(0.815, abs=5e-4)
    assert krippendorff_alpha(OBSERVERS, level="interval") == pytest.approx(0.849, abs=5e-4)


@settings(deadline=None, max_examples=200)
@given(holes)
def test_alpha_equals_the_krippendorff_package_with_holes_and_ties(table: np.ndarray) -> None:
    pairable = table[:, (~np.isnan(table)).sum(axis=0) >= 2]
    values = np.unique(pairable[~np.isnan(pairable)])
    for level in ("ordinal", "interval"):
        if len(values) < 2:
            with pytest.raises(UndefinedStatistic):
                krippendorff_alpha(table, level=level)
            continue
        # Values that only unpairable images have do not exist for alpha.
        theirs = krippendorff.alpha(
            reliability_data=pairable, value_domain=values, level_of_measurement=level
        )
        assert krippendorff_alpha(table, level=level) == pytest.approx(theirs, abs=1e-10)


def test_ordinal_alpha_keeps_under_any_rising_change_of_the_ratings() -> None:
    table = np.array(OBSERVERS)
    assert krippendorff_alpha(table**3) == pytest.approx(krippendorff_alpha(table))
    changed = krippendorff_alpha(table**3, level="interval")
    assert changed != pytest.approx(krippendorff_alpha(table, level="interval"))


@settings(deadline=None, max_examples=15)
@given(tables.filter(lambda table: table.shape[1] >= 5))
def test_iccs_between_people_equal_pingouins_on_within_person_ranks(table: np.ndarray) -> None:
    ranks = stats.rankdata(table, axis=1)
    if np.ptp(ranks.mean(axis=0)) < 1e-9:
        with pytest.raises(UndefinedStatistic):
            between_person_icc(table)
        return
    ours = between_person_icc(table)
    long = pd.DataFrame(ranks).melt(ignore_index=False).reset_index()
    with np.errstate(all="ignore"):
        found = pingouin.intraclass_corr(long, targets="variable", raters="index", ratings="value")
    theirs = found.set_index("Type")["ICC"]
    assert (ours.a1, ours.c1, ours.ak) == pytest.approx(
        (theirs["ICC(A,1)"], theirs["ICC(C,1)"], theirs["ICC(A,k)"]), abs=1e-8
    )
    assert (ours.n_people, ours.n_images) == table.shape


def test_people_whose_ranks_cancel_out_have_no_icc() -> None:
    with pytest.raises(UndefinedStatistic, match="same mean rank"):
        between_person_icc([[1, 2, 2, 2, 2], [3, 2, 2, 2, 2]])


def test_what_cannot_be_had_is_said() -> None:
    for statistic in (kendalls_w, between_person_icc):
        with pytest.raises(InputError, match="table"):
            statistic([1, 2, 3])
        with pytest.raises(InputError, match="NaN"):
            statistic([[1, 2], [1, NAN]])
        with pytest.raises(UndefinedStatistic, match="got 1 and 3"):
            statistic([[1, 2, 3]])
    with pytest.raises(InputError, match="level must be one of"):
        krippendorff_alpha([[1, 2], [1, 2]], level="ratio")
    with pytest.raises(InputError, match="infinity"):
        krippendorff_alpha([[1, 2], [1, np.inf]])
    with pytest.raises(UndefinedStatistic, match="ranked by two people"):
        krippendorff_alpha([[1, NAN], [NAN, 2]])
    with pytest.raises(UndefinedStatistic, match="all ratings are equal"):
        krippendorff_alpha([[1, 1], [1, 1]])
