"""The worker's jobs: rows with a lease and a heartbeat, so that a crash loses none of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlite_utils import Database

from app.store.database import DatabaseAccess, Row, first, now, number, row_by_id, rows
from app.store.job_queue import (
    ask_to_cancel,
    empty_jobs,
    end_job,
    insert_job,
    job_from_row,
    queued_in_order,
    reclaim,
    reclaim_expired,
    requeue,
)
from app.study.types import Job, JobKind
from clpips.errors import StudyError
from clpips.text import without_paths

LEASE_SECONDS = 30.0


class Jobs:
    """Jobs that workers claim and the web process follows."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def enqueue(
        self,
        kind: JobKind,
        payload: Mapping[str, Any],
        *,
        study_id: int | None = None,
        participant_id: int | None = None,
        key: str | None = None,
    ) -> Job:
        """Queue a job.

        Args:
            kind: the kind of job.
            payload: its arguments, JSON-serialisable.
            study_id, participant_id: the study and participant it is for, if any.
            key: while a job with this key is queued or running, that one is returned.
        """
        with self._access.write() as db:
            if key is not None:
                sql = "SELECT * FROM job WHERE key = ? AND state IN ('queued', 'running')"
                open_job = first(db, sql, [key])
                if open_job is not None:
                    return job_from_row(open_job)
            job_id = insert_job(
                db, kind, payload, study_id=study_id, participant_id=participant_id, key=key
            )
            return _read_job(db, job_id)

    def claim(
        self, worker: str, kinds: Sequence[JobKind], *, lease_seconds: float = LEASE_SECONDS
    ) -> Job | None:
        """Take the next job, or ``None``; jobs whose lease has expired are reclaimed first.

        Args:
            worker: the worker's name, which no other worker has.
            kinds: which kinds it can do, the most urgent first.
            lease_seconds: how long it keeps the job without a heartbeat.
        """
        with self._access.read() as db:  # an idle worker asks often; do not make the writers wait
            sql = """SELECT count(*) FROM job WHERE state = 'queued'
                     OR (state = 'running' AND lease_until < ?)"""
            if not number(db, sql, [now()]):
                return None
        with self._access.write() as db:
            reclaim_expired(db)
            order = queued_in_order(db, kinds, limit=1)
            if not order:
                return None
            db.execute(
                """UPDATE job SET state = 'running', worker = ?, lease_until = ?, started_at = ?,
                       attempts = attempts + 1, progress = 0, message = '' WHERE id = ?""",
                [worker, now(seconds=lease_seconds), now(), order[0]],
            )
            return _read_job(db, order[0])

    def heartbeat(
        self,
        job_id: int,
        worker: str,
        *,
        progress: float,
        message: str = "",
        lease_seconds: float = LEASE_SECONDS,
    ) -> bool:
        """Report a job's progress, in [0, 1], and extend its lease.

        Returns:
            Whether the work is still wanted: ``False`` once somebody asked to cancel it or the
            lease was lost to another worker.
        """
        with self._access.write() as db:
            job = _held(db, job_id, worker)
            if job is None:
                return False
            db.execute(
                "UPDATE job SET progress = ?, message = ?, lease_until = ? WHERE id = ?",
                [min(max(progress, 0.0), 1.0), message, now(seconds=lease_seconds), job_id],
            )
            return not job["cancel_requested"]

    def finish(self, job_id: int, worker: str, result: Mapping[str, Any] | None = None) -> bool:
        """Mark a job as done; ``False`` if it was no longer this worker's."""
        return self._end(job_id, worker, "done", result=result)

    def fail(self, job_id: int, worker: str, reason: str) -> bool:
        """Mark a job as failed; a round waiting for it fails with the same reason.

        Participants and researchers read it, so it is stored without paths of the server.

        Returns ``False`` if it was no longer this worker's.
        """
        return self._end(job_id, worker, "failed", message=without_paths(reason))

    def confirm_cancelled(self, job_id: int, worker: str) -> bool:
        """Mark a job as cancelled, as requested; ``False`` if it was no longer this worker's."""
        return self._end(job_id, worker, "cancelled")

    def put_back(self, job_id: int, worker: str) -> bool:
        """Return a running job to the queue as if it had not been tried; ``False`` if it was no
        longer this worker's."""
        with self._access.write() as db:
            job = _held(db, job_id, worker)
            if job is not None:
                _put_back(db, job)
            return job is not None

    def cancel(self, job_id: int) -> Job:
        """Cancel a queued job at once, or ask a running one's worker to stop.

        A round waiting for it is cancelled at once either way; an ended job stays as it is.

        Raises:
            StudyError: there is no such job.
        """
        with self._access.write() as db:
            ask_to_cancel(db, job_id)
            return _read_job(db, job_id)

    def forget(self, job_id: int) -> None:
        """Delete what an ended job holds; its number is not used again.

        Raises:
            StudyError: there is no such job, or it is queued or running.
        """
        with self._access.write() as db:
            row = row_by_id(db, "job", job_id)
            if row["state"] in ("queued", "running"):
                raise StudyError("a job must have ended before it is deleted, this one is open")
            empty_jobs(db, [row])

    def release(self, worker: str) -> int:
        """Return the running jobs of a worker that shuts down to the queue; returns how many."""
        with self._access.write() as db:
            held = rows(db, "SELECT * FROM job WHERE worker = ? AND state = 'running'", [worker])
            for row in held:
                _put_back(db, row)
            db.execute("DELETE FROM worker WHERE name = ?", [worker])
            return len(held)

    def reclaim_from(self, is_gone: Callable[[str], bool]) -> int:
        """Reclaim the jobs of workers that died, without waiting for their leases to expire.

        Args:
            is_gone: whether the worker of this name has certainly ended.

        Returns:
            How many jobs were reclaimed: queued again, or ended after too many attempts.
        """
        with self._access.write() as db:
            held = rows(db, "SELECT * FROM job WHERE state = 'running'")
            lost = [row for row in held if is_gone(row["worker"])]
            for row in lost:
                reclaim(db, row)
            for row in rows(db, "SELECT name FROM worker"):
                if is_gone(row["name"]):
                    db.execute("DELETE FROM worker WHERE name = ?", [row["name"]])
            return len(lost)

    def get(self, job_id: int) -> Job:
        """One job.

        Raises:
            StudyError: there is none with this id.
        """
        with self._access.read() as db:
            return _read_job(db, job_id)

    def latest(
        self,
        study_id: int | None = None,
        kinds: Sequence[JobKind] | None = None,
        limit: int = 50,
    ) -> tuple[Job, ...]:
        """The newest jobs first; of one study, of some kinds, or all."""
        wanted = list(kinds) if kinds is not None else []
        marks = ", ".join("?" for _ in wanted)
        only = f"AND kind IN ({marks})" if kinds is not None else ""
        # Not (? IS NULL OR …), with which no index would be used.
        of = "study_id = ?" if study_id is not None else "? IS NULL"
        sql = f"SELECT * FROM job WHERE {of} {only} ORDER BY id DESC LIMIT ?"
        with self._access.read() as db:
            found = rows(db, sql, [study_id, *wanted, limit])
            return tuple(job_from_row(row) for row in found)

    def _end(
        self,
        job_id: int,
        worker: str,
        state: str,
        *,
        message: str = "",
        result: Mapping[str, Any] | None = None,
    ) -> bool:
        with self._access.write() as db:
            if _held(db, job_id, worker) is None:
                return False
            end_job(db, job_id, state, message=message, result=result)
            return True


def _read_job(db: Database, job_id: int) -> Job:
    return job_from_row(row_by_id(db, "job", job_id))


def _put_back(db: Database, job: Row) -> None:
    if job["cancel_requested"]:
        end_job(db, job["id"], "cancelled")
    else:
        requeue(db, job["id"], attempts_back=1)


def _held(db: Database, job_id: int, worker: str) -> Row | None:
    """The job's row if it is running and this worker's."""
    sql = "SELECT * FROM job WHERE id = ? AND worker = ? AND state = 'running'"
    return first(db, sql, [job_id, worker])
