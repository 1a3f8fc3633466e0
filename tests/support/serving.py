"""Our HTTP routes on a real socket, and a board's submission as the browser sends it."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from app.http import ROUTES
from app.http.security_headers import SecurityHeaders
from app.study.types import Round


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """Our routes on a port of their own."""

    def __init__(self, *more: Middleware, routes: Sequence[Route] = ()) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        middleware = [Middleware(SecurityHeaders), *more]
        web = Starlette(routes=[*ROUTES, *routes], middleware=middleware)
        config = uvicorn.Config(
            web, port=self.port, log_level="critical", ws="none", lifespan="off"
        )
        self.uvicorn = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.uvicorn.run)
        self.thread.start()
        while not self.uvicorn.started:
            time.sleep(0.01)

    def stop(self) -> None:
        self.uvicorn.should_exit = True
        self.thread.join()

    def ask(
        self, method: str, path: str, body: bytes | str | None = None, **headers: str
    ) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, named)
            got = connection.getresponse()
            found = {name.lower(): value for name, value in got.getheaders()}
            cookies = tuple(got.headers.get_all("set-cookie", ()))
            return Answer(got.status, found, got.read(), cookies)
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def form(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        kind = {"content_type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, urlencode(fields), **kind, **headers)


def ranking(board: Round, **changes: object) -> dict[str, Any]:
    shown = [candidate.id for candidate in board.candidates]
    ranks = list(range(1, len(shown) + 1))
    base = {"uuid": "submission-one", "round": board.id, "order": shown, "ranks": ranks}
    rest = {"shown": shown, "replaces": None, "elapsed_ms": 900, "input": {"clicks": 3}}
    return {**base, **rest, **changes}


def send(server: Server, token: str, body: object, **headers: str) -> Answer:
    text = body if isinstance(body, (str, bytes)) else json.dumps(body)
    authorization = {"authorization": f"Bearer {token}"}
    return server.ask("POST", "/api/submit", text, **authorization, **headers)
