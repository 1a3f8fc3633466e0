"""What a job is waiting for, in plain words: the jobs before it, or a worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.store import Store
from app.study.job_turns import Turns
from app.study.types import Job, JobKind
from app.views.researcher.formatting import NARROW

QUEUES: tuple[tuple[JobKind, ...], ...] = (
    ("generate", "regenerate"),
    ("guide", "vectors", "fit", "export", "explain", "selftest"),
    ("simulate", "compare", "backup", "identity"),
)
"""Kinds that wait for each other and take turns; the same as the worker's loops."""
NAMES: Mapping[JobKind, str] = {
    "generate": "image generation",
    "guide": "guidance for a participant",
    "vectors": "difference vectors",
    "fit": "fit",
    "export": "export",
    "explain": "explanation",
    "regenerate": "image regeneration",
    "selftest": "self-test",
    "simulate": "simulated study",
    "compare": "comparison",
    "backup": "backup",
    "identity": "identity ranking",
}
RECENT = 50
NOT_RUNNING = "Waiting for a worker. None is running: start one with `make run` or `clpips-app`."


def waits_for(store: Store, job: Job) -> str:
    """What a queued job is waiting for."""
    if not store.workers.alive():
        return NOT_RUNNING
    before = ahead(job, store.jobs.latest(kinds=_queue(job), limit=RECENT))
    if not before:
        return "Waiting for a worker: next in line."
    text = f"Waiting behind: {_where(store, before[0], job)}"
    rest = len(before) - 1
    return f"{text} and {rest} more." if rest else f"{text}."


def ahead(job: Job, others: Sequence[Job]) -> list[Job]:
    """The open jobs that come before a queued one: those that run, then those taken first."""
    queue = _queue(job)
    same = sorted((one for one in others if one.kind in queue), key=lambda one: one.id)
    running = [one for one in same if one.state == "running"]
    queued = [one for one in same if one.state == "queued"]
    started = {kind: _last_start(kind, same) for kind in queue}
    turns = Turns(sorted(queue, key=lambda kind: started[kind]))
    order = [queued[place].id for place in turns.sort([one.kind for one in queued])]
    by_id = {one.id: one for one in queued}
    before = order[: order.index(job.id)] if job.id in order else order
    return running + [by_id[each] for each in before]


def _last_start(kind: JobKind, jobs: Sequence[Job]) -> str:
    return max((one.started_at or "" for one in jobs if one.kind == kind), default="")


def named(job: Job) -> str:
    """What a job is, and how far once it runs.

    >>> from clpips.types import Job
    >>> named(Job(1, "simulate", {}, "running", 0.4, "", {}, 1, 1, None, "", None, None, False))
    'simulated study (40\\xa0%)'
    """
    name = NAMES[job.kind]
    return f"{name} ({100 * job.progress:.0f}{NARROW}%)" if job.state == "running" else name


def _queue(job: Job) -> tuple[JobKind, ...]:
    return next(queue for queue in QUEUES if job.kind in queue)


def _where(store: Store, one: Job, job: Job) -> str:
    """A job before ``job``, with its study if that is another one."""
    if one.study_id is None or one.study_id == job.study_id:
        return named(one)
    return f"{named(one)} of ‘{store.studies.get(one.study_id).title}’"
