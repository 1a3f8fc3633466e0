"""The researcher's first page: every study with its progress, and how to add one."""

from __future__ import annotations

import logging

import streamlit as st

from app import session
from app.store import Store, open_store
from app.study.records import StudyTally
from app.study.types import Study
from app.views.researcher import backups
from app.views.researcher.formatting import ago, plural
from app.views.researcher.html import Html, badge, join, link, meter, muted, show, styles
from app.views.researcher.job_status import worker_line
from app.views.researcher.live import redrawn
from app.views.researcher.new_study import form, open_bundle
from app.views.researcher.urls import study_address

log = logging.getLogger(__name__)

SIGN_OUT = Html(
    '<form method="post" action="/auth/logout" style="text-align:right">'
    '<button type="submit" class="cl-button">Sign out</button></form>'
)


def page() -> None:
    """Draw the page; who is not signed in sees the sign-in form only."""
    session.require_researcher()
    store = open_store()
    styles()
    title, out = st.columns([4, 1], vertical_alignment="center")
    with title:
        show(
            Html("<h1 class='cl-line cl-title'>Studies<span class='cl-elsewhere'>"),
            link("Identity", "/identity"),
            Html("</span></h1>"),
        )
    with out:
        show(SIGN_OUT)
    studies_list()
    st.space("small")
    form.made_notice(store)
    with st.expander("New study", icon=":material/add:"):
        form.draw(store)
    with st.expander("Open a study bundle", icon=":material/folder_zip:"):
        open_bundle.draw(store)
    with st.expander("Backup", icon=":material/save:"):
        backups.draw(store)
    archived(store)
    st.space("small")
    show(
        muted(
            "Does this installation compute correct results? ",
            link("Run the self-test", "/selftest"),
        )
    )


@redrawn("5s")
def studies_list() -> None:
    """The worker's health and a card per study, drawn again every few seconds."""
    store = open_store()
    worker_line(store)
    studies = store.studies.all()
    if not studies:
        st.info("There are no studies yet. Create one with *New study* below.")
    tallies = store.progress.tallies()
    for study in studies:
        with st.container(border=True):
            try:
                study_card(study, tallies[study.id])
            except Exception:  # one bad study must not take the others from the screen
                log.exception("the card of study %d failed", study.id)
                st.error(f"Study number {study.id} cannot be shown. The log has the reason.")


def study_card(study: Study, tally: StudyTally) -> None:
    """One study: its state, its progress, and how to join it."""
    show(
        Html("<h3 class='cl-line cl-name'>"),
        link(study.title, study_address(study.id)),
        state_badges(study),
        Html("</h3>"),
        progress_line(tally),
    )
    if study.is_open and not study.simulated:
        join_link(study)


def progress_line(tally: StudyTally) -> Html:
    """A study's progress, in one line."""
    if not tally.participants:
        return muted(f"{plural(tally.targets, 'target')}. Nobody has joined yet.")
    facts = (
        join(meter(tally.done_trials, tally.trials), " trials"),
        f"{plural(tally.participants, 'participant')}, {tally.completed} finished",
        plural(tally.rankings, "ranking"),
        Html(f"<span class='cl-quiet'>last ranking: {ago(tally.last_activity)}</span>"),
    )
    return Html(f"<p class='cl-line'>{join(*(Html(f'<span>{join(f)}</span>') for f in facts))}</p>")


def join_link(study: Study) -> None:
    """The address by which anybody joins, with a button that copies it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption("Join link", width="content")
        st.code(session.join_link(study.join_code), language=None, width="content")


def state_badges(study: Study) -> Html:
    """Open or closed, and whether the people in it are simulated."""
    state = badge("Open", "good") if study.is_open else badge("Closed")
    return join(state, badge("Simulated", "note") if study.simulated else "", by=" ")


def archived(store: Store) -> None:
    """Links to the archived studies."""
    current = {study.id for study in store.studies.all()}
    archived_studies = [
        study for study in store.studies.all(include_archived=True) if study.id not in current
    ]
    if archived_studies:
        with st.expander(f"Archived studies ({len(archived_studies)})"):
            for study in archived_studies:
                show(muted(link(study.title, study_address(study.id))))
