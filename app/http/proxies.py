"""Which proxies are believed when they name the client of a request, and how it was sent.

uvicorn replaces a request's client by what ``X-Forwarded-For`` says where the sender is believed.
By default that is everybody on this machine. It reads whom to believe before it loads the app, so
:mod:`app.__main__` says it in the web process's environment.
"""

from __future__ import annotations

import os

from starlette.requests import Request

from app.settings import Settings

VARIABLE = "FORWARDED_ALLOW_IPS"
HEADER = "x-forwarded-for"
UNSURE = "forwarded"  # no address


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment in which uvicorn believes the configured proxies and nobody else."""
    return {VARIABLE: ",".join(settings.proxies)}


def client_address(request: Request) -> str:
    """The network address of a request's client, as far as it can be believed.

    A server that was started otherwise (``streamlit run app/serve.py``) may believe everybody on
    this machine. Clients that come with the header are then one client, whatever it says.
    """
    wanted = environment_of(Settings.from_environment())[VARIABLE]
    if HEADER in request.headers and os.environ.get(VARIABLE) != wanted:
        return UNSURE
    return request.client.host if request.client else ""
