"""The Identity page: rank a gallery for generated images, and look at what came out."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app import session
from app.files.identity_runs import delete_run, run_folder, runs
from app.store import Store, open_store
from app.study.identity_run import IdentityRun
from app.study.types import Job
from app.views.researcher import job_status
from app.views.researcher.formatting import ago
from app.views.researcher.html import Column, Html, badge, heading, link, muted, show, styles, table
from app.views.researcher.identity import form, result
from app.views.researcher.urls import identity_address

ABOUT = (
    "Does a generated image show its own subject, or one that is just like it? Each generated "
    "image searches a gallery of real images of look-alikes; the earlier its own subject’s images "
    "come, the higher its average precision (Finer-Personalization Rank)."
)
EMPTY = (
    "No ranking yet. Leave everything as it is and press **Rank**: the app draws a small sample "
    "and shows in about half a minute what comes out."
)
SHOWN = 50
STATES = {
    "queued": ("In progress", "note"),
    "running": ("In progress", "note"),
    "done": ("Done", "good"),
    "failed": ("Failed", "bad"),
    "cancelled": ("Cancelled", "plain"),
}
COLUMNS = (Column("Images", head=True), Column("Encoder"), Column("State"), Column("Asked for"))


def page() -> None:
    """Draw the page; who is not signed in sees the sign-in form only."""
    session.require_researcher()
    store = open_store()
    styles()
    show(muted(link("← All studies", "/researcher")), Html("<h1 class='cl-title'>Identity</h1>"))
    show(muted(ABOUT))
    found = runs(store, SHOWN)
    if not found:
        st.info(EMPTY)
        job_status.worker_line(store)
    with st.expander("New ranking", icon=":material/add:", expanded=not found):
        asked = form.draw(store, is_open=any(job_status.is_open(job) for job, _ in found))
    if asked is not None:
        st.query_params["run"] = str(asked.id)
        st.rerun()
    chosen = _chosen(found)
    if chosen is not None:
        _one(store, *chosen)
    if found:
        show(heading("All rankings"), table(COLUMNS, [_row(*each) for each in found]))


def _chosen(found: Sequence[tuple[Job, IdentityRun]]) -> tuple[Job, IdentityRun] | None:
    """The ranking that ``?run=`` names; the newest where it names none that is there."""
    named = st.query_params.get("run", "")
    return next((each for each in found if str(each[0].id) == named), next(iter(found), None))


def _row(job: Job, run: IdentityRun) -> tuple[str, ...]:
    name = link(name_of(run), identity_address(job.id))
    return name, run.encoder, badge(*STATES[job.state]), ago(job.created_at)


def name_of(run: IdentityRun) -> str:
    """What a ranking is called."""
    return "Sample" if run.queries == "sample" else run.title


def _one(store: Store, job: Job, run: IdentityRun) -> None:
    show(heading(name_of(run)))
    if job_status.is_open(job):
        job_status.follow(job, doing="Ranking")
        return
    job_status.ending(job, what="The ranking")
    if job.state == "done":
        result.draw(job, run, run_folder(store, run))
    with st.popover("Delete this ranking", icon=":material/delete:"):
        st.write("Its images and results are deleted. Backups made before keep them.")
        if st.button("Delete", type="primary", key=f"delete-{job.id}"):
            delete_run(store, job)
            st.query_params.pop("run", None)
            st.rerun()
