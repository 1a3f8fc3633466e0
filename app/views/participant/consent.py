"""Agreeing to take part, and the personal link to keep."""

from __future__ import annotations

import streamlit as st

from app import session
from app.components.copyable import copyable
from app.store import open_store
from app.study.records import Standing
from app.views.participant import layout
from clpips.errors import StudyError


def draw(standing: Standing, token: str) -> None:
    """Show what taking part means; agreeing is noted once."""
    layout.frame(standing.study.title)
    layout.heading("Before you begin")
    layout.paragraphs(standing.study.settings.consent)
    keep_link(token)
    with st.container(horizontal=True):
        st.button(
            "I agree, continue",
            type="primary",
            key="agree",
            on_click=_agree,
            args=(standing.participant.id,),
        )
        if standing.study.settings.screen_out_url:
            st.button(
                "I do not want to take part",
                key="decline",
                on_click=_decline,
                args=(standing.participant.id,),
            )


def keep_link(token: str) -> None:
    """The participant's own link, to copy."""
    st.html(
        '<p class="label">Your personal link</p><p class="note">It brings you back to where you '
        "stopped, on any device. Keep it, and keep it to yourself.</p>"
    )
    copyable(session.personal_link(token), label="Personal link", key="link")


def _decline(participant_id: int) -> None:
    try:
        open_store().participants.decline(participant_id)
    except StudyError as error:  # agreed meanwhile, in another tab
        session.set_flash(session.sentence(error))


def _agree(participant_id: int) -> None:
    open_store().participants.consent(participant_id)
