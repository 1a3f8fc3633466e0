"""Who decided not to take part: the way back, and a change of mind."""

from __future__ import annotations

import streamlit as st

from app.components.way_back import way_back
from app.store import open_store
from app.study.records import Standing
from app.study.recruitment import filled_in
from app.views.participant import layout


def draw(standing: Standing, _token: str) -> None:
    """Say that nothing is kept but the decision, and lead back to where they came from."""
    layout.frame(standing.study.title)
    layout.heading("You are not taking part", under="Thank you for telling us.")
    address = standing.study.settings.screen_out_url
    if address:
        way_back(
            filled_in(address, standing.participant.recruitment, None),
            text="Back to the site that sent you",
        )
    else:
        layout.note("You may close this page.")
    st.button("Take part after all", key="agree", on_click=_agree, args=(standing.participant.id,))


def _agree(participant_id: int) -> None:
    open_store().participants.consent(participant_id)
