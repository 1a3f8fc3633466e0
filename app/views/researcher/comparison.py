"""The worker's comparison of fitted metrics: its newest result, its progress, asking for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.records import Fit
from app.store import Store
from app.views.researcher import jobs
from app.views.researcher.markup import quiet, show
from app.views.researcher.whose import newest
from clpips.types import Job, Study

Found = Mapping[str, Any]
FEW, MANY = 3, 50
"""Results are long, so the newest few are looked at before the many."""


def parts_of(store: Store, study: Study, fits: Sequence[Fit]) -> dict[int, Found]:
    """Each fit's part of the newest comparison that has it, by the fit's id."""
    wanted = {str(fit.id) for fit in fits}
    found: dict[str, Found] = {}
    for limit in (FEW, MANY):
        for result in _results(store, study, limit):
            told = result.get("fits") or {}
            found = {**{id_: told[id_] for id_ in wanted & set(told)}, **found}
        if len(found) == len(wanted):
            break
    return {int(id_): part for id_, part in found.items()}


def study_of(store: Store, study: Study) -> Found:
    """What the newest comparison says of the whole study; empty before the first."""
    for limit in (FEW, MANY):
        for result in _results(store, study, limit):
            return result.get("study") or {}
    return {}


def personal_row(found: Found, fit: Fit) -> Found:
    """The personal metric's row on the fit's own features; empty where there is none."""
    return next(
        (
            row
            for row in found.get("table") or ()
            if row["name"] == "personal" and row["space"] == fit.backbone
        ),
        {},
    )


def follow(store: Store, study: Study, *, is_there: bool) -> None:
    """Show an open comparison's progress, else what became of it and a button that asks for one.

    Args:
        store: the store.
        study: the study; one comparison at a time runs in it.
        is_there: whether the page has a result to show already.
    """
    job = jobs.newest_job(store, study.id, "compare")
    if job is not None and jobs.is_open(job):
        jobs.follow(job, doing="Comparing")
        return
    if is_there:
        return
    jobs.ending(job, what="The comparison")
    left, right = st.columns([3, 1], vertical_alignment="center")
    with left:
        show(
            quiet(
                "Baselines, other features, ceilings and the learning curve have not been "
                "computed for these fits yet."
            )
        )
    if right.button("Compute the comparison", key="compare", width="stretch"):
        ask(store, study)
        st.rerun()


def ask(store: Store, study: Study) -> Job:
    """Compare everybody's newest fits; while one is open, asking again gives the same job."""
    fit_ids = sorted(fit.id for fit in newest(store.fits(study.id)).values())
    payload = {"study_id": study.id, "fit_ids": fit_ids}
    return store.enqueue("compare", payload, study_id=study.id, key=f"compare:{study.id}")


def _results(store: Store, study: Study, limit: int) -> list[Found]:
    """The results of the newest comparisons, newest first."""
    found = store.jobs(study.id, kinds=["compare"], limit=limit)
    return [job.result for job in found if job.state == "done"]
