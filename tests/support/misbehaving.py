"""A real image service on this machine that answers whatever a test tells it to."""

from __future__ import annotations

import base64
import contextlib
import io
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image


def picture(width: int = 64, height: int = 64, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(buffer, kind)
    return buffer.getvalue()


@dataclass
class Reply:
    """One answer: ``body`` is sent as it is, or as JSON where it is not bytes."""

    body: Any = None
    status: int = 200
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    promised: int | None = None  # the Content-Length, where it is not the truth
    drip: float = 0.0  # seconds between single bytes
    close: bool = False  # say nothing at all


def image(data: bytes | None = None, **more: Any) -> Reply:
    """A good answer; ``more`` stands beside its data."""
    text = base64.b64encode(picture() if data is None else data).decode()
    return Reply({"created": 1, "data": [{"b64_json": text}], **more})


@dataclass
class Asked:
    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """Answers with ``replies`` in order, the last one for ever, and notes what it was asked."""

    url: str = ""
    replies: list[Reply] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    answering: threading.Event = field(default_factory=threading.Event)
    answered: threading.Event = field(default_factory=threading.Event)
    gone: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, *replies: Reply) -> None:
        self.replies = list(replies)

    def next_reply(self, asked: Asked) -> Reply:
        with self.lock:
            self.asked.append(asked)
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = server.next_reply(Asked(self.path, headers, body, time.monotonic()))
            self.close_connection = True
            if server.ended.wait(reply.delay) or reply.close:
                return
            data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            if reply.kind:
                self.send_header("Content-Type", reply.kind)
            self.send_header("Content-Length", str(reply.promised or len(data)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            server.answering.set()
            self.send(data, reply.drip)
            server.answered.set()

        def send(self, data: bytes, drip: float) -> None:
            try:
                if not drip:
                    self.wfile.write(data)
                for at in range(len(data) if drip else 0):
                    self.wfile.write(data[at : at + 1])
                    if server.ended.wait(drip):
                        return
            except OSError:
                server.gone.set()

        do_GET = do_POST = answer  # noqa: N815 # the library's names

    return Handler


@contextlib.contextmanager
def serving(host: str = "127.0.0.1") -> Iterator[Server]:
    server = Server(replies=[image()])
    real = ThreadingHTTPServer((host, 0), _handler(server))
    real.daemon_threads = True
    real.handle_error = lambda *_: None  # type: ignore[method-assign] # clients leave on purpose
    server.url = f"http://{host}:{real.server_port}/v1"
    thread = threading.Thread(target=lambda: real.serve_forever(poll_interval=0.01), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        real.shutdown()
        real.server_close()
        thread.join()


def after(happened: Callable[[], bool], *, looks: int = 4) -> Callable[[], bool]:
    """Something to ask that says yes some looks after something has happened."""
    left = itertools.count(looks, -1)
    return lambda: happened() and next(left) <= 0
