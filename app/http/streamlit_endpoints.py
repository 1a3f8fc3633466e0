"""Streamlit's own endpoints: uploads within bounds and for researchers only, and no debugging.

Streamlit keeps uploaded files in the web process's memory, and takes them from every page that is
open, whether or not a field for files is on it. A participant's page has none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import cast

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.runtime import Runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

from app.http.lanes import READS
from app.http.responses import NO_STORE, unavailable
from app.settings import RESEARCHER_COOKIE
from app.store import StoreUnavailable, open_store

FILE_BYTES = 200 * 1024 * 1024  # server.maxUploadSize in .streamlit/config.toml
FORM_BYTES = 1024 * 1024  # of the form around the file, at most
SESSION_BYTES = 500 * 1024 * 1024
ALL_BYTES = 1024 * 1024 * 1024
MESSAGE_BYTES = 2 * 1024 * 1024  # a page sends the state of its fields: some kilobytes
TOO_BIG = 1009  # the code with which a websocket is closed

PREFIX = "/_stcore/"
UPLOADS = f"{PREFIX}upload_file/"
METRICS = f"{PREFIX}metrics"
OPEN = tuple(f"{PREFIX}{name}" for name in ("health", "host-config", "stream", "bidi-components/"))
"""What every page needs."""
SIGN_IN = "Please sign in on the researcher's page first."


class StreamlitEndpoints:
    """Guards what Streamlit serves under ``/_stcore/``.

    Pages need four of the endpoints. Uploads and metrics are for researchers, and everything else,
    such as the interface for agents, is not there.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._uploads = _Uploads(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it before its body is read."""
        if scope["type"] == "websocket":
            await self.app(scope, _short_messages(receive, send), send)
            return
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or not path.startswith(PREFIX) or path.startswith(OPEN):
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        refused = await _refusal(request, path)
        if refused is not None:
            await refused(scope, receive, send)
        elif request.method == "PUT":
            await self._uploads(path, request, send)
        else:
            await self.app(scope, receive, send)


async def _refusal(request: Request, path: str) -> Response | None:
    """What to answer to a request that is not for whoever sends it; ``None`` to pass it on."""
    if not path.startswith(UPLOADS) and path.rstrip("/") != METRICS:
        return PlainTextResponse("There is no such page.", 404, headers=NO_STORE)
    if request.method == "OPTIONS":  # a browser's question which methods there are
        return None
    token = request.cookies.get(RESEARCHER_COOKIE, "")
    try:
        if await READS.run(lambda: open_store().researchers.has_session(token)):
            return None
    except StoreUnavailable as reason:
        return unavailable(request, reason)
    return PlainTextResponse(SIGN_IN, 401, headers=NO_STORE)


class _Uploads:
    """Takes uploads within a bound for each page and one for all of them.

    What is being sent counts from its first byte on.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._coming: Counter[str] = Counter()

    async def __call__(self, path: str, request: Request, send: Send) -> None:
        session = path.removeprefix(UPLOADS).partition("/")[0]
        stated = request.headers.get("content-length", "")
        # A body without a stated length may be as long as Streamlit allows.
        size = int(stated) if stated.isdigit() else FILE_BYTES + FORM_BYTES
        refused = self._refusal(session, size)
        if refused is not None:
            await refused(request.scope, request.receive, send)
            return
        self._coming[session] += size
        try:
            await self.app(request.scope, request.receive, send)
        finally:
            self._coming[session] -= size
            self._coming += Counter()  # drops those at zero
            _forget_if_gone(session)

    def _refusal(self, session: str, size: int) -> Response | None:
        if size > FILE_BYTES + FORM_BYTES:
            return _refuse("The file is too large: at most 200 MB.", 413)
        if self._of(session) + size > SESSION_BYTES:
            return _refuse("This page holds too many files: at most 500 MB. Reload the page.", 413)
        if self._of_all() + size > ALL_BYTES:
            _forget_closed_pages()
        if self._of_all() + size > ALL_BYTES:
            sentence = "Too many files are being uploaded at the moment. Please try again later."
            return _refuse(sentence, 503, {"Retry-After": "30"})
        return None

    def _of(self, session: str) -> int:
        return _held().get(session, 0) + self._coming[session]

    def _of_all(self) -> int:
        return sum(_held().values()) + self._coming.total()


def _refuse(sentence: str, status: int, more: Mapping[str, str] | None = None) -> Response:
    return PlainTextResponse(sentence, status, headers={**NO_STORE, **(more or {})})


def _manager() -> MemoryUploadedFileManager | None:
    if not Runtime.exists():
        return None
    return cast(MemoryUploadedFileManager, Runtime.instance().uploaded_file_mgr)


def _held() -> dict[str, int]:
    """How many bytes of files Streamlit holds for each page."""
    manager = _manager()
    if manager is None:
        return {}
    # Copies, because Streamlit's own threads drop pages meanwhile.
    pages = list(manager.file_storage.items())
    return {page: sum(len(file.data) for file in list(files.values())) for page, files in pages}


def _forget_if_gone(session: str) -> None:
    """Drop the files of a page that was closed while it sent one: nobody else ever would."""
    manager = _manager()
    if manager is not None and not Runtime.instance().is_active_session(session):
        manager.remove_session_files(session)


def _forget_closed_pages() -> None:
    """Drop the files of pages whose connection is gone, which Streamlit keeps for minutes."""
    for session in _held():
        _forget_if_gone(session)


def _short_messages(receive: Receive, send: Send) -> Receive:
    """Receives a websocket's messages, and closes it after one that no page sends."""

    async def checked() -> Message:
        message = await receive()
        data = message.get("bytes") or message.get("text") or ""
        if len(data) <= MESSAGE_BYTES:
            return message
        await send({"type": "websocket.close", "code": TOO_BIG})
        return {"type": "websocket.disconnect", "code": TOO_BIG}

    return checked
