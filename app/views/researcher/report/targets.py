"""The report target by target, each row leading to the rankings behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import streamlit as st

from app.charts import base
from app.http.payloads import image_address
from app.store import Store
from app.study.records import Fit
from app.views.researcher.formatting import number, signed, target_names
from app.views.researcher.html import (
    Column,
    Html,
    heading,
    image,
    join,
    link,
    show,
    table,
)
from app.views.researcher.urls import rankings_address
from clpips.evaluation.metric_names import PERSONAL, POOLED_METRIC, STOCK
from clpips.export.decimals import column_digits

Found = Mapping[str, Any]
GONE = "A target that no longer exists"
COUNTS = (Column("Target", head=True), Column("Rankings", numeric=True))
EACH = (Column("Target", head=True), Column("Ranking", numeric=True))


def draw(store: Store, fit: Fit, label: str | None, *, is_early: bool) -> None:
    """Chart and table by target, with the individual rankings in an expander.

    Args:
        store: the store.
        fit: the fit.
        label: the participant's; ``None`` for a pooled fit.
        is_early: shows how many rankings there are, and no agreement.
    """
    held_out = fit.report.get("held_out")
    if held_out is None:
        return
    names = target_names(store.rounds.ranked_targets(fit.study_id))
    places = {sha: place for place, sha in enumerate(names)}
    found = sorted(held_out["targets"], key=lambda one: places.get(one["target"], len(places)))

    def linked(sha: str) -> str:
        name = names.get(sha)
        if name is None:
            return GONE
        return link(name, rankings_address(fit.study_id, person=label, target=name))

    show(heading("By target"))
    if is_early:
        show(
            table(
                COUNTS,
                [(_pictured(one["target"], linked), str(one["n_rankings"])) for one in found],
            )
        )
        return
    pairs = [
        base.Pair(
            names.get(one["target"], GONE),
            one["stock"],
            one["personal"],
            one["n_rankings"],
            image=image_address(one["target"]),
        )
        for one in found
    ]
    numbers = tuple(
        Column(title, numeric=True)
        for title in (STOCK, PERSONAL if label else POOLED_METRIC, "Difference")
    )
    left, right = st.columns([1, 1], gap="large")
    with left:
        st.altair_chart(
            base.dumbbell(pairs, fitted=PERSONAL if label else POOLED_METRIC),
            alt="Stock and personal Spearman by target",
        )
    with right:
        digits = _digits((one["stock"], one["personal"]) for one in found)
        show(table((*COUNTS, *numbers), [_row(one, linked, digits) for one in found]))
    rows = each_ranking(held_out, linked)
    if rows and label:  # of several people, a row could not say whose it is
        with st.expander(f"Individual rankings ({len(rows)})"):
            show(table((*EACH, *numbers), rows))


def each_ranking(held_out: Found, linked: Any) -> list[tuple[str, ...]]:
    """Spearman of each single ranking, whose mean the report gives; none of older reports."""
    stock, personal = held_out["stock"], held_out["personal"]
    targets: Sequence[str] = personal.get("targets") or ()
    sides = (stock.get("per_ranking") or (), personal.get("per_ranking") or ())
    if not targets or any(len(side) != len(targets) for side in sides):
        return []
    digits = _digits(zip(*sides, strict=True))
    return [
        (linked(sha), str(targets[: place + 1].count(sha)), *_sides(theirs, mine, digits))
        for place, (sha, theirs, mine) in enumerate(zip(targets, *sides, strict=True))
    ]


def _row(one: Found, linked: Any, digits: int) -> tuple[str, ...]:
    return (
        _pictured(one["target"], linked),
        str(one["n_rankings"]),
        *_sides(one["stock"], one["personal"], digits),
    )


def _pictured(sha: str, linked: Any) -> Html:
    return join(
        Html("<span class='cl-line' style='flex-wrap:nowrap'>"),
        image(sha, "", side=44),
        linked(sha),
        Html("</span>"),
    )


def _digits(sides: Iterable[tuple[float | None, float | None]]) -> int:
    """As many digits as show every row's difference."""
    return column_digits((stock, personal, _gain(stock, personal)) for stock, personal in sides)


def _gain(stock: float | None, personal: float | None) -> float | None:
    return None if stock is None or personal is None else personal - stock


def _sides(stock: float | None, personal: float | None, digits: int) -> tuple[str, str, str]:
    """Stock, personal and their difference."""
    return number(stock, digits), number(personal, digits), signed(_gain(stock, personal))
