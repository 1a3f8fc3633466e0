"""Every intraclass correlation against Shrout and Fleiss's table and against pingouin."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pingouin
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from clpips.errors import InputError, UndefinedStatistic
from clpips.stats.icc import (
    FORMS,
    SHROUT_FLEISS,
    intraclass,
    intraclass_report,
    jackknifed_two_rater_icc,
    mean_squares,
    two_rater_icc,
    two_rater_sums,
)

# Shrout and Fleiss (1979), tables 2 and 4.
SCORES = [(9, 2, 5, 8), (6, 1, 3, 2), (8, 4, 6, 8), (7, 1, 2, 6), (10, 5, 6, 9), (6, 2, 4, 7)]
PUBLISHED = {
    "ICC(1,1)": 0.17,
    "ICC(2,1)": 0.29,
    "ICC(3,1)": 0.71,
    "ICC(1,k)": 0.44,
    "ICC(2,k)": 0.62,
    "ICC(3,k)": 0.91,
}


def pingouins(table: np.ndarray) -> dict[str, float]:
    n, k = table.shape
    frame = pd.DataFrame(
        {
            "row": np.repeat(np.arange(n), k),
            "rater": np.tile(np.arange(k), n),
            "score": table.ravel().astype(float),
        }
    )
    with np.errstate(all="ignore"):
        found = pingouin.intraclass_corr(frame, targets="row", raters="rater", ratings="score")
    return found.set_index("Type")["ICC"].to_dict()


def test_shrout_and_fleiss_published_table() -> None:
    found = {form: round(intraclass(SCORES, form=form), 2) for form in PUBLISHED}
    assert found == PUBLISHED


# R's psych::ICC(sf), of the same table: F, df1, df2, and the 95 % interval.
PSYCH = {
    "ICC(1,1)": (1.8, 5, 18, (-0.133, 0.72)),
    "ICC(2,1)": (11.0, 5, 15, (0.019, 0.76)),
    "ICC(3,1)": (11.0, 5, 15, (0.342, 0.95)),
    "ICC(1,k)": (1.8, 5, 18, (-0.884, 0.91)),
    "ICC(2,k)": (11.0, 5, 15, (0.071, 0.93)),
    "ICC(3,k)": (11.0, 5, 15, (0.676, 0.99)),
}


@pytest.mark.parametrize("form", PSYCH)
def test_the_report_of_shrout_and_fleiss_table_has_the_published_test_and_interval(
    form: str,
) -> None:
    found = intraclass_report(SCORES, form=form)
    f, df1, df2, (low, high) = PSYCH[form]
    assert round(found.icc, 2) == PUBLISHED[form]
    assert found.f == pytest.approx(f, abs=0.05)
    assert (found.df1, found.df2) == (df1, df2)
    assert found.p == pytest.approx(stats.f.sf(found.f, df1, df2))
    assert found.ci95 is not None
    assert found.ci95[0] == pytest.approx(low, abs=0.0006)
    assert found.ci95[1] == pytest.approx(high, abs=0.006)


def test_the_report_equals_the_vectorised_form_that_the_bootstrap_uses() -> None:
    rng = np.random.default_rng(5)
    for rows in (3, 4, 8, 60):
        for x, y in (
            (rng.permutation(rows) + 1.0, rng.permutation(rows) + 1.0),
            (stats.rankdata(rng.integers(1, 4, rows)), stats.rankdata(rng.integers(1, 4, rows))),
            (rng.normal(size=rows), rng.normal(size=rows)),
        ):
            if np.ptp(x) == 0 and np.ptp(y) == 0:
                continue
            table = np.stack([x, y], axis=1)
            found = intraclass_report(table, form="ICC(A,1)")
            assert found.icc == pytest.approx(float(two_rater_icc(two_rater_sums(x, y))), abs=1e-9)
            assert found.icc == pytest.approx(intraclass(table, form="ICC(A,1)"), abs=1e-9)
            squares = mean_squares(table)
            assert found.f == pytest.approx(squares.rows / squares.error)


def test_raters_who_never_differ_have_no_f_and_an_undefined_form_has_no_report() -> None:
    perfect = intraclass_report([(1, 1), (2, 2), (3, 3)], form="ICC(A,1)")
    assert (perfect.icc, perfect.f, perfect.p, perfect.ci95) == (1.0, None, None, None)
    with pytest.raises(UndefinedStatistic, match="no variation"):
        intraclass_report([(2, 2), (2, 2)], form="ICC(A,1)")
    with pytest.raises(UndefinedStatistic, match="got 1 and 2"):
        intraclass_report([(1, 2)], form="ICC(A,1)")
    with pytest.raises(InputError, match="form must be one of"):
        intraclass_report(SCORES, form="ICC")


def test_the_report_leaves_pingouins_options_alone_and_its_interval_unrounded() -> None:
    before = dict(pingouin.options)
    found = intraclass_report(SCORES, form="ICC(A,1)")
    assert found.ci95 != tuple(np.round(found.ci95, 2))
    assert dict(pingouin.options) == before


tables = st.tuples(st.integers(5, 9), st.integers(2, 5)).flatmap(
    lambda shape: arrays.arrays(np.int64, shape, elements=st.integers(1, 4))
)


@settings(deadline=None, max_examples=25)
@given(tables)
def test_every_form_equals_pingouins_with_ties_and_without_variation(table: np.ndarray) -> None:
    theirs = pingouins(table) if np.ptp(table) else {}
    for form in FORMS:
        try:
            ours = intraclass(table, form=form)
        except UndefinedStatistic:
            there = theirs.get(form, np.nan)
            # Where we divide by nothing, pingouin divides by its rounding.
            assert not np.isfinite(there) or abs(there) > 1e6 or divides_by_nothing(table, form)
        else:
            assert ours == pytest.approx(theirs[form], abs=1e-8)


def divides_by_nothing(table: np.ndarray, form: str) -> bool:
    """No variation between rows (for every form), nor within them (for the single forms)."""
    rows_alike = np.ptp(table.mean(axis=1)) < 1e-12
    if form.endswith("k)"):
        return bool(rows_alike)
    return bool(rows_alike and np.ptp(table - table.mean(axis=0)) < 1e-12)


def test_names_of_the_two_papers_mean_the_same_number() -> None:
    for old, new in SHROUT_FLEISS.items():
        assert intraclass(SCORES, form=old) == intraclass(SCORES, form=new)


def test_adding_a_constant_to_a_rater_lowers_agreement_and_leaves_consistency() -> None:
    table = np.array(SCORES, dtype=float)
    moved = table + np.array([0, 0, 0, 30])
    assert intraclass(moved, form="ICC(C,1)") == pytest.approx(intraclass(table, form="ICC(C,1)"))
    assert intraclass(moved, form="ICC(A,1)") < intraclass(table, form="ICC(A,1)")


def test_two_raters_from_sums_equal_the_table() -> None:
    rng = np.random.default_rng(2)
    for _ in range(30):
        x, y = rng.integers(1, 5, 9).astype(float), rng.normal(3, 2, 9)
        table = np.stack([x, y], axis=1)
        from_sums = float(two_rater_icc(two_rater_sums(x, y)))
        assert from_sums == pytest.approx(intraclass(table, form="ICC(A,1)"), abs=1e-10)
        assert from_sums == pytest.approx(pingouins(table)["ICC(A,1)"], abs=1e-8)
    assert np.isnan(two_rater_icc(two_rater_sums(np.ones(4), np.ones(4))))


def test_contributions_are_the_jackknife_around_the_whole() -> None:
    rng = np.random.default_rng(3)
    parts = [(rng.permutation(6) + 1.0, rng.permutation(6) + 1.0) for _ in range(7)]
    sums = np.stack([two_rater_sums(*part) for part in parts])
    whole, contributions = jackknifed_two_rater_icc(sums)

    def icc_of(some: list[tuple[np.ndarray, np.ndarray]]) -> float:
        table = np.stack([np.concatenate(side) for side in zip(*some, strict=True)], axis=1)
        return pingouins(table)["ICC(A,1)"]

    assert whole == pytest.approx(icc_of(parts), abs=1e-8)
    assert contributions.mean() == pytest.approx(whole, abs=1e-12)
    without = np.array([icc_of(parts[:i] + parts[i + 1 :]) for i in range(7)])
    assert np.diff(contributions) == pytest.approx(-6 * np.diff(without), abs=1e-6)


def test_what_cannot_be_had_is_said() -> None:
    with pytest.raises(InputError, match=r"form must be one of .* got 'ICC\(9,1\)'"):
        intraclass(SCORES, form="ICC(9,1)")
    with pytest.raises(InputError, match="NaN"):
        intraclass([(1, 2), (2, np.nan)], form="ICC(A,1)")
    with pytest.raises(InputError, match="table"):
        intraclass([1, 2, 3], form="ICC(A,1)")
    with pytest.raises(UndefinedStatistic, match="got 1 and 3"):
        intraclass([(1, 2, 3)], form="ICC(A,1)")
    for form in FORMS:
        with pytest.raises(UndefinedStatistic, match="no variation"):
            intraclass([(2, 2), (2, 2), (2, 2)], form=form)
