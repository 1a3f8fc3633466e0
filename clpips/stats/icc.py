"""Intraclass correlations of some rows that the same raters all rated.

Mean squares of the two-way table, then the six forms of Shrout and Fleiss (1979), under the
names of McGraw and Wong (1996), table 4. Each can be negative when the raters disagree more than
chance would; 1 is perfect agreement.

What a report states comes from pingouin, with its F test and interval
(:func:`intraclass_report`). The bootstrap, which needs very many of them, uses the vectorised
form (:func:`two_rater_icc`). Tests hold the two equal.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from clpips.errors import InputError, UndefinedStatistic
from clpips.stats.correlation import Array

_options_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class MeanSquares:
    """The two-way table's mean squares.

    Args:
        rows, columns, error: between rows, between raters, and what is left.
        within: within rows, for the one-way forms.
        n_rows, n_raters: the table's size.
    """

    rows: float
    columns: float
    error: float
    within: float
    n_rows: int
    n_raters: int


def mean_squares(table: Any) -> MeanSquares:
    """Mean squares of a complete table (rows, raters).

    Raises:
        InputError: not a table, or a number that is not finite.
        UndefinedStatistic: fewer than two rows or two raters.
    """
    values = np.asarray(table, dtype=np.float64)
    if values.ndim != 2 or not np.isfinite(values).all():
        raise InputError(
            "an intraclass correlation needs a table (rows, raters) of finite numbers, "
            f"got shape {values.shape}" + ("" if values.ndim != 2 else " with NaN or infinity")
        )
    n, k = values.shape
    if n < 2 or k < 2:
        raise UndefinedStatistic(
            f"an intraclass correlation needs two rows and two raters, got {n} and {k}"
        )
    values = values - values.mean()
    by_row, by_column = values.mean(axis=1, keepdims=True), values.mean(axis=0, keepdims=True)
    return MeanSquares(
        rows=float(k * (by_row**2).sum() / (n - 1)),
        columns=float(n * (by_column**2).sum() / (k - 1)),
        error=float(((values - by_row - by_column) ** 2).sum() / ((n - 1) * (k - 1))),
        within=float(((values - by_row) ** 2).sum() / (n * (k - 1))),
        n_rows=n,
        n_raters=k,
    )


_Ratio = Callable[[MeanSquares], tuple[float, float]]
_FORMS: Mapping[str, _Ratio] = {
    "ICC(1,1)": lambda s: (s.rows - s.within, s.rows + (s.n_raters - 1) * s.within),
    "ICC(A,1)": lambda s: (
        s.rows - s.error,
        s.rows + (s.n_raters - 1) * s.error + s.n_raters * (s.columns - s.error) / s.n_rows,
    ),
    "ICC(C,1)": lambda s: (s.rows - s.error, s.rows + (s.n_raters - 1) * s.error),
    "ICC(1,k)": lambda s: (s.rows - s.within, s.rows),
    "ICC(A,k)": lambda s: (s.rows - s.error, s.rows + (s.columns - s.error) / s.n_rows),
    "ICC(C,k)": lambda s: (s.rows - s.error, s.rows),
}
FORMS = tuple(_FORMS)
SHROUT_FLEISS: Mapping[str, str] = {
    "ICC(2,1)": "ICC(A,1)",
    "ICC(3,1)": "ICC(C,1)",
    "ICC(2,k)": "ICC(A,k)",
    "ICC(3,k)": "ICC(C,k)",
}
"""Shrout and Fleiss's names for the two-way forms."""


def intraclass(table: Any, *, form: str) -> float:
    """One intraclass correlation of a complete table.

    Args:
        table: (rows, raters), for example images × people.
        form: one of ``FORMS`` (A absolute agreement, C consistency; 1 one rater, k the mean of
            all), or Shrout and Fleiss's name for it.

    >>> scores = [(9, 2, 5, 8), (6, 1, 3, 2), (8, 4, 6, 8), (7, 1, 2, 6), (10, 5, 6, 9),
    ...           (6, 2, 4, 7)]
    >>> [round(intraclass(scores, form=form), 2) for form in ("ICC(2,1)", "ICC(3,1)")]
    [0.29, 0.71]

    Raises:
        InputError: another form, or a table that is not one.
        UndefinedStatistic: too small a table, or the form divides by no variation.
    """
    name = SHROUT_FLEISS.get(form, form)
    if name not in _FORMS:
        raise InputError(f"form must be one of {FORMS}, got {form!r}")
    squares = mean_squares(table)
    above, below = _FORMS[name](squares)
    # Rounding leaves some 1e-32 where there is no variation at all.
    size = squares.rows + squares.columns + squares.error
    if abs(below) <= 1e-12 * size or size == 0:
        raise UndefinedStatistic(f"{name} does not exist: it would divide by no variation at all")
    return above / below


