"""Previews of images that are being generated: temporary files, not study data."""

from __future__ import annotations

import contextlib
from pathlib import Path

from app.store.database import DatabaseAccess, first
from clpips.io.atomic_files import atomic_file


class Previews:
    """Previews by job, written by the worker and shown while a participant waits."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def save(self, job_id: int, jpeg: bytes) -> None:
        """Store the preview of a job, replacing the previous one."""
        with atomic_file(self._preview(job_id), durable=False) as partial:
            partial.write_bytes(jpeg)

    def delete(self, job_id: int) -> None:
        """Delete a job's preview, if there is one."""
        with contextlib.suppress(FileNotFoundError):
            self._preview(job_id).unlink()

    def of_round(self, round_id: int) -> bytes | None:
        """The preview of a round as JPEG; ``None`` if there is none."""
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
