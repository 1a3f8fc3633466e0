"""Host check: a server that is bound to this machine alone answers only to this machine's names."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.passwords import LOOPBACK
from app.settings import Settings

HOSTS = [f"[{name}]" if ":" in name else name for name in LOOPBACK]
NOT_HERE = (
    "This server answers only on the machine it runs on, as http://127.0.0.1 or http://localhost."
)
POLICY_VIOLATION = 1008


class LoopbackHosts:
    """On a loopback address, answers only requests that name a loopback host.

    Another site can point its own name at 127.0.0.1, and its page would then count as one of
    ours. The ``Host`` header still holds that name.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it with one sentence.

        Starlette's middleware checks the host. Its fixed answer (400, "Invalid host header") is
        replaced by our sentence, and a websocket is closed before it opens.
        """
        if Settings.from_environment().address not in LOOPBACK:
            await self.app(scope, receive, send)
            return

        async def pass_on(scope: Scope, receive: Receive, _: Send) -> None:
            await self.app(scope, receive, send)

        async def refuse(message: Message) -> None:
            if message["type"] == "websocket.http.response.start":
                await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            elif message["type"] == "http.response.start":
                await PlainTextResponse(NOT_HERE, 421)(scope, receive, send)

        check = TrustedHostMiddleware(pass_on, HOSTS, www_redirect=False)
        await check(scope, receive, refuse)


def named_host(scope: Scope) -> str:
    """The name or address in a request's ``Host``, without the port; empty for a malformed one."""
    try:
        return urlsplit(f"//{Headers(scope=scope).get('host', '')}").hostname or ""
    except ValueError:
        return ""