@dataclass(frozen=True, slots=True)
class IntraclassReport:
    """An intraclass correlation with its F test, as pingouin reports it.

    The test and the interval take the rows to be independent of each other.

    Args:
        icc: the correlation.
        f, df1, df2, p: F test that it is 0; ``f`` and ``p`` are ``None`` where the raters never
            differ, which leaves F nothing to divide by.
        ci95: its 95 % interval (McGraw and Wong, 1996, table 7); ``None`` where it does not exist.
    """

    icc: float
    f: float | None
    df1: int
    df2: int
    p: float | None
    ci95: tuple[float, float] | None


def intraclass_report(table: Any, *, form: str) -> IntraclassReport:
    """One intraclass correlation of a complete table, computed by ``pingouin.intraclass_corr``.

    Args:
        table: (rows, raters).
        form: one of ``FORMS``, or Shrout and Fleiss's name for it.

    >>> scores = [(9, 2, 5, 8), (6, 1, 3, 2), (8, 4, 6, 8), (7, 1, 2, 6), (10, 5, 6, 9),
    ...           (6, 2, 4, 7)]
    >>> found = intraclass_report(scores, form="ICC(2,1)")
    >>> round(found.icc, 2), round(found.f, 2), (found.df1, found.df2)
    (0.29, 11.03, (5, 15))

    Raises:
        InputError, UndefinedStatistic: as :func:`intraclass`.
    """
    intraclass(table, form=form)  # where the form does not exist, pingouin divides by its rounding
    squares = mean_squares(table)
    row = _pingouin_row(np.asarray(table, dtype=np.float64), SHROUT_FLEISS.get(form, form))
    df1, df2 = int(row["df1"]), int(row["df2"])
    left = squares.within if form.startswith("ICC(1,") else squares.error
    if left <= 1e-12 * squares.rows:
        return IntraclassReport(float(row["ICC"]), None, df1, df2, None, None)
    low, high = (float(end) for end in row["CI95"])
    interval = (low, high) if np.isfinite([low, high]).all() else None
    return IntraclassReport(
        float(row["ICC"]), float(row["F"]), df1, df2, float(row["pval"]), interval
    )


def _pingouin_row(values: Array, form: str) -> Any:
    """One row of pingouin's table of all forms; its interval unrounded."""
    import pandas as pd
    import pingouin  # seconds to import, and only a report needs it

    rows, raters = values.shape
    long = pd.DataFrame(
        {
            "row": np.repeat(np.arange(rows), raters),
            "rater": np.tile(np.arange(raters), rows),
            "value": values.ravel(),
        }
    )
    with _unrounded_intervals(pingouin.options), np.errstate(all="ignore"):
        found = pingouin.intraclass_corr(long, targets="row", raters="rater", ratings="value")
    return found.set_index("Type").loc[form]


@contextlib.contextmanager
def _unrounded_intervals(options: dict[str, Any]) -> Iterator[None]:
    """Keep pingouin from rounding intervals to two decimals, and leave its options as they were."""
    with _options_lock:
        before = options.get("round.column.CI95")
        options["round.column.CI95"] = None
        try:
            yield
        finally:
            options["round.column.CI95"] = before


# --- two raters, from sums ------------------------------------------------------------------


def two_rater_sums(x: Array, y: Array) -> Array:
    """What :func:`two_rater_icc` needs of some rows: n, Σx, Σy, Σx², Σy², Σxy. Shape (6,)."""
    return np.array([len(x), x.sum(), y.sum(), x @ x, y @ y, x @ y], dtype=np.float64)


def two_rater_icc(sums: Array) -> Array:
    """ICC(A,1) of two raters from sums, which add up over parts: (..., 6) -> (...).

    The same number as :func:`intraclass`, for very many tables at once: an interval resamples
    whole rankings, and the sums of a resample are sums of the rankings' sums. NaN where
    undefined.
    """
    n, x, y, xx, yy, xy = np.moveaxis(np.asarray(sums, dtype=np.float64), -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_x, of_y, both = xx - x * x / n, yy - y * y / n, xy - x * y / n
        rows, error = ((of_x + of_y + sign * 2 * both) / (2 * (n - 1)) for sign in (1, -1))
        columns = n * (x / n - y / n) ** 2 / 2
        below = rows + error + 2 * (columns - error) / n
        return np.asarray(np.where(below > 0, (rows - error) / below, np.nan))


def jackknifed_two_rater_icc(sums: Array) -> tuple[float, Array]:
    """ICC(A,1) over all parts, and each part's contribution to it.

    Args:
        sums: (parts, 6), of :func:`two_rater_sums`.

    Returns:
        the ICC, and (parts,) jackknife pseudo-values moved so that their mean *is* the ICC: a
        part above it raises the ICC. Resampling their mean is resampling whole parts, to first
        order (Efron and Tibshirani, 1993, section 11.5), and costs no more than a mean.
    """
    total, parts = sums.sum(axis=0), len(sums)
    whole = float(two_rater_icc(total))
    if parts < 2:
        return whole, np.full(parts, whole)
    without = two_rater_icc(total - sums)
    return whole, whole + (parts - 1) * (without.mean() - without)
