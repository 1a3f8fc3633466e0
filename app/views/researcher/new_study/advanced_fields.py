"""The advanced fields of a new study: what is collected and compared besides rankings.

The names that screens give these settings are here too.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import streamlit as st

from app.study.arms import GUIDANCES, Guidance
from app.study.settings import MAX_EXTRA, SelectionRule, StudySettings

DEFAULTS = StudySettings()
SUGGESTED_REPEATS = 1  # little work for each participant, informative over all of them


class SelectionOption(NamedTuple):
    """How a board's images are selected, and how many times as many are generated."""

    choice: SelectionRule
    times: int


NEAREST = "Of {} as many, the nearest plus one at random"
SELECTION_LABELS: dict[SelectionOption, str] = {
    SelectionOption("random", 1): "All generated images",
    SelectionOption("informative", 2): "The most informative half",
    SelectionOption("informative", 3): "The most informative third",
    SelectionOption("nearest", 2): NEAREST.format("twice"),
    SelectionOption("nearest", 3): NEAREST.format("three times"),
    SelectionOption("nearest", 4): NEAREST.format("four times"),
}
GUIDANCE_LABELS: dict[Guidance, str] = {
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
            "Number of a participant’s own boards repeated at the end without notice. How "
            "consistently participants rank limits how well any metric can agree with them."
        )
        asks = st.toggle("Ask how sure participants are", DEFAULTS.ask_confidence)
        st.caption(
            "An optional question below each ranking. The answers weight the rankings in the fit."
        )
        guidance = _guidance()
    with right:
        calibration = st.number_input("Shared boards", 0, MAX_EXTRA, DEFAULTS.calibration)
        st.caption(
            "Number of boards at the end with the same images, generated once, for every "
            "participant. Agreement between participants can be measured only on these."
        )
        shown = _selection()
        duels = st.number_input("Blind A/B comparisons at the end", 0, MAX_EXTRA, DEFAULTS.duels)
        st.caption(
            "Two new, unlabelled images: one that stock LPIPS ranks nearer, one that the "
            "participant’s metric ranks nearer. Which one do they pick?"
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


def _selection() -> SelectionOption:
    shown: SelectionOption = st.selectbox(
        "Images shown", list(SELECTION_LABELS), format_func=SELECTION_LABELS.__getitem__
    )
    st.caption(
        "The most informative images teach a personal metric from fewer rankings. The nearest, by "
        "the participant’s metric so far, get closer to the target. Both take longer to generate."
    )
    return shown


def _guidance() -> tuple[Guidance, ...]:
    """Which metrics participants are shown; an empty selection means none."""
    chosen = st.multiselect(
        "Shown between rounds",
        GUIDANCES,
        default=list(DEFAULTS.guidance),
        format_func=GUIDANCE_LABELS.__getitem__,
        placeholder=GUIDANCE_LABELS["none"],
    )
    st.caption(
        "Shows participants which of their images a metric finds nearest. With several metrics, "
        "each participant gets one at random, balanced over those who complete the study."
    )
    return tuple(each for each in GUIDANCES if each in chosen) or DEFAULTS.guidance
