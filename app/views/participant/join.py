"""A join link's page. Nothing is used up here until *Join this study* is pressed."""

from __future__ import annotations

import streamlit as st

from app import session
from app.components.way_back import way_back
from app.store import open_store
from app.study.recruitment import Recruitment, filled_in, is_preview
from app.study.types import Study
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
    try:
        recruitment = session.recruitment()
    except StudyError as error:
        layout.message(
            "This link is not complete",
            f"{session.sentence(error)} Please open the study again from the site that sent you.",
        )
        return
    if is_preview(recruitment):
        layout.message(study.title, "Accept the task first, then open this link again.")
        return
    before = store.participants.recruited(study.id, recruitment)
    if before is None and not study.is_open:
        _closed(study, recruitment)
        return
    layout.frame(study.title)
    layout.heading(study.title, under=f"{size_of(store, study)}.")
    problem = session.pop_flash()
    if problem:
        st.warning(problem)
    three_steps()
    st.button(
        "Join this study" if before is None else "Continue where you stopped",
        type="primary",
        key="join",
        on_click=_join,
        args=(study.id, session.join_request(study.id), recruitment),
    )
    if before is not None:
        return
    layout.note("Nothing is stored about you until you press the button.")
    if recruitment:
        names = ", ".join(name for name, _ in recruitment)
        layout.note(
            f"Then these details from the site that sent you are kept with your answers: {names}."
        )


def _closed(study: Study, recruitment: Recruitment) -> None:
    layout.message(
        "This study is closed",
        f"“{study.title}” is not taking new participants at the moment. "
        "If you have joined before, your personal link still works.",
    )
    address = study.settings.screen_out_url
    if recruitment and address:
        way_back(filled_in(address, recruitment, None), text="Back to the site that sent you")


def _join(study_id: int, request_id: str, recruitment: Recruitment) -> None:
    try:
        _, token = open_store().participants.join(study_id, request_id, recruitment)
    except StudyError as error:
        session.set_flash(session.sentence(error))
        return
    session.go_to_participant(token)
