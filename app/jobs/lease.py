"""One running job: its progress, its lease, and whether it was cancelled."""

from __future__ import annotations

import io
import logging
import threading
import time
from collections.abc import Callable

from PIL import Image

from app.store import Store, StoreUnavailable
from app.study.types import Job
from clpips.progress import Watch
from clpips.text import without_paths

BEAT_SECONDS = 0.25  # each heartbeat is a write that waits for the disk
PREVIEW_SECONDS = 0.5
LEASE_SECONDS = 15.0
RENEW_SECONDS = 4.0

log = logging.getLogger("clpips.worker")


class JobWatch:
    """Reports one job's progress on behalf of its worker.

    Args:
        store: where the job is.
        job: claimed by ``worker``.
        worker: its name.
        stopping: set when the whole process is to stop.
    """

    def __init__(self, store: Store, job: Job, worker: str, stopping: threading.Event) -> None:
        self.store, self.job, self.worker, self.stopping = store, job, worker, stopping
        self.unwanted = False
        self._fraction, self._words = 0.0, ""
        self._last_beat = 0.0
        self._shown: float | None = None
        self._lock = threading.Lock()

    def watch(self) -> Watch:
        """The watch that is passed to the job's function."""
        return Watch(self._progress, self.cancelled, self._preview)

    def ended(self) -> None:
        """Delete the preview of a job that has ended."""
        if self._shown is not None:
            self.store.previews.delete(self.job.id)

    def cancelled(self) -> bool:
        """Whether the job should stop: it was cancelled, or the process is stopping."""
        return self.unwanted or self.stopping.is_set()

    def renew(self) -> None:
        """Renew the lease during a long step; called from another thread."""
        if time.monotonic() - self._last_beat >= RENEW_SECONDS:
            self._beat()

    def _progress(self, fraction: float, words: str) -> None:
        self._fraction, self._words = fraction, without_paths(words)
        if time.monotonic() - self._last_beat >= BEAT_SECONDS:
            self._beat()

    def _preview(self, picture: Callable[[], Image.Image]) -> None:
        if self._shown is not None and time.monotonic() - self._shown < PREVIEW_SECONDS:
            return
        buffer = io.BytesIO()
        picture().save(buffer, "JPEG", quality=80)
        self._shown = time.monotonic()
        try:
            self.store.previews.save(self.job.id, buffer.getvalue())
        except OSError as error:  # on a full disk, say: the images themselves matter more
            log.warning("a preview of job %d could not be written: %s", self.job.id, error)

    def _beat(self) -> None:
        with self._lock:
            try:
                wanted = self.store.jobs.heartbeat(
                    self.job.id,
                    self.worker,
                    progress=self._fraction,
                    message=self._words,
                    lease_seconds=LEASE_SECONDS,
                )
            except StoreUnavailable:  # no reason to lose the work: the next heartbeat may succeed
                log.warning("a heartbeat of job %d could not be written", self.job.id)
                wanted = True
            self._last_beat = time.monotonic()
            self.unwanted = self.unwanted or not wanted
