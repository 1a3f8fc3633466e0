"""The Fit & report tab: fit a metric, follow the fit, read how well it agrees."""

from __future__ import annotations

import streamlit as st

from app.store import Store
from app.study.multiple_testing import decided
from app.study.types import Job, Study
from app.views.researcher import job_status
from app.views.researcher.formatting import plural
from app.views.researcher.html import muted, show
from app.views.researcher.metric_picker import FitScope, choose_scope
from app.views.researcher.report import all_participants, blind_pairs, page


def draw(store: Store, study: Study) -> None:
    """The picker, the button or its progress, the report, then the blind A/B comparisons."""
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    with left:
        chosen = choose_scope(store, study)
    if chosen is None:
        st.info("Nobody has joined yet, so there is nothing to fit. Share the join link first.")
        return
    n = store.rankings.count(study.id, participant_id=chosen.participant_id)
    job = job_status.newest_job(store, study.id, "fit", matches=chosen.is_fitted_by)
    if chosen.scope == "participant" and not job_status.is_open(
        job
    ):  # a fit of each is one of theirs
        job = next(iter(_open_fits(store, study, chosen)), job)
    pressed = right.button(
        "Fit personal metric",
        type="primary",
        disabled=n == 0 or job_status.is_open(job),
        width="stretch",
        key="fit",
    )
    if pressed:
        job = ask(store, study, chosen)
    if job is not None and job_status.is_open(job):
        job_status.follow(job, doing="Fitting")
    else:
        job_status.ending(job, what="The fit")
        skipped(job)
        if chosen.scope == "each":
            unusable(job)
    st.space("small")
    _report(store, study, chosen, n)
    blind_pairs.draw(store, study)


def ask(store: Store, study: Study, chosen: FitScope) -> Job:
    """Ask the worker for the fit; while it is open, asking again gives the same job."""
    return store.jobs.enqueue(
        "fit",
        chosen.payload(study),
        study_id=study.id,
        participant_id=chosen.participant_id,
        key=f"fit:{study.id}:{chosen.scope}:{chosen.participant_id}",
    )


def skipped(job: Job | None) -> None:
    """Name those whom the newest fit left out, and why."""
    if job is None or job.state != "done":
        return
    left_out = job.result.get("skipped") or []
    if left_out:
        show(*(muted(f"Not fitted: {one['participant']}. {one['reason']}") for one in left_out))


def unusable(job: Job | None) -> None:
    """Name the targets with images that the newest fit of all could not use."""
    if job is not None and job.state == "done":
        for words in job.result.get("left_out") or ():
            show(muted(str(words)))


def _open_fits(store: Store, study: Study, chosen: FitScope) -> list[Job]:
    """Open jobs that will bring a new fit to this page, newest first."""
    found = store.jobs.latest(study.id, kinds=["fit"], limit=50)
    return [job for job in found if job_status.is_open(job) and chosen.is_refitted_by(job)]


def _report(store: Store, study: Study, chosen: FitScope, n: int) -> None:
    coming = {job.id for job in _open_fits(store, study, chosen)}
    if chosen.scope == "each":
        all_participants.draw(store, study, coming)
        return
    every_fit = decided(store.fits.of_study(study.id))
    fits = [fit for fit in every_fit if fit.participant_id == chosen.participant_id]
    if fits:
        label = None if chosen.participant is None else chosen.participant.label
        page.draw(store, study, fits, label, coming)
    elif coming:
        st.info("The report appears here once the fit has finished.")
    elif n:
        st.info(f"{plural(n, 'ranking')} to fit to. Press **Fit personal metric**.")
    else:
        st.info("No ranking has been submitted yet. The report appears after the first fit.")
