"""The agreement report of one fit: held-out numbers, personal beside stock."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app import charts
from app.records import Fit
from app.store import Store
from app.views.researcher.markup import (
    Column,
    Html,
    badge,
    heading,
    image,
    image_address,
    join,
    quiet,
    show,
    table,
)
from app.views.researcher.whose import newer_rankings
from app.views.researcher.words import (
    VERDICTS,
    interval,
    moment,
    number,
    percent,
    plural,
    signed,
    signed_interval,
)
from clpips.types import Study, Target

ICC_HELP = (
    "ICC(A,1) is the intraclass correlation of absolute agreement for a single rater (two-way), "
    "between the person and the metric, on the ranks within each ranking. Without ties it is "
    "nearly the same as Spearman. It adds one thing: it also counts a difference in spread, "
    "which appears when the person or the metric makes ties. Read it as a check, not as further "
    "evidence."
)
HELD_OUT_HELP = (
    "Each target’s rankings are scored by weights that were fitted without that target; stock "
    "LPIPS is scored on the same rankings. Agreement with the rankings it was fitted to is never "
    "shown. Intervals of a mean are bootstrapped over rankings; the interval of the difference is "
    "taken over targets, because rounds of one target are not independent."
)
ONE_TARGET = (
    "Too early to tell: all rankings are of one target, so nothing can be said about unseen "
    "targets. Fit again when rankings of a second target have come in."
)
METRICS = (
    Column("Agreement on unseen targets", head=True),
    Column("Stock LPIPS", numeric=True),
    Column("Personal", numeric=True),
    Column("Difference", numeric=True),
)
TARGETS = (
    Column("Target", head=True),
    Column("Rankings", numeric=True),
    Column("Stock LPIPS", numeric=True),
    Column("Personal", numeric=True),
    Column("Difference", numeric=True),
)
HISTORY = (
    Column("Fitted", head=True),
    Column("Rankings", numeric=True),
    Column("Stock LPIPS", numeric=True),
    Column("Personal", numeric=True),
    Column("Verdict"),
)


def draw(store: Store, study: Study, fits: Sequence[Fit]) -> None:
    """Draw the newest fit's report, and the history of all.

    Args:
        store: the store.
        study: the study.
        fits: of one participant or pooled, newest first, at least one.
    """
    fit = fits[0]
    held_out = fit.report.get("held_out")
    show(sentence(fit), facts(fit))
    newer = newer_rankings(store, fit)
    if newer:
        st.info(f"{plural(newer, 'new ranking')} since this fit. Fit again to use them.")
    if held_out is not None:
        _numbers(held_out)
        _targets(store.targets(study.id), held_out)
    if len(fits) > 1:
        with st.expander(f"Earlier fits ({len(fits) - 1})"):
            show(table(HISTORY, [_history_row(each) for each in fits]))


def sentence(fit: Fit) -> Html:
    """The result in plain words, its verdict first."""
    words, tone = VERDICTS[verdict(fit)]
    held_out = fit.report.get("held_out")
    told = ONE_TARGET if held_out is None else re.sub(r"-(?=\d)", "−", str(held_out["sentence"]))
    return join(
        Html("<p style='margin:0 0 .5rem'>"),
        badge(words, tone),
        Html("</p><p class='cl-verdict'>"),
        told,
        Html("</p>"),
    )


def verdict(fit: Fit) -> str:
    """What the fit's report says, ``too early`` where there is no held-out agreement."""
    held_out = fit.report.get("held_out")
    return "too early" if held_out is None else str(held_out["verdict"])


def facts(fit: Fit) -> Html:
    """What the fit was made of, in one line."""
    found = fit.report
    parts = [
        f"Fitted {moment(fit.created_at)}",
        f"{plural(found['n_rankings'], 'ranking')} of {plural(found['n_targets'], 'target')}",
        plural(found["n_comparisons"], "comparison"),
        f"{found['seconds']:.2f} s",
    ]
    return quiet(" · ".join(parts))


