"""A clock for the queue of jobs, so that leases run out without anybody waiting for it."""

from __future__ import annotations

import pytest

from app.store.database import now


def set_clock(monkeypatch: pytest.MonkeyPatch, at: float) -> None:
    """Let the queue's clock stand ``at`` seconds from now."""

    def shifted(*, seconds: float = 0.0) -> str:
        return now(seconds=at + seconds)

    for module in ("job_queue", "jobs"):
        monkeypatch.setattr(f"app.store.{module}.now", shifted)
