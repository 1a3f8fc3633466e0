"""How far the metric could go: noise ceilings, the learning curve, and what more would bring."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.charts import curves
from app.views.researcher.formatting import MISSING, interval, number, percent, plural
from app.views.researcher.html import Column, heading, over, quiet, show
from app.views.researcher.report.metric_table import compact
from app.views.researcher.report.sentences import expected, needed, reached

Found = Mapping[str, Any]
CEILINGS = (
    Column("To hold it against", head=True),
    Column("Spearman", numeric=True),
    Column("Reached", numeric=True),
    Column("From"),
)
CEILING_HELP = (
    "**Own repeatability.** The same board was shown twice without saying so; this is how well "
    "the second ranking agrees with the first. A metric that reaches all of it predicts the "
    "person as well as they predict themself.",
    "**A perfect metric.** A second ranking carries noise of its own, a metric does not, so a "
    "perfect one would reach more than repeatability: about its square root (Spearman 1904, "
    "corrected for rank correlation by Moran 1948).",
    "**Other people.** On boards that several people ranked: how well the mean ranking of the "
    "others agrees with this person (Nili et al. 2014). The larger number has the person’s own "
    "ranking in the mean. A personal metric may pass both.",
    "**Reached.** The metric’s held-out agreement, the smaller number, as a share of the ceiling. "
    "Against other people only the boards that they ranked too count.",
)
CURVE_HELP = (
    "**The curve.** The fit was made again from random subsets of the targets, leaving each "
    "target out in turn, so each point is what this report would have said with so many rankings. "
    "With no ranking the metric is stock.",
    "**The band.** Where the held-out agreement will lie once there are so many rankings, nineteen "
    "times out of twenty. Most of its width is luck with the boards to come.",
    "**The interval.** ±0.1 means that the mean agreement is known to a tenth either way. It "
    "narrows with the square root of the number of rankings.",
)


FEW_BOARDS = 5
"""With fewer repeated boards, repeatability is too uncertain to be taken at its word."""


def draw_ceiling(found: Found, label: str | None) -> None:
    """What is there to be reached, and how much of it is; nothing of fits that do not know.

    Args:
        found: a fit's part of a comparison.
        label: the participant's; ``None`` for a pooled fit.
    """
    rows = ceiling_rows(found, label)
    why_not = absent(found, "repeatability", "ceiling", *(["share"] if rows else []))
    if not rows and not why_not:
        return
    show(heading("How much there is to reach"))
    shares = found.get("share") or ()
    if shares:
        st.markdown(reached(shares[0]))
        boards = (found.get("repeatability") or {}).get("n_boards", FEW_BOARDS)
        if shares[0]["of"] == "repeatability" and boards < FEW_BOARDS:
            show(quiet(f"From {plural(boards, 'board')} ranked twice: no more than a first hint."))
    if rows:
        show(compact(CEILINGS, rows))
    for words in why_not:
        show(quiet(words))
    if rows:
        with st.expander("What these ceilings mean"):
            for words in CEILING_HELP:
                st.markdown(words)


def ceiling_rows(found: Found, label: str | None) -> list[tuple[str, ...]]:
    """Repeatability, a perfect metric, and other people, as far as each is known."""
    shares = {str(one["of"]): one for one in found.get("share") or ()}
    rows: list[tuple[str, ...]] = []
    own = found.get("repeatability")
    if own:
        name = "Own repeatability" if label is not None else "People’s own repeatability"
        boards = f"{plural(own['n_boards'], 'board')} ranked twice"
        value = _value(own["spearman"], own.get("ci"))
        rows.append((name, value, _share(shares.get("repeatability")), boards))
        if own.get("noiseless_ceiling") is not None:
            value, share = number(own["noiseless_ceiling"]), shares.get("noiseless ceiling")
            rows.append(("A perfect metric", value, _share(share), "the same boards"))
    others = others_of(found, label)
    for key, name in (
        ("lower", "The mean ranking of the others"),
        ("upper", "The mean ranking of all"),
    ):
        one = others.get(key)
        if one:
            boards = f"{plural(one['n_boards'], 'board')} that others ranked too"
            share = shares.get("other people") if key == "lower" else None
            rows.append((name, _value(one["value"], one.get("ci")), _share(share), boards))
    return rows


def others_of(found: Found, label: str | None) -> Found:
    """The ceiling from other people: the person's own where it is told, else over people."""
    ceiling: Found = found.get("ceiling") or {}
    own: Found = (ceiling.get("people") or {}).get(label) or {}
    return own or ceiling


def draw_curve(found: Found) -> None:
    """The curve, and what further rankings would bring; nothing of fits that do not know."""
    curve, why_not = found.get("curve"), absent(found, "curve", "forecast", "needed")
    if not curve and not why_not:
        return
    show(heading("What more rankings would bring"))
    for key, told in (("needed", needed), ("forecast", expected)):
        if found.get(key):
            st.markdown(told(found[key]))
    if curve:
        _chart(found, curve)
    for words in why_not:
        show(quiet(words))
    if curve:
        with st.expander("How the curve is made"):
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
    told, own = found.get("forecast"), found.get("repeatability")
    ahead = None
    if told:
        ahead = curves.Ahead(told["n_rankings"], told["spearman"], *told["interval"])
    ceiling = own["spearman"] if own else None
    st.altair_chart(
        curves.learning_curve(points, ahead, ceiling),
        alt="Held-out agreement against number of rankings",
    )
    words = "Grey: stock LPIPS. Solid: measured with so many rankings."
    if ahead is not None:
        words += " Dashed: expected, with its 95 % interval."
    st.caption(words)


def _share(share: Found | None) -> str:
    if share is None:
        return ""
    return over(percent(max(share["value"], 0.0), 0), number(share["agreement"]))


def _value(value: float | None, ends: object) -> str:
    told = interval(ends)
    return over(number(value), "" if told == MISSING else told)
