"""``GET /health``: whether the web process responds, and how many workers are alive."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse

from app.http.responses import answer
from app.store import open_store
from clpips.version import __version__


async def health(request: Request) -> JSONResponse:
    """Status ``ok``, sent only if the database could be read."""
    workers = await run_in_threadpool(open_store().workers.alive)
    return answer({"status": "ok", "version": __version__, "workers": len(workers)})
