"""Security headers on every response, including Streamlit's own."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# With no-referrer a form is sent with a null origin, which the log-in would have to refuse; the
# researcher's addresses hold no secret, and same-origin hides them from other sites as well.
_WITH_FORMS = ("/researcher", "/study", "/identity")


class SecurityHeaders:
    """Keeps participants' secret links out of referrers, and our pages out of foreign frames."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers to each HTTP response, errors included; websockets pass unchanged."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False
        policy = "same-origin" if scope["path"] in _WITH_FORMS else "no-referrer"

        async def send_with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                headers["Referrer-Policy"] = policy
                headers["X-Content-Type-Options"] = "nosniff"
                headers.setdefault("Content-Security-Policy", "frame-ancestors 'self'")
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        except Exception:  # an outer layer would answer, without these headers
            if not begun:
                answer = PlainTextResponse("Something went wrong on the server.", 500)
                await answer(scope, receive, send_with_headers)
            raise