def metric_rows(held_out: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The statistics side by side; the numbers are the report's own."""
    stock, personal = held_out["stock"], held_out["personal"]
    return [
        _row("Spearman, mean", "spearman", stock, personal),
        (
            "95 % interval",
            interval(stock["spearman_ci"]),
            interval(personal["spearman_ci"]),
            signed_interval(held_out["gain_ci"]),
        ),
        _row("Kendall’s tau-b", "kendall", stock, personal),
        (
            "Pairwise accuracy",
            percent(stock["pairwise_accuracy"]),
            percent(personal["pairwise_accuracy"]),
            _points(stock["pairwise_accuracy"], personal["pairwise_accuracy"]),
        ),
        _row("ICC(A,1)", "icc", stock, personal),
    ]


def counted(held_out: Mapping[str, Any]) -> str:
    """How many rankings count, how many do not, and why."""
    own = held_out["personal"]
    text = f"n = {plural(own['n_rankings'], 'ranking')}"
    if not own["n_left_out"]:
        return f"{text}, none left out."
    reasons = "; ".join(f"{count} × {reason}" for reason, count in own["left_out"].items())
    return f"{text}, {own['n_left_out']} left out ({reasons})."


def _numbers(held_out: Mapping[str, Any]) -> None:
    stock, personal = held_out["stock"], held_out["personal"]
    left, right = st.columns([3, 2], gap="large")
    with left:
        show(table(METRICS, metric_rows(held_out)), quiet(counted(held_out)))
    with right:
        chart = charts.overall(
            charts.Pair("", stock["spearman"], None, 0, stock_ci=_ends(stock["spearman_ci"])),
            charts.Pair(
                "", None, personal["spearman"], 0, personal_ci=_ends(personal["spearman_ci"])
            ),
        )
        st.altair_chart(chart, alt="Mean Spearman of stock and personal metric with intervals")
        st.caption("Mean over rankings with its 95 % interval.")
    with st.expander("How these numbers are made"):
        st.markdown(f"**Held out.** {HELD_OUT_HELP}")
        st.markdown(f"**ICC(A,1).** {ICC_HELP}")


def _targets(targets: Sequence[Target], held_out: Mapping[str, Any]) -> None:
    known = {target.image: target for target in targets}
    found = [one for one in held_out["targets"] if one["target"] in known]
    found.sort(key=lambda one: known[one["target"]].position)
    names = target_names(targets)
    show(heading("By target"))
    pairs = [
        charts.Pair(
            names[one["target"]],
            one["stock"],
            one["personal"],
            one["n_rankings"],
            image=image_address(one["target"]),
        )
        for one in found
    ]
    left, right = st.columns([1, 1], gap="large")
    with left:
        st.altair_chart(charts.dumbbell(pairs), alt="Stock and personal Spearman by target")
    with right:
        show(table(TARGETS, [_target_row(one, names) for one in found]))


def target_names(targets: Sequence[Target]) -> dict[str, str]:
    """Names by image hash; equal names get their number, so that a chart keeps them apart."""
    names = [target.name for target in targets]
    return {
        target.image: target.name
        if names.count(target.name) == 1
        else f"{target.name} ({target.position + 1})"
        for target in targets
    }


def _target_row(one: Mapping[str, Any], names: Mapping[str, str]) -> tuple[str, ...]:
    name = names[one["target"]]
    cell = join(
        Html("<span class='cl-line' style='flex-wrap:nowrap'>"),
        image(one["target"], "", side=44),
        name,
        Html("</span>"),
    )
    gain = _difference(one["stock"], one["personal"])
    return (
        cell,
        str(one["n_rankings"]),
        number(one["stock"]),
        number(one["personal"]),
        signed(gain),
    )


def _history_row(fit: Fit) -> tuple[str, ...]:
    held_out = fit.report.get("held_out")
    stock = held_out["stock"]["spearman"] if held_out else None
    personal = held_out["personal"]["spearman"] if held_out else None
    words, tone = VERDICTS[verdict(fit)]
    return (
        moment(fit.created_at),
        str(fit.report["n_rankings"]),
        number(stock),
        number(personal),
        badge(words, tone),
    )


def _row(
    name: str, key: str, stock: Mapping[str, Any], personal: Mapping[str, Any]
) -> tuple[str, ...]:
    gain = _difference(stock[key], personal[key])
    return (name, number(stock[key]), number(personal[key]), signed(gain))


def _difference(stock: float | None, personal: float | None) -> float | None:
    return None if stock is None or personal is None else personal - stock


def _points(stock: float | None, personal: float | None) -> str:
    gain = _difference(stock, personal)
    return signed(None) if gain is None else f"{signed(100 * gain, 1)} pts"


def _ends(interval_: Sequence[float] | None) -> tuple[float, float] | None:
    return None if interval_ is None else (interval_[0], interval_[1])
