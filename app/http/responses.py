"""What the routes share: authentication, origin check, body limit and JSON responses."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from app.http.lanes import READS
from app.http.payloads import MAX_ID
from app.store import StoreUnavailable, open_store
from app.study.types import Participant
from clpips.text import without_paths

NO_STORE = {"Cache-Control": "no-store"}
RETRY_SECONDS = 2


class TooLarge(Exception):
    """The body of a request is longer than this route accepts."""


def answer(content: dict[str, object], status: int = 200) -> JSONResponse:
    """A JSON response that no cache keeps."""
    return JSONResponse(content, status, headers=NO_STORE)


def error(sentence: str, status: int) -> JSONResponse:
    """Report an error; the browser may retry the same request."""
    return answer({"error": without_paths(sentence)}, status)


def refusal(reason: object, status: int = 422) -> JSONResponse:
    """Reject a submission permanently, so that the browser drops it from its outbox."""
    return answer({"error": without_paths(reason), "rejected": True}, status)


def spoken(reason: StoreUnavailable) -> str:
    """The reason as a sentence for people."""
    text = without_paths(reason)
    return f"{text[:1].upper()}{text[1:]}."


def unavailable(request: Request, reason: StoreUnavailable) -> Response:
    """503: nothing was changed, and the same request may succeed in ``Retry-After`` seconds."""
    sentence = spoken(reason)
    again = {"Retry-After": str(RETRY_SECONDS)}
    if request.url.path.startswith("/auth/"):  # a form, whose answer a person reads
        return PlainTextResponse(sentence, 503, headers={**NO_STORE, **again})
    response = error(sentence, 503)
    response.headers.update(again)
    return response


def from_own_page(request: Request) -> bool:
    """Whether a POST comes from a page of this server, or from no page (a script).

    ``Sec-Fetch-Site`` is set by the browser and cannot be forged by a page. A page under
    ``Referrer-Policy: no-referrer`` sends ``Origin: null`` with a form, so without that header
    a null origin counts as another site's.
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
    """The body, of at most ``limit`` bytes.

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
    """The participant identified by the request's bearer token; ``None`` for an unknown one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(token) <= 200:
        return None
    return await READS.run(lambda: open_store().participants.by_token(token.strip()))


def unknown_bearer() -> JSONResponse:
    """The response to an unknown token; it does not reject the submission."""
    return error("This link is not known here, or was replaced by a newer one.", 401)


def is_id(number: int) -> bool:
    """Whether a number can be a row's id; SQLite cannot compare larger ones."""
    return 0 < number <= MAX_ID
