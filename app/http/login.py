"""``/auth/…``: the researcher's password and session, as plain forms that redirect back.

A problem is reported as a code in the query, ``/researcher?problem=wrong``, which the page turns
into a sentence.
"""

from __future__ import annotations

import math
import re
import secrets
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from app.http.lanes import READS, WRITES
from app.http.login_limits import (
    KNOWN_BROWSERS,
    KNOWN_SECONDS,
    STRANGERS,
    Visitor,
    check_password,
    new_known_browser,
    seconds_to_wait,
    visitor,
)
from app.http.loopback_only import named_host
from app.http.passwords import LOOPBACK, MAX_PASSWORD, MIN_PASSWORD, hash_password
from app.http.responses import NO_STORE, TooLarge, from_own_page, read_body
from app.settings import KNOWN_BROWSER_COOKIE, RESEARCHER_COOKIE, Settings
from app.store import Store, open_store
from clpips.errors import StudyError

MAX_FORM = 8 * 1024
SESSION_SECONDS = 12 * 3600
HOME = "/researcher"

_RESEARCHER_PAGE = re.compile(r"/(researcher|study)(\?study=\d{1,9})?")
_WAIT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Please wait</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<body style="font:18px/1.5 system-ui,sans-serif;max-width:32em;margin:15vh auto;padding:0 1em">
<h1>Please wait {seconds} s</h1><p>Wrong passwords were entered from {whose}. You can try again
after {seconds} s. A browser in which you have signed in before does not wait for others.</p>
<p><a href="/researcher">Back</a></p></body>"""


async def set_up(request: Request) -> Response:
    """Set the first password; only from this machine, so that no stranger can set it first."""
    form = await _form(request)
    if isinstance(form, Response):
        return form
    if not _is_local(request):
        return _back("remote")
    store = open_store()
    password = form.get("password", "")
    if form.get("again", password) != password:
        return _back("differ")
    try:
        hashed = await STRANGERS.run(hash_password, password)
    except StudyError:
        return _back(_fault(password))
    try:
        await WRITES.run(store.researchers.set_password_hash, hashed)
    except StudyError:
        return _back("already")
    return await _welcome(request, store, form)


async def log_in(request: Request) -> Response:
    """Check the password, unless whoever asks has to wait: see :mod:`app.http.login_limits`."""
    form = await _form(request)
    if isinstance(form, Response):
        return form
    if not form.get("password"):  # an empty field is no guess
        return _back("wrong", form)
    store = open_store()
    who = await READS.run(visitor, request, store)
    wait = await READS.run(seconds_to_wait, store, who)
    if not wait:
        lane = KNOWN_BROWSERS if who.is_known else STRANGERS
        right, wait = await lane.run(check_password, store, who, form["password"])
        if right:
            return await _welcome(request, store, form)
    return _back("wrong", form) if not wait else _please_wait(who, wait)


def _please_wait(who: Visitor, wait: float) -> Response:
    seconds = math.ceil(wait)
    whose = "this browser" if who.is_known else "your network address"
    page = _WAIT.format(seconds=seconds, whose=whose)
    return HTMLResponse(page, 429, headers={**NO_STORE, "Retry-After": str(seconds)})


async def log_out(request: Request) -> Response:
    """End the session, in the browser and in the store."""
    form = await _form(request)
    if isinstance(form, Response):
        return form
    token = request.cookies.get(RESEARCHER_COOKIE, "")
    await WRITES.run(open_store().researchers.delete_session, token)
    response = RedirectResponse(HOME, 303, headers=NO_STORE)
    response.delete_cookie(RESEARCHER_COOKIE, path="/")
    return response


async def _welcome(request: Request, store: Store, form: dict[str, str]) -> Response:
    token = secrets.token_urlsafe(32)
    expires = datetime.now(UTC) + timedelta(seconds=SESSION_SECONDS)
    await WRITES.run(store.researchers.add_session, token, expires)
    response = RedirectResponse(_page(form), 303, headers=NO_STORE)
    response.set_cookie(
        KNOWN_BROWSER_COOKIE,
        await WRITES.run(new_known_browser, store),
        max_age=KNOWN_SECONDS,
        path="/auth/",
        httponly=True,
        samesite="strict",
        secure=_is_https(request),
    )
    response.set_cookie(
        RESEARCHER_COOKIE,
        token,
        max_age=SESSION_SECONDS,
        path="/",
        httponly=True,
        samesite="strict",
        secure=_is_https(request),
    )
    return response


async def _form(request: Request) -> dict[str, str] | Response:
    """The fields of a form sent from one of our pages, or the response that refuses it."""
    if not from_own_page(request):
        return _back("foreign")
    try:
        body = (await read_body(request, MAX_FORM)).decode("utf-8", "replace")
        fields = parse_qs(body, keep_blank_values=True, max_num_fields=20)
    except TooLarge:
        sentence = f"A form must have at most {MAX_FORM:,} bytes, got more."
        return PlainTextResponse(sentence, 413, headers=NO_STORE)
    except ValueError:  # more fields than any of our forms has
        return PlainTextResponse("The form could not be read.", 400, headers=NO_STORE)
    return {name: values[-1] for name, values in fields.items()}


def _fault(password: str) -> str:
    if len(password) > MAX_PASSWORD:
        return "long"
    return "short" if len(password) < MIN_PASSWORD else "blank"


def _page(form: dict[str, str]) -> str:
    """The researcher's page to continue on; never another site."""
    wanted = form.get("next", "")
    return wanted if _RESEARCHER_PAGE.fullmatch(wanted) else HOME


def _back(problem: str, form: dict[str, str] | None = None) -> RedirectResponse:
    page = _page(form or {})
    mark = "&" if "?" in page else "?"
    return RedirectResponse(f"{page}{mark}problem={problem}", 303, headers=NO_STORE)


def _is_local(request: Request) -> bool:
    """Whether both the server's address and the request's ``Host`` are loopback.

    Behind a proxy every request comes from this machine; the proxy's headers reveal it.
    """
    forwarded = {"forwarded", "x-forwarded-for", "x-real-ip"} & set(request.headers)
    here = Settings.from_environment().address in LOOPBACK and named_host(request.scope) in LOOPBACK
    return here and not forwarded


def _is_https(request: Request) -> bool:
    """Whether the browser speaks TLS; who claims it falsely only loses their own cookie."""
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))
