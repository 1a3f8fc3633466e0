"""The report over all participants: a row and a verdict each, then the study as a whole."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import streamlit as st

from app.charts import base
from app.store import Store
from app.study.multiple_testing import decided, family, newest_judged
from app.study.records import Fit
from app.study.types import Participant, Study
from app.views.researcher.formatting import (
    MISSING,
    VERDICTS,
    number,
    p_value,
    plural,
    signed,
    signed_interval,
)
from app.views.researcher.html import Column, Html, badge, heading, link, muted, show, stacked
from app.views.researcher.metric_picker import newer_rankings, newest
from app.views.researcher.report import comparison_job, whole_study
from app.views.researcher.report.metric_table import compact
from app.views.researcher.report.sentences import in_use, is_early, verdict
from app.views.researcher.urls import rankings_address, report_address
from clpips.evaluation.metric_names import PERSONAL, metric_name
from clpips.export.decimals import column_digits


def columns(study: Study) -> tuple[Column, ...]:
    """The table's columns; the middle ones hold mean Spearman correlations."""
    return (
        Column("Participant", head=True),
        Column("Rankings", numeric=True),
        Column(metric_name("stock", study.settings.backbone), numeric=True),
        Column(PERSONAL, numeric=True),
        Column("Difference", numeric=True),
        Column("p", numeric=True),
        Column("p, corrected", numeric=True),
        Column("In use"),
        Column("Verdict"),
    )


@dataclass(frozen=True, slots=True)
class Line:
    """One participant's newest fit; ``tested`` is the personal metric's row with its p."""

    participant: Participant
    fit: Fit
    newer: int
    tested: Mapping[str, Any] = field(default_factory=dict)

    @property
    def held_out(self) -> dict[str, Any] | None:
        """The report's held-out agreement, where there is enough to show any."""
        found: dict[str, Any] | None = self.fit.report.get("held_out")
        return None if is_early(self.fit) else found


def draw(store: Store, study: Study, coming: Collection[int] = ()) -> None:
    """Draw the table, the chart, who has not been fitted, and the study as a whole.

    Args:
        store: the store.
        study: the study.
        coming: the jobs that are about to bring newer fits.
    """
    people = store.participants.of_study(study.id)
    every_fit = decided(store.fits.of_study(study.id))
    fits = newest(every_fit)
    own = [(person, fits[person.id]) for person in people if person.id in fits]
    judged = newest_judged(every_fit)
    tests = family(judged, store.comparisons.of_fits(fit.id for fit in judged))
    lines = [
        Line(person, fit, newer_rankings(store, fit), tests.personal(fit)) for person, fit in own
    ]
    if not lines:
        st.info("No metric has been fitted yet. Press **Fit personal metric**.")
        return
    if coming:
        st.info(former(lines, coming))
    show(Html("<p class='cl-verdict'>"), summary(lines), Html("</p>"))
    newer = sum(line.newer for line in lines)
    if newer and not coming:
        st.info(f"{plural(newer, 'new ranking')} since these fits. Fit again to use them.")
    digits = digits_of(lines)
    rows = [*(_row(study, line, digits) for line in lines), *_mean_row(lines, digits)]
    show(compact(columns(study), rows))
    absent = len(people) - len(lines)
    if absent:
        show(muted(f"{plural(absent, 'participant')} not fitted yet."))
    pairs = [pair(line) for line in lines if line.held_out is not None]
    if pairs:
        st.space("small")
        st.altair_chart(base.dumbbell(pairs), alt="Stock and personal Spearman by participant")
        st.caption("Mean Spearman on unseen targets; thin lines are 95 % intervals.")
        comparison_job.follow(store, study, judged, len(comparison_job.parts_of(store, judged)))
    of_study = store.comparisons.of_study(study.id)
    is_former = comparison_job.is_former(store, study, of_study)
    _study(of_study, len(judged), len(lines) - len(judged), digits, is_former=is_former)


def summary(lines: Sequence[Line]) -> str:
    """How many metrics are better than stock, in one sentence."""
    verdicts = [verdict(line.fit) for line in lines]
    kinds = ("better", "worse", "reversed", "too early")
    better, worse, wrong_way, early = (verdicts.count(each) for each in kinds)
    text = f"The personal metric agrees better than stock LPIPS for {better or 'none'} of "
    text += plural(len(lines), "participant")
    if worse:
        text += f", worse for {worse}"
    if wrong_way:
        text += f"; the ranks of {wrong_way} look reversed"
    if early:
        text += f"; for {early} it is too early to tell"
    return f"{text}."


