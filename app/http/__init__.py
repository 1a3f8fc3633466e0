"""The web process's own HTTP routes, beside Streamlit's pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.http.downloads import backup, download, identity
from app.http.health import health
from app.http.images import image
from app.http.login import log_in, log_out, set_up
from app.http.responses import unavailable
from app.http.rounds import cancel_round, read_round
from app.http.submit import submit
from app.store import StoreUnavailable

Endpoint = Callable[[Request], Awaitable[Response]]


def _route(path: str, endpoint: Endpoint, method: str) -> Route:
    """A route that answers 503 with ``Retry-After`` while the store is busy or its disk full."""

    @wraps(endpoint)
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except StoreUnavailable as reason:
            return unavailable(request, reason)

    return Route(path, answer, methods=[method])


ROUTES = [
    _route("/api/submit", submit, "POST"),
    _route("/api/round/{round_id:int}", read_round, "GET"),
    _route("/api/round/{round_id:int}/cancel", cancel_round, "POST"),
    _route("/img/{name}", image, "GET"),
    _route("/auth/setup", set_up, "POST"),
    _route("/auth/login", log_in, "POST"),
    _route("/auth/logout", log_out, "POST"),
    _route("/download/backup/{name}", backup, "GET"),
    _route("/download/identity/{job_id:int}/{name}", identity, "GET"),
    _route("/download/{export_id:int}/{name}", download, "GET"),
    _route("/health", health, "GET"),
]

__all__ = ["ROUTES"]
