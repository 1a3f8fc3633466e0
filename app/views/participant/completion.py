"""The last page: the completion code, once everything is known to be stored."""

from __future__ import annotations

import streamlit as st

from app import session
from app.components.board import outbox_flusher
from app.components.copyable import copyable
from app.components.way_back import way_back
from app.study.records import Standing
from app.study.recruitment import filled_in
from app.views.participant import layout


def draw(standing: Standing, token: str) -> None:
    """Thank the participant; the code appears when this browser has nothing left to send."""
    layout.frame(standing.study.title)
    layout.heading(
        "Thank you",
        under="You have finished the study. Your rankings help to measure what people mean "
        "by “these two look alike”.",
    )
    pending = outbox_flusher(session.outbox_name(standing.participant), token)
    if pending is None:
        layout.note("Checking that everything is saved…")
    elif pending:
        what = "One ranking is" if pending == 1 else f"{pending} rankings are"
        layout.note(f"{what} still being sent. Your code appears as soon as everything is saved.")
    elif standing.completion_code is not None:
        st.html('<p class="label">Your completion code</p>')
        copyable(standing.completion_code, label="Completion code", key="code", big=True)
        layout.note(
            "Everything is saved. Copy the code if you were asked for one; "
            "your personal link shows it again at any time. You may close this page."
        )
        _lead_back(standing, standing.completion_code)


def _lead_back(standing: Standing, code: str) -> None:
    """To the site that sent the participant; only drawn when all is stored."""
    address = standing.study.settings.completion_url
    if address:
        way_back(
            filled_in(address, standing.participant.recruitment, code),
            text="Back to the site that sent you",
        )
