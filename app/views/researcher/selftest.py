"""The self-test page: does this installation compute correct results?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app import session
from app.store import Store, open_store
from app.study.types import Job
from app.views.researcher import job_status
from app.views.researcher.formatting import ago
from app.views.researcher.html import (
    Column,
    Html,
    badge,
    heading,
    link,
    muted,
    show,
    styles,
    table,
)

ABOUT = (
    "Computes every statistic, the distances and the image checks on data with known answers, "
    "and compares the results. No study is read or changed."
)
COLUMNS = (
    Column("Check", head=True),
    Column("Outcome"),
    Column("Expected", numeric=True),
    Column("Got", numeric=True),
    Column("Tolerance", numeric=True),
    Column("Compared with"),
    Column("Seconds", numeric=True),
)
OUTCOMES = {"pass": ("Pass", "good"), "fail": ("Fail", "bad"), "skipped": ("Skipped", "plain")}


def page() -> None:
    """Draw the page; who is not signed in sees the sign-in form only."""
    session.require_researcher()
    store = open_store()
    styles()
    show(muted(link("← All studies", "/researcher")), Html("<h1 class='cl-title'>Self-test</h1>"))
    show(muted(ABOUT))
    job = newest(store)
    again = "Run it again" if job is not None and job.state == "done" else "Run the self-test"
    if st.button(again, type="primary", disabled=job_status.is_open(job), key="selftest"):
        job = store.jobs.enqueue("selftest", {}, key="selftest")
    if job is not None and job_status.is_open(job):
        job_status.follow(job, doing="Checking")
    else:
        job_status.ending(job, what="The self-test")
    done = job if job is not None and job.state == "done" else None
    if done is not None:
        result(done)
    elif job is None:
        job_status.worker_line(store)


def newest(store: Store) -> Job | None:
    """The newest self-test, in any state."""
    found = store.jobs.latest(kinds=["selftest"], limit=1)
    return found[0] if found else None


def result(job: Job) -> None:
    """The verdict, then a table for each group of checks."""
    found = job.result
    word, tone = OUTCOMES["pass" if found["passed"] else "fail"]
    when = ago(job.finished_at or "")
    show(
        Html("<p style='margin:0 0 .5rem'>"),
        badge(word, tone),
        Html("</p><p class='cl-verdict'>"),
        str(found["sentence"]),
        Html("</p>"),
        muted(f"Run {when}, in {found['seconds']:.1f} s."),
    )
    for group in dict.fromkeys(one["group"] for one in found["checks"]):
        own = [one for one in found["checks"] if one["group"] == group]
        show(heading(group), table(COLUMNS, rows(own)))


def rows(checks: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """One row per check; a reason stands where there is no value."""
    return [
        (
            one["name"],
            outcome(one),
            shown(one["expected"]),
            shown(one["got"]) if one["got"] is not None else "–",
            f"{one['tolerance']:g}" if one["tolerance"] else "exact",
            one["against"],
            f"{one['seconds']:.2f}",
        )
        for one in checks
    ]


def outcome(one: Mapping[str, Any]) -> Html:
    """The badge, with the reason under it where there is one."""
    label = badge(*OUTCOMES[one["outcome"]])
    if not one["reason"]:
        return label
    # Long reasons may break; the table's cells do not by themselves.
    why = muted(str(one["reason"])).replace("<p ", "<p style='white-space:normal' ")
    return Html(label + why)


def shown(value: float | str) -> str:
    """A value as a person reads it: six decimals at most, and a true minus."""
    if isinstance(value, str):
        return value
    return f"{value:.6f}".rstrip("0").rstrip(".").replace("-", "−")
