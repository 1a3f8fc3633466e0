"""``GET /health``: whether the web process responds, and how many workers are alive."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse

from app.http.lanes import HEALTH
from app.http.responses import answer
from app.store import DatabaseBusy, open_store
from clpips.version import __version__

SECONDS = 2.0


async def health(request: Request) -> JSONResponse:
    """Status ``ok``, sent only if the database could be read; otherwise 503 and the reason."""
    try:
        async with asyncio.timeout(SECONDS):
            workers = await HEALTH.run(lambda: open_store().workers.alive())
    except TimeoutError:
        raise DatabaseBusy from None
    return answer({"status": "ok", "version": __version__, "workers": len(workers)})
