"""Deleting a study: what goes with it, a copy first, and its title as a confirmation."""

from __future__ import annotations

import streamlit as st

from app import session
from app.files.study_deletion import delete_study
from app.store import Store
from app.study.records import StudyContents
from app.study.types import Study
from app.views.researcher.export import tab as exports_tab
from app.views.researcher.formatting import plural
from app.views.researcher.html import muted, show
from clpips.errors import StudyError

DELETED = "study.deleted"
OPEN = "delete-study-open"


def draw(store: Store, study: Study) -> None:
    """The form; the study is deleted when its title was typed."""
    with st.expander("Delete this study", key=OPEN, on_change="rerun") as form:
        if not form.open:  # what there is of a large study takes a second to count
            return
        contents = store.deletion.contents(study.id)
        st.warning(what_goes(contents))
        if contents.participants or contents.fits:
            st.caption(
                "A study bundle keeps all of it in one file that opens here or elsewhere. Export "
                "and download one first if you may need the study again."
            )
            exports_tab.offer_bundle(store, study)
        with st.form("delete-study", border=False, enter_to_submit=False):
            typed = st.text_input(
                f"Type the study’s title, “{study.title}”, to confirm", autocomplete="off"
            )
            sent = st.form_submit_button("Delete for good")
        if not sent:
            return
        try:
            with st.spinner("Stopping its jobs and deleting…"):
                delete_study(store, study.id, title=typed)
        except StudyError as error:
            st.error(session.sentence(error))
            return
        st.session_state[DELETED] = study.title
        st.rerun()


def deleted_notice() -> bool:
    """Say once that a study was deleted; whether there was something to say."""
    title = st.session_state.pop(DELETED, None)
    if title is None:
        return False
    st.success(f"The study “{title}” was deleted with everything in it.")
    show(muted("Backups of the database that were made before still hold it."))
    return True


def what_goes(contents: StudyContents) -> str:
    """A sentence about everything that is deleted with a study."""
    parts = [
        plural(contents.participants, "participant"),
        plural(contents.rankings, "ranking"),
        plural(contents.images, "image"),
        plural(contents.fits, "fit"),
        plural(contents.exports, "exported file"),
    ]
    jobs = contents.open_jobs
    stopped = f" {plural(jobs, 'job')} of it will be stopped." if jobs else ""
    return (
        f"Deletes {', '.join(parts[:-1])} and {parts[-1]}, from the database and from the disk. "
        f"Personal links stop working.{stopped} This cannot be undone."
    )
