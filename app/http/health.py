"""``GET /health``: whether the web process responds, and how many workers are alive."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse

from app.http.lanes import HEALTH
from app.http.responses import RETRY_SECONDS, answer, spoken
from app.store import DatabaseBusy, StoreUnavailable, open_store
from clpips.version import __version__

SECONDS = 2.0


async def health(request: Request) -> JSONResponse:
    """Status ``ok`` if the database can be read and written; otherwise 503 and the reason.

    A locked database counts as well: reads go on, and it will be free again.
    """
    try:
        async with asyncio.timeout(SECONDS):
            workers, trouble = await HEALTH.run(_look)
    except TimeoutError:
        workers, trouble = 0, DatabaseBusy()
    except StoreUnavailable as reason:
        workers, trouble = 0, reason
    found = {"version": __version__, "workers": workers}
    if trouble is None:
        return answer({"status": "ok", **found})
    response = answer({"status": "unavailable", "reason": spoken(trouble), **found}, 503)
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def _look() -> tuple[int, StoreUnavailable | None]:
    store = open_store()
    return len(store.workers.alive()), store.access.trouble()
