"""Small pictures of what is being drawn at the moment; they come and go and are no data."""

from __future__ import annotations

import contextlib
from pathlib import Path

from app.store.database import DatabaseAccess, first
from clpips.io.atomic_files import atomic_file


class Previews:
    """What the worker shows of an image before it is finished."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def save(self, job_id: int, jpeg: bytes) -> None:
        """Show a picture for a job, in place of its former one."""
        with atomic_file(self._preview(job_id), durable=False) as partial:
            partial.write_bytes(jpeg)

    def delete(self, job_id: int) -> None:
        """Forget a job's picture."""
        with contextlib.suppress(FileNotFoundError):
            self._preview(job_id).unlink()

    def of_round(self, round_id: int) -> bytes | None:
        """The JPEG that shows how far a round is; ``None`` where there is none."""
        with self._access.read() as db:
            row = first(db, "SELECT job_id FROM round WHERE id = ?", [round_id])
        if row is None or row["job_id"] is None:
            return None
        try:
            return self._preview(row["job_id"]).read_bytes()
        except FileNotFoundError:
            return None

    def _preview(self, job_id: int) -> Path:
        return self._access.settings.data_dir / "previews" / f"{job_id}.jpg"
