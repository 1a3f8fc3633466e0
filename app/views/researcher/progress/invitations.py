"""Personal links: created on demand, shown once, saved as CSV."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app import session
from app.store import Store
from app.study.types import Study
from app.views.researcher.formatting import plural
from app.views.researcher.html import heading, show
from clpips.errors import StudyError
from clpips.io.csv_files import csv_text

MOST_AT_ONCE = 200
SHOWN = "invitations.shown"

Links = Sequence[tuple[str, str]]


def draw(store: Store, study: Study) -> None:
    """Create links for new participants, or a new link for one who lost theirs."""
    show(heading("Personal links"))
    kept = st.session_state.get(SHOWN)
    if kept is not None and kept[0] == study.id:
        _show_once(study, kept[1])
        return
    st.caption("Each link belongs to one participant. It is shown once: only its hash is stored.")
    left, right = st.columns(2, gap="large")
    with left:
        _invite(store, study)
    with right:
        _replace(store, study)


def links_csv(links: Links) -> str:
    """Participants and their links as a CSV file."""
    rows = ({"participant": label, "link": address} for label, address in links)
    return csv_text(("participant", "link"), rows)


def _invite(store: Store, study: Study) -> None:
    with st.form("invite", border=False):
        count = st.number_input("New participants", 1, MOST_AT_ONCE, 5)
        sent = st.form_submit_button("Create personal links")
    if sent:
        made = [store.participants.create(study.id) for _ in range(int(count))]
        links = [(person.label, session.personal_link(token)) for person, token in made]
        st.session_state[SHOWN] = (study.id, links)
        st.rerun()


def _replace(store: Store, study: Study) -> None:
    people = {person.label: person for person in store.participants.of_study(study.id)}
    if not people:
        return
    with st.form("replace-link", border=False):
        label = st.selectbox(
            "Participant",
            list(people),
            help="Their earlier link stops working. Everything they did is kept.",
        )
        sent = st.form_submit_button("Create a new link")
    if not sent or label is None:
        return
    try:
        token = store.participants.renew_link(people[label].id)
    except StudyError as error:
        st.error(session.sentence(error))
        return
    st.session_state[SHOWN] = (study.id, [(label, session.personal_link(token))])
    st.rerun()


def _show_once(study: Study, links: Links) -> None:
    st.success(
        f"{plural(len(links), 'link')} created. Save them now: they cannot be shown again.",
        icon=":material/key:",
    )
    st.code("\n".join(f"{label}  {address}" for label, address in links), language=None)
    left, right = st.columns([1, 1])
    left.download_button(
        "Download as CSV",
        links_csv(links),
        file_name=f"links-study-{study.id}.csv",
        mime="text/csv",
        on_click="ignore",
        type="primary",
        width="stretch",
    )
    if right.button("I have saved them", width="stretch"):
        del st.session_state[SHOWN]
        st.rerun()
