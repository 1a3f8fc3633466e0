"""``GET /health``: whether the web process answers, and how many workers are alive."""

from __future__ import annotations

from importlib.metadata import version

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse

from app.http.responses import answer
from app.store import open_store

VERSION = version("clpips")  # importing the package for it would open the door to torch


async def health(request: Request) -> JSONResponse:
    """Answers ``ok`` only when the database could be read."""
    workers = await run_in_threadpool(open_store().workers_alive)
    return answer({"status": "ok", "version": VERSION, "workers": len(workers)})
