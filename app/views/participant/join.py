"""A join link's page. Nothing is used up here until *Join this study* is pressed."""

from __future__ import annotations

import streamlit as st

from app import session
from app.store import open_store
from app.views.participant import layout
from app.views.participant.how_it_works import three_steps
from app.views.participant.welcome import size_of
from clpips.errors import StudyError


def draw(join_code: str) -> None:
    """Say what the study is; only the button makes a participant."""
    store = open_store()
    study = store.studies.by_join_code(join_code)
    if study is None:
        layout.message(
            "This study was not found",
            "The link may have been cut short when it was copied. "
            "Please check it, or ask the person who gave it to you.",
        )
        return
    if not study.is_open:
        layout.message(
            "This study is closed",
            f"“{study.title}” is not taking new participants at the moment. "
            "If you have joined before, your personal link still works.",
        )
        return
    layout.frame(study.title)
    layout.heading(study.title, under=f"{size_of(store, study)}.")
    problem = session.pop_flash()
    if problem:
        st.warning(problem)
    three_steps()
    st.button(
        "Join this study",
        type="primary",
        key="join",
        on_click=_join,
        args=(study.id, session.join_request(study.id)),
    )
    layout.note("Nothing is stored about you until you press the button.")


def _join(study_id: int, request_id: str) -> None:
    try:
        _, token = open_store().participants.join(study_id, request_id)
    except StudyError as error:
        session.set_flash(session.sentence(error))
        return
    session.go_to_participant(token)
