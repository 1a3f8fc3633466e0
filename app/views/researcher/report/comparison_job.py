"""The worker's comparison of fitted metrics: its newest result, its progress, requesting it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.store import Store
from app.study.records import Fit
from app.study.types import Job, Study
from app.views.researcher import job_status
from app.views.researcher.html import muted, show
from app.views.researcher.metric_picker import newest

Found = Mapping[str, Any]


def parts_of(store: Store, fits: Sequence[Fit]) -> dict[int, Found]:
    """What is known so far of each fit that was compared, by the fit's id."""
    return dict(store.comparisons.of_fits(fit.id for fit in fits))


def is_former(store: Store, study: Study, study_part: Found) -> bool:
    """Whether there are newer fits than those that the study's part is over.

    Args:
        store: the store.
        study: the study.
        told: its part of a comparison; one that does not name its fits is taken as it is.
    """
    newest_ids = {fit.id for fit in newest(store.fits.of_study(study.id)).values()}
    return "fits" in study_part and set(study_part["fits"]) != newest_ids


def follow(store: Store, study: Study, fits: Sequence[Fit], known: int) -> None:
    """Show an open comparison's progress, else what became of it and a button that asks for one.

    Args:
        store: the store.
        study: the study; one comparison at a time runs in it.
        fits: what the page speaks of.
        known: for how many of them it has a result to show already; the page is drawn again
            once there are more.
    """
    job = job_status.newest_job(store, study.id, "compare")
    if job is not None and job_status.is_open(job):
        job_status.follow(job, doing="Comparing", is_old=lambda: len(parts_of(store, fits)) > known)
        return
    if known == len(fits):
        return
    job_status.ending(job, what="The comparison")
    left, right = st.columns([3, 1], vertical_alignment="center")
    with left:
        show(
            muted(
                "Baselines, other features, noise ceilings and the learning curve have not been "
                "computed for these fits yet."
            )
        )
    if right.button("Compute the comparison", key="compare", width="stretch"):
        ask(store, study)
        st.rerun()


def ask(store: Store, study: Study) -> Job:
    """Compare the newest fits; while one comparison is open, asking again gives the same job."""
    fit_ids = sorted(fit.id for fit in newest(store.fits.of_study(study.id)).values())
    payload = {"study_id": study.id, "fit_ids": fit_ids}
    return store.jobs.enqueue("compare", payload, study_id=study.id, key=f"compare:{study.id}")
