"""What to do, in three illustrated steps."""

from __future__ import annotations

import streamlit as st

from app.store import open_store
from app.study.records import Standing
from app.views.participant import layout
from app.views.participant.how_it_works import three_steps
from app.views.participant.progress import what_comes_last


def draw(standing: Standing, token: str) -> None:
    """Explain the three steps; *Begin* is noted once."""
    settings = standing.study.settings
    layout.frame(standing.study.title)
    layout.heading("How it works")
    three_steps()
    layout.paragraphs(settings.instructions)
    targets = len(standing.trials)
    there_is = "There is 1 target" if targets == 1 else f"There are {targets} targets"
    layout.paragraphs(
        f"{there_is}. Each takes {_rounds(settings.min_rounds, settings.max_rounds)}: "
        "after ranking, change your words and generate again to get closer to the target. "
        "There are no wrong answers: what counts is how it looks to you."
    )
    layout.paragraphs(what_comes_last(standing))
    st.button(
        "Begin", type="primary", key="begin", on_click=_begin, args=(standing.participant.id,)
    )
    layout.note("You may stop at any time. Your personal link brings you back to the same place.")


def _rounds(least: int, most: int) -> str:
    if least == most:
        return f"{least} {'round' if least == 1 else 'rounds'}"
    return f"{least} to {most} rounds"


def _begin(participant_id: int) -> None:
    open_store().participants.start(participant_id)
