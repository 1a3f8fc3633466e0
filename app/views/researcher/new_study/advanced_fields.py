"""The fields of a new study that are folded away: what is collected and compared beside rankings.

And the words by which screens call these settings.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import streamlit as st

from app.study.arms import GUIDANCES, Guidance
from app.study.settings import MAX_EXTRA, Choice, StudySettings

DEFAULTS = StudySettings()
SUGGESTED_REPEATS = 1  # one more board a person is little, and over people says much


class Shown(NamedTuple):
    """Which images a board shows, and how many times as many are drawn."""

    choice: Choice
    times: int


NEAREST = "The nearest by the person’s metric, and one at random, of {} as many"
CHOICE_WORDS: dict[Shown, str] = {
    Shown("random", 1): "All that are drawn",
    Shown("informative", 2): "The most telling half of them",
    Shown("informative", 3): "The most telling third of them",
    Shown("nearest", 2): NEAREST.format("twice"),
    Shown("nearest", 3): NEAREST.format("three times"),
    Shown("nearest", 4): NEAREST.format("four times"),
}
GUIDANCE_WORDS: dict[Guidance, str] = {
    "none": "No metric",
    "stock": "Stock LPIPS",
    "personal": "Their personal metric",
}


def draw(candidates: int) -> dict[str, Any]:
    """Draw the fields; the settings that they hold.

    Args:
        candidates: how many images a board shows.
    """
    left, right = st.columns(2, gap="large")
    with left:
        repeats = st.number_input("Hidden repeats", 0, MAX_EXTRA, SUGGESTED_REPEATS)
        st.caption(
            "So many of a person’s own boards come once more at the end, unannounced: "
            "no metric can agree with somebody better than they agree with themself."
        )
        asks = st.toggle("Ask how sure people are", DEFAULTS.ask_confidence)
        st.caption("An optional question below each ranking; the answers weigh in the fit.")
        guidance = _guidance()
    with right:
        calibration = st.number_input("Shared boards", 0, MAX_EXTRA, DEFAULTS.calibration)
        st.caption(
            "So many boards at the end have the same images for everybody, drawn once: "
            "only there can agreement between people be measured."
        )
        shown = _shown()
        duels = st.number_input("Blind pairs at the end", 0, MAX_EXTRA, DEFAULTS.duels)
        st.caption(
            "Two fresh images, one that stock LPIPS ranks nearer and one that the person’s "
            "metric ranks nearer, unmarked: which one do they pick?"
        )
    return {
        "repeats": int(repeats),
        "calibration": int(calibration),
        "ask_confidence": bool(asks),
        "choice": shown.choice,
        "made_per_round": shown.times * candidates,
        "guidance": guidance,
        "duels": int(duels),
    }


def _shown() -> Shown:
    shown: Shown = st.selectbox(
        "Images shown", list(CHOICE_WORDS), format_func=CHOICE_WORDS.__getitem__
    )
    st.caption(
        "The most telling ones learn a person’s metric from fewer rankings; the nearest ones get "
        "closer to the target. Either way, drawing takes longer."
    )
    return shown


def _guidance() -> tuple[Guidance, ...]:
    """Which metrics people are shown; whoever takes all away wants none shown."""
    chosen = st.multiselect(
        "Shown between rounds",
        GUIDANCES,
        default=list(DEFAULTS.guidance),
        format_func=GUIDANCE_WORDS.__getitem__,
        placeholder=GUIDANCE_WORDS["none"],
    )
    st.caption(
        "Which of a person’s images a metric finds nearest. Of several, each person gets one by "
        "chance, balanced over those who complete the study."
    )
    return tuple(each for each in GUIDANCES if each in chosen) or DEFAULTS.guidance
