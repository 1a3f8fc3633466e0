"""What the routes share: who asks, from where, how much they may send, and how we say no."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse

from app.http.payloads import MAX_ID
from app.store import open_store
from app.study.types import Participant

NO_STORE = {"Cache-Control": "no-store"}


class TooLarge(Exception):
    """The body of a request is longer than this route takes."""


def answer(content: dict[str, object], status: int = 200) -> JSONResponse:
    """A JSON answer that no cache keeps."""
    return JSONResponse(content, status, headers=NO_STORE)


def error(sentence: str, status: int) -> JSONResponse:
    """Say what went wrong with the request; the browser may try the same again."""
    return answer({"error": sentence}, status)


def refusal(sentence: str, status: int = 422) -> JSONResponse:
    """Refuse a submission for good: only this empties the browser's outbox."""
    return answer({"error": sentence, "rejected": True}, status)


def from_own_page(request: Request) -> bool:
    """Whether a POST comes from a page of this server, or from no page at all.

    ``Sec-Fetch-Site`` is set by the browser and cannot be forged by a page. A page under
    ``Referrer-Policy: no-referrer`` sends ``Origin: null`` with a form, so without that header
    a null origin is foreign.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    if origin is None:
        return True
    host = request.headers.get("host", "")
    return host != "" and origin.lower().endswith(f"://{host.lower()}")


async def read_body(request: Request, limit: int) -> bytes:
    """The body, at most ``limit`` bytes of it.

    Raises:
        TooLarge: it is longer; the rest is not read.
    """
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > limit:
        raise TooLarge
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise TooLarge
    return body


async def bearer(request: Request) -> Participant | None:
    """The participant whose link's secret the request carries; ``None`` if it is nobody's."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(token) <= 200:
        return None
    return await run_in_threadpool(open_store().participants.by_token, token.strip())


def unknown_bearer() -> JSONResponse:
    """The answer to a link that is not known: not a word about the submission."""
    return error("This link is not known here, or was replaced by a newer one.", 401)


def is_id(number: int) -> bool:
    """Whether a number can be a row's; SQLite cannot even compare larger ones."""
    return 0 < number <= MAX_ID
