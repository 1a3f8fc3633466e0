"""The Fit & report tab: fit a metric, follow the fit, read how well it agrees."""

from __future__ import annotations

import streamlit as st

from app.store import Store
from app.study.types import Job, Study
from app.views.researcher import job_status
from app.views.researcher.formatting import plural
from app.views.researcher.html import quiet, show
from app.views.researcher.metric_picker import Whose, choose
from app.views.researcher.report import all_participants, blind_pairs, page


def draw(store: Store, study: Study) -> None:
    """The picker, the button or its progress, the report, then the blind A/B comparisons."""
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    with left:
        whose = choose(store, study)
    if whose is None:
        st.info("Nobody has joined yet, so there is nothing to fit. Share the join link first.")
        return
    n = len(store.rankings.submission_times(study.id, participant_id=whose.participant_id))
    job = job_status.newest_job(store, study.id, "fit", matches=whose.asked_by)
    if whose.scope == "participant" and not job_status.is_open(
        job
    ):  # a fit of each is one of theirs
        job = next(iter(_on_its_way(store, study, whose)), job)
    pressed = right.button(
        "Fit personal metric",
        type="primary",
        disabled=n == 0 or job_status.is_open(job),
        width="stretch",
        key="fit",
    )
    if pressed:
        job = ask(store, study, whose)
    if job is not None and job_status.is_open(job):
        job_status.follow(job, doing="Fitting")
    else:
        job_status.ending(job, what="The fit")
        skipped(job)
    st.space("small")
    _report(store, study, whose, n)
    blind_pairs.draw(store, study)


def ask(store: Store, study: Study, whose: Whose) -> Job:
    """Ask the worker for the fit; while it is open, asking again gives the same job."""
    return store.jobs.enqueue(
        "fit",
        whose.payload(study),
        study_id=study.id,
        participant_id=whose.participant_id,
        key=f"fit:{study.id}:{whose.scope}:{whose.participant_id}",
    )


def skipped(job: Job | None) -> None:
    """Name those whom the newest fit left out, and why."""
    if job is None or job.state != "done":
        return
    left_out = job.result.get("skipped") or []
    if left_out:
        show(*(quiet(f"Not fitted: {one['participant']}. {one['reason']}") for one in left_out))


def _on_its_way(store: Store, study: Study, whose: Whose) -> list[Job]:
    """Open jobs that will bring a new fit to this page, newest first."""
    found = store.jobs.latest(study.id, kinds=["fit"], limit=50)
    return [job for job in found if job_status.is_open(job) and whose.concerned_by(job)]


def _report(store: Store, study: Study, whose: Whose, n: int) -> None:
    coming = {job.id for job in _on_its_way(store, study, whose)}
    if whose.scope == "each":
        all_participants.draw(store, study, coming)
        return
    fits = [
        fit for fit in store.fits.of_study(study.id) if fit.participant_id == whose.participant_id
    ]
    if fits:
        label = None if whose.participant is None else whose.participant.label
        page.draw(store, study, fits, label, coming)
    elif coming:
        st.info("The report appears here once the fit has finished.")
    elif n:
        st.info(f"{plural(n, 'ranking')} to fit to. Press **Fit personal metric**.")
    else:
        st.info("No ranking has been submitted yet. The report appears after the first fit.")
