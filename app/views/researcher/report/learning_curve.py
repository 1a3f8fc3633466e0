"""Noise ceilings, the learning curve, and its forecast."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.charts import curves
from app.views.researcher.formatting import MISSING, interval, number, percent, plural
from app.views.researcher.html import Column, heading, muted, show, stacked
from app.views.researcher.report.metric_table import compact
from app.views.researcher.report.sentences import expected, needed, reached

Found = Mapping[str, Any]
CEILINGS = (
    Column("Ceiling", head=True),
    Column("Spearman", numeric=True),
    Column("Reached", numeric=True),
    Column("Based on"),
)
CEILING_HELP = (
    "**Repeatability.** The same board was shown twice without notice; this is how well the "
    "second ranking agrees with the first. A metric that reaches all of it predicts the "
    "participant as well as they predict themselves.",
    "**A perfect metric.** The second ranking is noisy itself; a metric is not. A perfect metric "
    "would therefore exceed the repeatability: it would reach about its square root (Spearman "
    "1904, corrected for rank correlation by Moran 1948).",
    "**Other participants.** On boards that several participants ranked: how well the mean ranking "
    "of the others agrees with this participant (Nili et al. 2014). The larger value includes the "
    "participant’s own ranking in the mean. A personal metric may exceed both.",
    "**Reached.** The metric’s held-out agreement, in small print, as a share of the ceiling. For "
    "the other participants’ ceiling, only boards that they ranked too are counted.",
)
CURVE_HELP = (
    "**The curve.** The fit was repeated on random subsets of the targets, leaving each target out "
    "in turn, so each point is what this report would have shown with that many rankings. With no "
    "rankings the metric is stock LPIPS.",
    "**The band.** The 95 % prediction interval of the held-out agreement with that many rankings. "
    "Most of its width is chance in the boards still to come.",
    "**The interval.** ±0.1 means that the mean agreement is known to within 0.1 in either "
    "direction. It narrows with the square root of the number of rankings.",
)


FEW_BOARDS = 5
"""With fewer repeated boards, repeatability is too uncertain to rely on."""


def draw_ceiling(found: Found, label: str | None) -> None:
    """Noise ceilings, and how much of each is reached; nothing where none is known.

    Args:
        found: a fit's part of a comparison.
        label: the participant's; ``None`` for a pooled fit.
    """
    rows = ceiling_rows(found, label)
    why_not = absent(found, "repeatability", "ceiling", *(["share"] if rows else []))
    if not rows and not why_not:
        return
    show(heading("Noise ceilings"))
    shares = found.get("share") or ()
    if shares:
        st.markdown(reached(shares[0]))
        boards = (found.get("repeatability") or {}).get("n_boards", FEW_BOARDS)
        if shares[0]["of"] == "repeatability" and boards < FEW_BOARDS:
            show(muted(f"From {plural(boards, 'board')} ranked twice: only a first indication."))
    if rows:
        show(compact(CEILINGS, rows))
    for words in why_not:
        show(muted(words))
    if rows:
        with st.expander("What the ceilings mean"):
            for words in CEILING_HELP:
                st.markdown(words)


def ceiling_rows(found: Found, label: str | None) -> list[tuple[str, ...]]:
    """Repeatability, a perfect metric and other participants, as far as each is known."""
    shares = {str(one["of"]): one for one in found.get("share") or ()}
    rows: list[tuple[str, ...]] = []
    own = found.get("repeatability")
    if own:
        name = "Repeatability" if label is not None else "Mean repeatability"
        boards = f"{plural(own['n_boards'], 'board')} ranked twice"
        value = _value(own["spearman"], own.get("ci"))
        rows.append((name, value, _share(shares.get("repeatability")), boards))
        if own.get("noiseless_ceiling") is not None:
            value, share = number(own["noiseless_ceiling"]), shares.get("noiseless ceiling")
            rows.append(("A perfect metric", value, _share(share), "the same boards"))
    others = others_of(found, label)
    for key, name in (
        ("lower", "Mean ranking of the others"),
        ("upper", "Mean ranking of all"),
    ):
        one = others.get(key)
        if one:
            boards = f"{plural(one['n_boards'], 'board')} that others ranked too"
            share = shares.get("other people") if key == "lower" else None
            rows.append((name, _value(one["value"], one.get("ci")), _share(share), boards))
    return rows


def others_of(found: Found, label: str | None) -> Found:
    """The ceiling from other participants: this participant's where known, else over all."""
    ceiling: Found = found.get("ceiling") or {}
    own: Found = (ceiling.get("people") or {}).get(label) or {}
    return own or ceiling


def draw_curve(found: Found) -> None:
    """The learning curve and its forecast; nothing where neither is known."""
    curve, why_not = found.get("curve"), absent(found, "curve", "forecast", "needed")
    if not curve and not why_not:
        return
    show(heading("Learning curve and forecast"))
    for key, describe in (("needed", needed), ("forecast", expected)):
        if found.get(key):
            st.markdown(describe(found[key]))
    if curve:
        _chart(found, curve)
    for words in why_not:
        show(muted(words))
    if curve:
        with st.expander("How the curve is computed"):
            for words in CURVE_HELP:
                st.markdown(words)


def absent(found: Found, *keys: str) -> list[str]:
    """Why some of the result is not there."""
    left_out = found.get("left_out") or {}
    return list(dict.fromkeys(str(left_out[key]) for key in keys if key in left_out))


def _chart(found: Found, curve: Found) -> None:
    points = [
        curves.Point(one["n_rankings"], one["spearman"], one["gain"], one["gain_error"])
        for one in curve["points"]
    ]
    forecast, own = found.get("forecast"), found.get("repeatability")
    band = None
    if forecast:
        band = curves.Forecast(forecast["n_rankings"], forecast["spearman"], *forecast["interval"])
    ceiling = own["spearman"] if own else None
    st.altair_chart(
        curves.learning_curve(points, band, ceiling),
        alt="Held-out agreement against number of rankings",
    )
    words = "Grey: stock LPIPS. Solid: measured with that many rankings."
    if band is not None:
        words += " Dashed: forecast with its 95 % interval."
    st.caption(words)


def _share(share: Found | None) -> str:
    if share is None:
        return ""
    return stacked(percent(max(share["value"], 0.0), 0), number(share["agreement"]))


def _value(value: float | None, ends: object) -> str:
    below = interval(ends)
    return stacked(number(value), "" if below == MISSING else below)
