"""The report over all participants: a row and a verdict each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import streamlit as st

from app import charts
from app.records import Fit
from app.store import Store
from app.views.researcher.markup import Column, Html, badge, quiet, show, table
from app.views.researcher.report import verdict
from app.views.researcher.whose import newer_rankings, newest
from app.views.researcher.words import VERDICTS, number, plural, signed, signed_interval
from clpips.types import Participant, Study

COLUMNS = (
    Column("Participant", head=True),
    Column("Rankings", numeric=True),
    Column("Stock Spearman", numeric=True),
    Column("Personal", numeric=True),
    Column("Difference", numeric=True),
    Column("95 % interval", numeric=True),
    Column("Stock ICC(A,1)", numeric=True),
    Column("Personal", numeric=True),
    Column("Verdict"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One participant's newest fit."""

    participant: Participant
    fit: Fit
    newer: int

    @property
    def held_out(self) -> dict[str, Any] | None:
        """The report's held-out agreement, where there is any."""
        found: dict[str, Any] | None = self.fit.report.get("held_out")
        return found


def draw(store: Store, study: Study) -> None:
    """Draw the table, the chart and who has not been fitted."""
    people = store.participants(study.id)
    fits = newest(store.fits(study.id))
    lines = [
        Line(person, fits[person.id], newer_rankings(store, fits[person.id]))
        for person in people
        if person.id in fits
    ]
    if not lines:
        st.info("Nobody’s metric has been fitted yet. Press **Fit personal metric**.")
        return
    show(Html("<p class='cl-verdict'>"), summary(lines), Html("</p>"))
    newer = sum(line.newer for line in lines)
    if newer:
        st.info(f"{plural(newer, 'new ranking')} since these fits. Fit again to use them.")
    show(table(COLUMNS, [*(_row(line) for line in lines), *_mean_row(lines)]))
    absent = len(people) - len(lines)
    if absent:
        show(quiet(f"{plural(absent, 'participant')} not fitted yet."))
    pairs = [pair(line) for line in lines if line.held_out is not None]
    if pairs:
        st.space("small")
        st.altair_chart(charts.dumbbell(pairs), alt="Stock and personal Spearman by participant")
        st.caption(
            "Mean Spearman on unseen targets; thin lines are 95 % intervals. "
            "ICC(A,1): absolute agreement of within-ranking ranks."
        )


def summary(lines: Sequence[Line]) -> str:
    """How many metrics are better than stock, in one sentence."""
    verdicts = [verdict(line.fit) for line in lines]
    better, worse, early = (verdicts.count(each) for each in ("better", "worse", "too early"))
    text = f"The personal metric agrees better than stock LPIPS for {better or 'none'} of "
    text += plural(len(lines), "participant")
    if worse:
        text += f", worse for {worse}"
    if early:
        text += f"; for {early} it is too early to tell"
    return f"{text}."


def pair(line: Line) -> charts.Pair:
    """A line as a row of the chart."""
    held_out = line.held_out or {}
    stock, personal = held_out["stock"], held_out["personal"]
    return charts.Pair(
        line.participant.label,
        stock["spearman"],
        personal["spearman"],
        personal["n_rankings"],
        stock_ci=stock["spearman_ci"],
        personal_ci=personal["spearman_ci"],
    )


def _row(line: Line) -> tuple[str, ...]:
    words, tone = VERDICTS[verdict(line.fit)]
    held_out = line.held_out
    return (
        line.participant.label,
        str(line.fit.report["n_rankings"]),
        number(held_out["stock"]["spearman"] if held_out else None),
        number(held_out["personal"]["spearman"] if held_out else None),
        signed(held_out["gain"] if held_out else None),
        signed_interval(held_out["gain_ci"] if held_out else None),
        number(held_out["stock"]["icc"] if held_out else None),
        number(held_out["personal"]["icc"] if held_out else None),
        badge(words, tone),
    )


def _mean_row(lines: Sequence[Line]) -> list[tuple[str, ...]]:
    """The mean over those who have both numbers; nothing for fewer than two of them."""
    found = [line.held_out for line in lines if line.held_out is not None]
    counted = [one for one in found if one["gain"] is not None]
    if len(counted) < 2:
        return []
    stock, personal = (
        fmean(one[side]["spearman"] for one in counted) for side in ("stock", "personal")
    )
    n = sum(one["personal"]["n_rankings"] for one in counted)
    name = f"Mean of {len(counted)}"
    difference = signed(personal - stock)
    return [(name, str(n), number(stock), number(personal), difference, "", "", "", "")]
