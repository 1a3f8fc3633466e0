"""What a job waits for, as the researcher reads it."""

from __future__ import annotations

from floor import Floor

from app.study.types import Job, JobKind, Study
from app.views.researcher.queue_position import NOT_RUNNING, QUEUES, waits_for
from app.worker import LOOPS


def asked(floor: Floor, kind: JobKind, study: Study | None = None) -> Job:
    return floor.store.jobs.enqueue(kind, {}, study_id=None if study is None else study.id)


def running(floor: Floor, kind: JobKind, study: Study, progress: float) -> Job:
    asked(floor, kind, study)
    job = floor.store.jobs.claim("worker", [kind])
    assert job is not None
    floor.store.jobs.heartbeat(job.id, "worker", progress=progress)
    return job


def test_kinds_wait_for_each_other_as_the_worker_takes_them() -> None:
    assert QUEUES == LOOPS


def test_a_comparison_waits_behind_the_simulated_study_and_a_fit_does_not(floor: Floor) -> None:
    study = floor.study()
    floor.store.workers.mark_alive("worker")
    running(floor, "simulate", study, 0.4)
    waiting = asked(floor, "compare", study)
    assert waits_for(floor.store, waiting) == "Waiting behind: simulated study (40\u00a0%)."
    fit = asked(floor, "fit", study)
    assert waits_for(floor.store, fit) == "Waiting for a worker: next in line."


def test_what_runs_comes_first_then_kinds_in_turn(floor: Floor) -> None:
    study, other = floor.study(), floor.study()
    floor.store.workers.mark_alive("worker")
    running(floor, "export", other, 0.07)
    asked(floor, "fit", other)
    waiting = asked(floor, "fit", study)
    asked(floor, "fit", other)
    asked(floor, "export", study)
    words = waits_for(floor.store, waiting)
    # a fit, and the other export, because it is the other kind's turn
    assert words == "Waiting behind: export (7\u00a0%) of ‘Shapes’ and 2 more."
    asked(floor, "vectors", study)
    assert waits_for(floor.store, waiting).endswith("and 3 more.")


def test_without_a_worker_it_says_so_and_how_to_start_one(floor: Floor) -> None:
    assert waits_for(floor.store, asked(floor, "fit", floor.study())) == NOT_RUNNING
