"""Recruiting through Prolific, Mechanical Turk or SONA: the links to give, the ways back."""

from __future__ import annotations

import streamlit as st

from app import session
from app.store import Store
from app.study.recruitment import CODE, PARAMETERS
from app.study.types import Study
from app.views.researcher.html import heading, muted, show
from clpips.errors import StudyError

SAVED = "recruitment.saved"
LINKS = {
    "Prolific": "PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}"
    "&SESSION_ID={{%SESSION_ID%}}",
    "Mechanical Turk": "workerId=${workerId}&assignmentId=${assignmentId}&hitId=${hitId}",
    "SONA": "survey_code=%SURVEY_CODE%",
}


def draw(store: Store, study: Study) -> None:
    """The links for recruiters, and the form with the two addresses."""
    show(heading("Recruitment"))
    show(muted("Completed: ", study.settings.completion_url or "no address"))
    show(muted("Not taking part: ", study.settings.screen_out_url or "no address"))
    if st.session_state.pop(SAVED, None) == study.id:
        st.success("The addresses were saved.")
    with st.expander("Recruit through Prolific, Mechanical Turk or SONA"):
        st.caption(
            "Give the recruiter one of these addresses. The ids in it are kept with the "
            "participant and in every rankings file, and bring a person back to their place."
        )
        join = session.join_link(study.join_code)
        for name, rest in LINKS.items():
            st.caption(f"{name}:")
            st.code(f"{join}&{rest}", language=None, wrap_lines=True)
        _addresses(store, study)


def _addresses(store: Store, study: Study) -> None:
    with st.form("recruitment", border=False, enter_to_submit=False):
        completion = st.text_input(
            "Address after completion",
            study.settings.completion_url,
            placeholder="https://app.prolific.com/submissions/complete?cc=C1A2B3C4",
            autocomplete="off",
        )
        screen_out = st.text_input(
            "Address for those who do not take part",
            study.settings.screen_out_url,
            placeholder="https://app.prolific.com/submissions/complete?cc=D4C3B2A1",
            autocomplete="off",
            help="For those who do not consent, and those who come when the study is closed.",
        )
        st.caption(
            "Participants are led there once everything is stored. "
            f"Placeholders: {', '.join(f'{{{name}}}' for name in (CODE, *PARAMETERS))}; "
            f"{{{CODE}}} is the completion code that the last page shows."
        )
        sent = st.form_submit_button("Save addresses")
    if not sent:
        return
    try:
        store.studies.set_addresses(study.id, completion=completion, screen_out=screen_out)
    except StudyError as error:
        st.error(session.sentence(error))
        return
    st.session_state[SAVED] = study.id
    st.rerun()
