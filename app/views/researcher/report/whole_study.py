"""The study as a whole: agreement between participants, and position bias."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.study.multiple_testing import METRICS as MAIN
from app.views.researcher.formatting import MISSING, interval, number, p_value, plural
from app.views.researcher.html import Column, Html, muted, show, stacked, table
from app.views.researcher.report.metric_table import COLUMNS as METRICS
from app.views.researcher.report.metric_table import cells, compact

Found = Mapping[str, Any]
ACROSS_PARTICIPANTS = tuple(column for column in METRICS if column.title not in ("Rankings",))
AGREEMENT = (
    Column("Between participants", head=True),
    Column("Value", numeric=True),
    Column("Meaning"),
)
POSITIONS = (
    Column("Position shown", head=True),
    Column("Mean rank", numeric=True),
    Column("95 % interval", numeric=True),
)
STATISTICS = (
    ("kendalls_w", "Kendall’s W", "0: no agreement; 1: identical rankings"),
    (
        "alpha_ordinal",
        "Krippendorff’s alpha, ordinal",
        "1: identical; 0: as by chance; may be negative",
    ),
    (
        "alpha_interval",
        "Krippendorff’s alpha, interval",
        "the same, with ranks on an interval scale",
    ),
    ("icc_a1", "ICC(A,1)", "how well one participant’s ranks represent another’s"),
    ("icc_ak", "ICC(A,k)", "how well their mean ranks represent those of as many others"),
)
SHARED_HELP = (
    "Only boards with the same images for every participant count here: on boards that only one "
    "participant ranked, agreement between participants has no meaning. If a participant ranked a "
    "board twice, the first ranking counts. W and the ICCs are means over boards, computed on "
    "within-ranking ranks."
)
POSITION_HELP = (
    "The board shows images in random order, so without position bias every position would have "
    "the same mean rank. Friedman’s test asks whether the positions differ at all; the trend asks "
    "whether earlier ones are ranked nearer."
)


FORMER = "These results come from earlier fits: not all of the newest ones have been compared yet."


def draw(study: Found, *, is_former: bool = False) -> None:
    """Agreement between participants on the shared boards, then position bias.

    Args:
        study: the part of a comparison that is about the study.
        is_former: there are newer fits, and rankings perhaps, than it knows.
    """
    if is_former:
        show(muted(FORMER))
    left_out = study.get("left_out") or {}
    calibration, position = study.get("calibration"), study.get("position")
    show(Html("<h3 class='cl-name'>Agreement between participants</h3>"))
    if calibration:
        show(table(AGREEMENT, agreement_rows(calibration)), muted(counted(calibration)))
        show(muted(SHARED_HELP))
    else:
        show(muted(str(left_out.get("calibration", "No board was ranked by two participants."))))
    show(Html("<h3 class='cl-name' style='padding-top:1.2rem'>Position bias</h3>"))
    if not position:
        show(muted(str(left_out.get("position", "There are too few rankings to tell."))))
        return
    show(Html("<p style='margin:0 0 .6rem'>"), position_sentence(position), Html("</p>"))
    show(table(POSITIONS, position_rows(position)), muted(POSITION_HELP))


def agreement_rows(calibration: Found) -> list[tuple[str, ...]]:
    """One row a statistic that exists for these rankings."""
    rows: list[tuple[str, ...]] = []
    for key, name, meaning in STATISTICS:
        if calibration.get(key) is not None:
            p = calibration.get("w_p") if key == "kendalls_w" else None
            rows.append((name, stacked(number(calibration[key]), _p(p)), meaning))
    return rows


def counted(calibration: Found) -> str:
    """How many participants and boards, what was left out, and why."""
    people = plural(calibration["n_people"], "participant")
    boards = plural(calibration["n_boards"], "shared board")
    text = f"n = {people} on {boards}"
    reasons = "; ".join(f"{n} × {why}" for why, n in (calibration.get("left_out") or {}).items())
    return f"{text}. Rankings left out: {reasons}." if reasons else f"{text}, none left out."


def position_sentence(position: Found) -> str:
    """The result in plain words, with true minus signs."""
    return str(position.get("sentence", "")).replace("trend -", "trend −")


def position_rows(position: Found) -> list[tuple[str, ...]]:
    """The mean rank of the images shown in each position."""
    return [
        (str(one["position"]), number(one["mean_rank"]), interval(one["ci"]))
        for one in position.get("positions") or ()
    ]


def people_table(study: Found, digits: int) -> None:
    """Every metric over participants, who have the same weight; baselines in an expander.

    Args:
        study: the study's part of a comparison.
        digits: of Spearman, as in the table of participants.
    """
    rows = (study.get("people") or {}).get("table") or ()
    columns = (*ACROSS_PARTICIPANTS, Column("Participants", numeric=True))
    for is_main, title in ((True, ""), (False, "Baselines across participants")):
        own = [row for row in rows if (row["name"] in MAIN) is is_main]
        shown = [(*cells(row, digits=digits)[:-1], str(row["n_people"])) for row in own]
        drawn = compact(columns, shown)
        if own and is_main:
            show(drawn)
        elif own:
            with st.expander(f"{title} ({len(own)})"):
                show(drawn)


def _p(p: float | None) -> str:
    text = p_value(p)
    return "" if text == MISSING else f"p {text}" if text.startswith("<") else f"p = {text}"
