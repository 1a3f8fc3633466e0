"""Table of metrics: one row each, scored on the same rankings with the same folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import compress
from typing import Any

import streamlit as st

from app.charts import curves
from app.study.multiple_testing import METRICS as MAIN
from app.study.multiple_testing import Family
from app.study.records import Fit
from app.views.researcher.formatting import (
    MISSING,
    interval,
    number,
    p_value,
    percent,
    plural,
    signed,
    signed_interval,
)
from app.views.researcher.html import Column, Html, heading, muted, show, stacked, table
from app.views.researcher.report.sentences import own_name
from clpips.evaluation.metric_names import POOLED_METRIC, metric_name, space_name
from clpips.export.decimals import column_digits
from clpips.stats.agreement import icc_note

Row = Mapping[str, Any]
COLUMNS = (
    Column("Metric", head=True),
    Column("Spearman", numeric=True),
    Column("Kendall’s tau-b", numeric=True),
    Column("Pairwise accuracy", numeric=True),
    Column("ICC(A,1)", numeric=True),
    Column("Gain over unfitted", numeric=True),
    Column("p", numeric=True),
    Column("p, corrected", numeric=True),
    Column("Rankings", numeric=True),
)
HELP = (
    "**Held out.** Each target’s rankings are scored with weights that were fitted without that "
    "target, and every row is scored on the same rankings. Agreement with the rankings that a "
    "metric was fitted to is never shown.",
    "**Spearman, Kendall’s tau-b, pairwise accuracy.** Means over rankings. Spearman and tau "
    "compare two orders: 1 is the same order, 0 no relation, −1 the reverse. Pairwise accuracy is "
    "the share of image pairs that the metric orders as the participant did; 50 % is chance.",
    "**ICC(A,1).** The intraclass correlation of absolute agreement for a single rater (two-way), "
    "between participant and metric, on within-ranking ranks, with rows pooled over rankings. "
    "Without ties it nearly equals Spearman; it also counts a difference in spread, which ties "
    "cause. Read it as a check, not as further evidence.",
    "**Intervals.** Small numbers are 95 % intervals, bootstrapped over rankings in clusters of "
    "whole targets, because rounds of one target are not independent.",
    "**Gain and p.** The mean difference in Spearman from the unfitted metric on the same "
    "features. p is the probability of a gain this large if the two were equally good: the larger "
    "of that of a permutation test, which flips the signs of whole targets, and that of a t test "
    "whose error is 1.15 times as large, because held-out fits share most of their rankings. With "
    "few targets p cannot be small: with 4, not below 0.06.",
    "**Corrected p.** Benjamini and Hochberg’s correction: among many tests some p is small by "
    "chance, so each is raised according to how many tests there are and how small the other p "
    "are. The fitted metrics of all participants are one family: its corrected p decides which "
    "metric is in use. All other rows are another family.",
    "**Stock, pooled, personal.** Stock LPIPS has seen no ranking of the study. The pooled weights "
    "are where personal fits start: learnt from all participants, each with the same weight, "
    "strongly shrunk towards stock, and without anybody’s rankings of the target that is scored. "
    "Personal weights are this participant’s own, shrunk towards the pooled weights where that "
    "helps. The pooled metric is different: a separate fit to all rankings, with its own report.",
    "**Wide features.** The same three metrics on AlexNet’s difference vectors combined with those "
    "of a modern encoder.",
)
BASELINES = (
    "Simpler fits to compare the personal metric with. *Unregularised*: no shrinkage towards "
    "stock. *One factor per layer*: a single number for each layer of the network, where the "
    "personal metric may change every channel. *One parameter*: a single number shifts weight "
    "between early and late layers."
)


def draw(fit: Fit, found: Row, family: Family) -> None:
    """The table and the chart, the baselines folded away, then what all of it means.

    Args:
        fit: the fit.
        found: its part of a comparison; empty shows what the fit itself knows.
        family: the rows of the study's newest fits, corrected together.
    """
    rows = family.tables[fit.id]
    digits = digits_of(rows)
    shown = [cells(row, fit, digits) for row in rows]
    is_main = [row["name"] in MAIN for row in rows]
    main = list(compress(rows, is_main))
    rest = [line for line, is_one in zip(shown, is_main, strict=True) if not is_one]
    show(heading("Agreement on unseen targets"), compact(COLUMNS, list(compress(shown, is_main))))
    show(muted(counted(fit.report["held_out"])))
    note = icc_note(row["agreement"]["icc"] for row in rows)
    if note:
        show(muted(note))
    st.altair_chart(
        curves.metric_rows([dot(row, fit) for row in main]),
        alt="Mean Spearman of each metric with its 95 % interval",
    )
    left_out = found.get("left_out") or {}
    for key in ("table", "pooled", "wide", "baselines"):
        if key in left_out:
            show(muted(str(left_out[key])))
    if rest:
        with st.expander(f"Baselines ({len(rest)})"):
            st.markdown(BASELINES)
            show(compact(COLUMNS, rest))
    with st.expander("What these numbers mean"):
        explained(fit, family)


def digits_of(rows: Sequence[Row]) -> int:
    """Digits with which each gain is seen in its Spearman and the unfitted one."""
    unfitted = {row["space"]: row["agreement"]["spearman"] for row in rows if _is_stock(row)}
    return column_digits(
        (unfitted.get(row["space"]), row["agreement"]["spearman"], row.get("gain")) for row in rows
    )


def cells(row: Row, fit: Fit | None = None, digits: int = 2) -> tuple[str, ...]:
    """One row of the table; each statistic over its interval.

    Args:
        row: of a comparison.
        fit: whose it is; ``None`` of a table over people.
        digits: of Spearman.
    """
    agreement = row["agreement"]
    is_stock = _is_stock(row)
    return (
        named(row, fit),
        _statistic(agreement, "spearman", digits),
        _statistic(agreement, "kendall"),
        stacked(
            percent(agreement["pairwise_accuracy"]),
            _shares(agreement.get("pairwise_accuracy_ci")),
        ),
        _statistic(agreement, "icc"),
        Html("") if is_stock else _gain(row),
        Html("") if is_stock else p_value(row.get("p")),
        Html("") if is_stock else p_value(row.get("p_corrected")),
        f"{agreement['n_rankings']:,}",
    )


def compact(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> Html:
    """A table without the columns that have no value in any row."""
    kept = [n for n in range(len(columns)) if any(row[n] not in ("", MISSING) for row in rows)]
    return table([columns[n] for n in kept], [[row[n] for n in kept] for row in rows])


def named(row: Row, fit: Fit | None = None) -> Html:
    """The metric over its features."""
    return stacked(called(row, fit), space_name(str(row["space"])))


def called(row: Row, fit: Fit | None = None) -> str:
    """The metric's name; a pooled fit's own row is not called personal."""
    is_pooled = fit is not None and fit.participant_id is None and row["name"] == "personal"
    return POOLED_METRIC if is_pooled else metric_name(str(row["name"]), str(row["space"]))


def dot(row: Row, fit: Fit) -> curves.MetricRow:
    """A row of the table as a row of the chart."""
    agreement = row["agreement"]
    ends = agreement.get("spearman_ci")
    return curves.MetricRow(
        f"{called(row, fit)}, {space_name(str(row['space']))}",
        str(row["name"]),
        agreement["spearman"],
        None if ends is None else (ends[0], ends[1]),
        agreement["n_rankings"],
    )


def counted(held_out: Row) -> str:
    """How many rankings count, how many do not, and why."""
    own = held_out["personal"]
    text = f"n = {plural(own['n_rankings'], 'ranking')}"
    if "n_targets" in held_out:
        text += f" of {plural(held_out['n_targets'], 'target')}"
    if not own["n_left_out"]:
        return f"{text}, none left out."
    reasons = "; ".join(f"{count} × {reason}" for reason, count in own["left_out"].items())
    return f"{text}, {own['n_left_out']} left out ({reasons})."


def explained(fit: Fit, family: Family) -> None:
    """What every column means, and how the metric was fitted."""
    for words in HELP:
        st.markdown(words)
    if family.people > 1:
        st.markdown(
            f"Here the p of fitted metrics is corrected over {family.people} participants, those "
            "of the newest fits. The texts for a paper use the same correction."
        )
    st.markdown(
        "The p of other rows is corrected once every fit has been compared."
        if family.further is None
        else f"The p of other rows is corrected over {plural(family.further, 'test')}."
    )
    made = how_made(fit)
    if made:
        st.markdown(f"**How the {own_name(fit)} was fitted.** {made}")


def how_made(fit: Fit) -> str:
    """The settings that the fit selected, in a sentence; empty where they are not recorded."""
    settings = fit.report.get("settings") or {}
    named_ = {
        "granularity": "one weight per {}",
        "start": "starting from {}",
        "shrinkage": "shrinkage {:g}",
        "margin": "margin {:g}",
    }
    starts = {"everyone": "the pooled weights", "stock": "stock"}
    parts = [
        words.format(starts.get(settings[key], settings[key]))
        for key, words in named_.items()
        if settings.get(key) is not None
    ]
    if not parts:
        return ""
    return f"Selected within the training rankings alone: {', '.join(parts)}."


def _is_stock(row: Row) -> bool:
    return bool(row["name"] == "stock")


def _statistic(agreement: Row, key: str, digits: int = 2) -> Html:
    ends = interval(agreement.get(f"{key}_ci"), digits)
    return stacked(number(agreement[key], digits), _ends(ends))


def _gain(row: Row) -> Html:
    return stacked(signed(row.get("gain")), _ends(signed_interval(row.get("gain_ci"))))


def _ends(words: str) -> str:
    return "" if words == MISSING else words


def _shares(ends: Sequence[float] | None) -> str:
    return "" if ends is None else f"{100 * ends[0]:.0f} to {percent(ends[1], 0)}"
