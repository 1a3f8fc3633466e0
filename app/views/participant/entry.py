"""The participant's address, ``/``: whose link it is decides what is shown."""

from __future__ import annotations

import streamlit as st

from app import session
from app.store import open_store
from app.views.participant import (
    completion,
    consent,
    declined,
    final_boards,
    instructions,
    join,
    layout,
    trial,
    welcome,
)


def page() -> None:
    """Draw what this link leads to; where a participant stands is read from the store."""
    token = session.participant_token()
    if token is not None:
        _participant(token)
        return
    join_code = st.query_params.get("join")
    if join_code:
        join.draw(join_code)
    else:
        welcome.draw()


def _participant(token: str) -> None:
    store = open_store()
    participant = store.participants.by_token(token)
    if participant is None:
        layout.message(
            "This link does not work",
            "It may have been cut short when it was copied, or replaced by a newer one. "
            "Please open the newest link you were given, or ask the researcher for it.",
        )
        return
    standing = store.progress.of_participant(participant.id)
    draw = {
        "consent": consent.draw,
        "declined": declined.draw,
        "instructions": instructions.draw,
        "done": completion.draw,
    }.get(standing.phase, trial.draw if standing.board is None else final_boards.draw)
    draw(standing, token)
