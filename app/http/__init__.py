"""The web process's own HTTP routes, beside Streamlit's pages."""

from __future__ import annotations

from starlette.routing import Route

from app.http.downloads import download
from app.http.health import health
from app.http.images import image
from app.http.login import log_in, log_out, set_up
from app.http.rounds import cancel_round, read_round
from app.http.submit import submit

ROUTES = [
    Route("/api/submit", submit, methods=["POST"]),
    Route("/api/round/{round_id:int}", read_round, methods=["GET"]),
    Route("/api/round/{round_id:int}/cancel", cancel_round, methods=["POST"]),
    Route("/img/{name}", image, methods=["GET"]),
    Route("/auth/setup", set_up, methods=["POST"]),
    Route("/auth/login", log_in, methods=["POST"]),
    Route("/auth/logout", log_out, methods=["POST"]),
    Route("/download/{export_id:int}/{name}", download, methods=["GET"]),
    Route("/health", health, methods=["GET"]),
]

__all__ = ["ROUTES"]
