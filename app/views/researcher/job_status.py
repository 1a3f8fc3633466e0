"""A worker job as the researcher follows it: progress, cancelling, outcome.

Nothing about a job is kept in the browser: it is found in the store, so a reload or a second
window shows the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from app.store import Store, open_store
from app.study.types import Job, JobKind
from app.views.researcher.html import muted, show
from app.views.researcher.live import redrawn
from app.views.researcher.queue_position import waits_for

OPEN = ("queued", "running")
KEPT: Mapping[JobKind, str] = {
    "fit": "Metrics that were already fitted are kept.",
    "compare": "Results that were already computed are kept.",
}


def newest_job(
    store: Store,
    study_id: int,
    kind: JobKind,
    *,
    matches: Callable[[Job], bool] = lambda job: True,
) -> Job | None:
    """The study's newest job of a kind that matches, in any state."""
    found = store.jobs.latest(study_id, kinds=[kind], limit=50)
    return next((job for job in found if matches(job)), None)


def is_open(job: Job | None) -> bool:
    """Whether a job still waits or runs."""
    return job is not None and job.state in OPEN


def follow(job: Job, *, doing: str, is_old: Callable[[], bool] = lambda: False) -> None:
    """Show an open job with a Cancel button, and redraw the page once it has ended.

    Args:
        job: an open job.
        doing: what it does, for example ``Fitting``.
        is_old: asked every second whether the page should be redrawn before that.
    """
    _follow(job.id, doing, is_old)


def ending(job: Job | None, *, what: str) -> None:
    """Say why the newest job did not succeed; nothing for one that did.

    Args:
        job: an ended job, or ``None``.
        what: what it was, for example ``The fit``.
    """
    if job is None:
        return
    if job.state == "failed":
        st.error(f"{what} failed: {job.message or 'no reason was given'}", icon=":material/error:")
    elif job.state == "cancelled":
        st.info(f"{what} was cancelled. {KEPT.get(job.kind, 'Nothing was changed.')}")


def worker_line(store: Store) -> None:
    """Whether a worker is running."""
    if store.workers.alive():
        show(muted("Worker: running"))
    else:
        st.warning("Worker: not running. Start it with `make run` or `clpips-app`.")


@redrawn("1s")
def _follow(job_id: int, doing: str, is_old: Callable[[], bool]) -> None:
    store = open_store()
    job = store.jobs.get(job_id)
    if not is_open(job) or is_old():
        st.rerun()
    left, right = st.columns([5, 1], vertical_alignment="center")
    left.progress(job.progress, text=_words(store, job, doing))
    if right.button(
        "Cancel", key=f"cancel-{job_id}", disabled=job.cancel_requested, width="stretch"
    ):
        store.jobs.cancel(job_id)
        st.rerun()


def _words(store: Store, job: Job, doing: str) -> str:
    if job.cancel_requested:
        return "Stopping…"
    if job.state == "queued":
        return waits_for(store, job)
    return f"{doing}: {job.message}" if job.message else f"{doing}…"
