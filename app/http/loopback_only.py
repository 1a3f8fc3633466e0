"""Which name a request was sent to: a server for this machine alone answers to its own only."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.passwords import LOOPBACK
from app.settings import Settings

NOT_HERE = (
    "This server answers only on the machine it runs on, as http://127.0.0.1 or http://localhost."
)
POLICY_VIOLATION = 1008


class LoopbackHosts:
    """On a loopback address, answers requests for this machine only.

    Another site can give its own name the address 127.0.0.1; a page of it would then count as
    one of ours. The name it asks for gives it away.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what was meant for us; refuse the rest with one sentence."""
        asks = scope["type"] in ("http", "websocket")
        if (
            not asks
            or Settings.from_environment().address not in LOOPBACK
            or named_host(scope) in LOOPBACK
        ):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        else:
            await PlainTextResponse(NOT_HERE, 421)(scope, receive, send)


def named_host(scope: Scope) -> str:
    """The name or address in a request's ``Host``, without the port; empty for a malformed one."""
    try:
        return urlsplit(f"//{Headers(scope=scope).get('host', '')}").hostname or ""
    except ValueError:
        return ""