def former(lines: Sequence[Line], coming: Collection[int]) -> str:
    """While fits are in progress: how many rows still come from earlier ones."""
    old = sum(line.fit.job_id not in coming for line in lines)
    if old == 0:
        return "New fits are in progress; all rows below are already from them."
    what = "everything" if old == len(lines) else f"{old} of {plural(len(lines), 'row')}"
    source = "the earlier fit" if old == 1 else "the earlier fits"
    verb = "comes" if old in (1, len(lines)) else "come"
    return f"New fits are in progress. Until they finish, {what} below {verb} from {source}."


def pair(line: Line) -> base.Pair:
    """A line as a row of the chart."""
    held_out = line.held_out or {}
    stock, personal = held_out["stock"], held_out["personal"]
    return base.Pair(
        line.participant.label,
        stock["spearman"],
        personal["spearman"],
        personal["n_rankings"],
        stock_ci=stock["spearman_ci"],
        personal_ci=personal["spearman_ci"],
    )


def _study(
    found: Mapping[str, Any], n_judged: int, early: int, digits: int, *, is_former: bool
) -> None:
    """The study's part of a comparison; ``early`` participants cannot be judged yet."""
    if n_judged and (found.get("people") or {}).get("table"):
        show(heading("Across participants"))
        if is_former:
            show(muted(whole_study.FORMER))
        whole_study.people_table(found, digits)
        show(
            muted(
                "Every participant has the same weight. Small numbers are 95 % intervals over each "
                "participant’s rankings, so they describe these participants only. Each "
                "participant’s own report explains the columns."
                + (f" For {early} of them it is too early to tell." if early else "")
            )
        )
    if "calibration" in found or "position" in found:
        show(heading("The study as a whole"))
        whole_study.draw(found, is_former=is_former)


def digits_of(lines: Sequence[Line]) -> int:
    """As many digits as show every difference, the mean one's among them."""
    rows = [
        (one["stock"]["spearman"], one["personal"]["spearman"], one["gain"])
        for line in lines
        if (one := line.held_out) is not None
    ]
    mean = mean_of([line.held_out for line in lines if line.held_out is not None])
    return column_digits(rows if mean is None else [*rows, mean])


def mean_of(held_out: Sequence[Mapping[str, Any]]) -> tuple[float, float, float] | None:
    """Mean stock and personal Spearman of those who have both, and the gain."""
    counted = [one for one in held_out if one["gain"] is not None]
    if len(counted) < 2:
        return None
    stock, personal = (
        fmean(one[side]["spearman"] for one in counted) for side in ("stock", "personal")
    )
    return stock, personal, personal - stock


def _row(study: Study, line: Line, digits: int) -> tuple[str, ...]:
    words, tone = VERDICTS[verdict(line.fit)]
    held_out, label = line.held_out, line.participant.label
    ends = signed_interval(held_out["gain_ci"] if held_out else None)
    stock = held_out["stock"]["spearman"] if held_out else None
    personal = held_out["personal"]["spearman"] if held_out else None
    gain = held_out["gain"] if held_out else None
    return (
        link(label, report_address(study.id, label)),
        link(str(line.fit.report["n_rankings"]), rankings_address(study.id, person=label)),
        number(stock, digits),
        number(personal, digits),
        stacked(signed(gain), "" if ends == MISSING else ends),
        p_value(line.tested.get("p")),
        p_value(line.tested.get("p_corrected")),
        "Personal" if in_use(line.fit) == "personal" else "Stock",
        badge(words, tone),
    )


def _mean_row(lines: Sequence[Line], digits: int) -> list[tuple[str, ...]]:
    """The mean over those who have both numbers; nothing for fewer than two of them."""
    found = [line.held_out for line in lines if line.held_out is not None]
    mean = mean_of(found)
    if mean is None:
        return []
    counted = [one for one in found if one["gain"] is not None]
    n = sum(one["personal"]["n_rankings"] for one in counted)
    stock, personal, gain = mean
    sides = number(stock, digits), number(personal, digits), signed(gain)
    return [(f"Mean of {len(counted)}", str(n), *sides, "", "", "", "")]
