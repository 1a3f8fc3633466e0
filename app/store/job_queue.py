"""The job queue: which job is next, expired leases, and how a job ends."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlite_utils import Database

from app.store.database import Row, first, insert, now, number, rows
from app.study.types import Job, JobKind, Study

MAX_ATTEMPTS = 3
RECENT_SECONDS = 3600.0  # a longer-past wait no longer counts
JUST_NOW_SECONDS = 60.0  # generate jobs started since then push back the next one
WAIT_CREDIT = 0.5  # share of the last wait; with more, more people are overtaken, none waits less
STARTED_PENALTY_SECONDS = 1.0


def insert_job(
    db: Database,
    kind: JobKind,
    payload: Mapping[str, Any],
    *,
    study_id: int | None,
    participant_id: int | None,
    key: str | None,
) -> int:
    """Put a job at the end of the queue; returns its id."""
    return insert(
        db,
        "job",
        {
            "kind": kind,
            "payload": json.dumps(dict(payload)),
            "key": key,
            "state": "queued",
            "progress": 0.0,
            "message": "",
            "result": "{}",
            "attempts": 0,
            "cancel_requested": 0,
            "study_id": study_id,
            "participant_id": participant_id,
            "created_at": now(),
        },
    )


def is_calibrated(db: Database, study_id: int) -> bool:
    """Whether a study has its calibration boards."""
    sql = "SELECT count(*) FROM target WHERE study_id = ? AND kind = 'calibration'"
    return number(db, sql, [study_id]) > 0


def ask_for_calibration(db: Database, study: Study) -> None:
    """Queue the job that makes a study's calibration boards, unless they exist or are queued.

    Called when a study is created, when it is opened, and when a participant begins, so that
    boards whose job failed are made before anybody needs them. Simulated studies make their
    own.
    """
    key = f"calibration:{study.id}"
    open_job = "SELECT 1 FROM job WHERE key = ? AND state IN ('queued', 'running')"
    if not study.settings.calibration or study.simulated or is_calibrated(db, study.id):
        return
    if first(db, open_job, [key]) is None:
        payload = {"calibration": study.id}
        insert_job(db, "generate", payload, study_id=study.id, participant_id=None, key=key)


def queued_in_order(db: Database, kinds: Sequence[JobKind], *, limit: int = -1) -> list[int]:
    """Ids of queued jobs, the next one first.

    Kinds come in the order given, and within a kind the oldest job first. A generate job is
    moved forward by a share of its participant's last wait (a newcomer counts like the
    participant here who waited longest), and back for each of their jobs that was started just
    now. So when several people ask at once, it is not always the same one who waits longest;
    one eager participant cannot keep the others waiting; and nobody is overtaken for ever.
    """
    sql = """
        WITH waiting AS (
            SELECT job.id, job.kind, wanted.key AS urgency,
                unixepoch(job.created_at, 'subsec') AS asked,
                (SELECT unixepoch(before.started_at, 'subsec')
                        - unixepoch(before.created_at, 'subsec')
                    FROM job AS before
                    WHERE before.participant_id = job.participant_id
                        AND before.kind = 'generate' AND before.started_at > ?2
                    ORDER BY before.started_at DESC LIMIT 1) AS waited,
                (SELECT count(*) FROM job AS before
                    WHERE before.participant_id = job.participant_id
                        AND before.kind = 'generate' AND before.started_at > ?3) AS started
            FROM job JOIN json_each(?1) AS wanted ON wanted.value = job.kind
            WHERE job.state = 'queued')
        SELECT id FROM waiting
        ORDER BY urgency,
            CASE WHEN kind = 'generate'
                THEN asked - ?4 * coalesce(waited, max(waited) OVER (), 0.0) + ?5 * started
                ELSE 0.0 END,
            id
        LIMIT ?6"""
    recent, just_now = now(seconds=-RECENT_SECONDS), now(seconds=-JUST_NOW_SECONDS)
    wanted = json.dumps(list(kinds))
    found = rows(db, sql, [wanted, recent, just_now, WAIT_CREDIT, STARTED_PENALTY_SECONDS, limit])
    return [row["id"] for row in found]


def reclaim_expired(db: Database) -> None:
    """Reclaim jobs whose lease has expired: queue them again, or fail them after three attempts."""
    sql = "SELECT * FROM job WHERE state = 'running' AND lease_until < ?"
    for row in rows(db, sql, [now()]):
        reclaim(db, row)


def reclaim(db: Database, row: Row) -> None:
    """Reclaim one job whose worker died."""
    if row["cancel_requested"]:
        end_job(db, row["id"], "cancelled")
    elif row["attempts"] >= MAX_ATTEMPTS:
        end_job(db, row["id"], "failed", message=f"the job was interrupted {MAX_ATTEMPTS} times")
    else:
        requeue(db, row["id"])


def empty_jobs(db: Database, jobs: Iterable[Row]) -> None:
    """Delete what jobs hold; their rows stay, so that no number is used twice."""
    for job in jobs:
        db.execute(
            """UPDATE job SET payload = '{}', result = '{}', message = '', key = NULL,
                   study_id = NULL, participant_id = NULL, lease_until = NULL,
                   state = CASE WHEN state IN ('queued', 'running') THEN 'cancelled' ELSE state END
               WHERE id = ?""",
            [job["id"]],
        )


def requeue(db: Database, job_id: int, *, attempts_back: int = 0) -> None:
    """Put a running job back where it was in the queue."""
    db.execute(
        """UPDATE job SET state = 'queued', worker = NULL, lease_until = NULL, progress = 0,
               message = '', attempts = attempts - ?, started_at = NULL WHERE id = ?""",
        [attempts_back, job_id],
    )


def end_job(
    db: Database,
    job_id: int,
    state: str,
    *,
    message: str = "",
    result: Mapping[str, Any] | None = None,
) -> None:
    """End an open job, and with it a round that was waiting for it."""
    db.execute(
        """UPDATE job SET state = ?, message = ?, result = ?, finished_at = ?, lease_until = NULL,
               progress = CASE WHEN ? = 'done' THEN 1.0 ELSE progress END
           WHERE id = ? AND state IN ('queued', 'running')""",
        [state, message, json.dumps(dict(result or {})), now(), state, job_id],
    )
    if state in ("failed", "cancelled"):
        db.execute(
            """UPDATE round SET state = ?, reason = ?
               WHERE job_id = ? AND state = 'generating'""",
            [state, message, job_id],
        )


def ask_to_cancel(db: Database, job_id: int) -> None:
    """Cancel a queued job at once; ask the worker of a running one to stop."""
    if number(db, "SELECT count(*) FROM job WHERE id = ? AND state = 'queued'", [job_id]):
        end_job(db, job_id, "cancelled")
        return
    db.execute("UPDATE job SET cancel_requested = 1 WHERE id = ? AND state = 'running'", [job_id])
    db.execute(
        """UPDATE round SET state = 'cancelled', reason = ''
           WHERE job_id = ? AND state = 'generating'""",
        [job_id],
    )


def job_from_row(row: Row) -> Job:
    """A row as the value it stands for."""
    return Job(
        id=row["id"],
        kind=row["kind"],
        payload=json.loads(row["payload"]),
        state=row["state"],
        progress=row["progress"],
        message=row["message"],
        result=json.loads(row["result"]),
        attempts=row["attempts"],
        study_id=row["study_id"],
        participant_id=row["participant_id"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        cancel_requested=bool(row["cancel_requested"]),
    )
