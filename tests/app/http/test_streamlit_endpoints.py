"""Streamlit's own endpoints of the real web process: who may upload, how much, and what is shut."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import websockets
from running import RunningApp, web_process
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from app.settings import RESEARCHER_COOKIE
from app.store import Store

SECRET = "a-secret-of-the-researcher"
MB = 1024 * 1024
COUNTED_SECONDS = 5.2  # Streamlit counts again after five


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """The web process alone, with a researcher who is signed in."""
    running = web_process(tmp_path_factory.mktemp("data"))
    store = Store(running.data_dir)
    store.researchers.add_session(SECRET, datetime.now(UTC) + timedelta(hours=1))
    with running:
        yield running


class Page:
    """An open page: its websocket and the name of its session."""

    def __init__(self, app: RunningApp) -> None:
        self.app = app
        address = f"ws://127.0.0.1:{app.port}/_stcore/stream"
        subprotocols = [websockets.Subprotocol("streamlit")]
        self._open = contextlib.ExitStack()
        opened = connect(address, subprotocols=subprotocols, max_size=None)
        self.socket: ClientConnection = self._open.enter_context(opened)
        message = BackMsg()
        message.rerun_script.query_string = ""
        self.socket.send(message.SerializeToString())
        self.session = ""
        while not self.session:
            answer = ForwardMsg()
            answer.ParseFromString(self.socket.recv(60))
            self.session = answer.new_session.initialize.session_id

    def close(self) -> None:
        self._open.close()


@pytest.fixture
def page(app: RunningApp) -> Iterator[Page]:
    opened = Page(app)
    yield opened
    opened.close()


def cookies(app: RunningApp, *, signed_in: bool) -> tuple[str, str]:
    """The cookies of a browser, and the token that Streamlit wants repeated in a header."""
    connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=20)
    connection.request("GET", "/_stcore/health")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    found = re.search(r"_streamlit_xsrf=([^;]+)", answer.headers["set-cookie"] or "")
    assert found
    cookie = f"_streamlit_xsrf={found[1]}"
    return (f"{cookie}; {RESEARCHER_COOKIE}={SECRET}" if signed_in else cookie), found[1]


def form(size: int) -> bytes:
    head = b'--X\r\nContent-Disposition: form-data; name="f"; filename="f.bin"\r\n\r\n'
    return head + bytes(size) + b"\r\n--X--\r\n"


def put(page: Page, name: str, size: int, *, signed_in: bool) -> int:
    """Upload a file to a page; the status of the answer."""
    cookie, token = cookies(page.app, signed_in=signed_in)
    connection = http.client.HTTPConnection("127.0.0.1", page.app.port, timeout=60)
    headers = {"Cookie": cookie, "X-Xsrftoken": token}
    headers["Content-Type"] = "multipart/form-data; boundary=X"
    try:
        path = f"/_stcore/upload_file/{page.session}/{name}"
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused meanwhile
            connection.request("PUT", path, form(size), headers)
        return connection.getresponse().status
    finally:
        connection.close()


def begin_put(page: Page, name: str, stated: int | None, body: bytes = b"") -> socket.socket:
    """Begin to upload as a researcher: the head with the stated length, and some of the body."""
    cookie, token = cookies(page.app, signed_in=True)
    length = "Transfer-Encoding: chunked" if stated is None else f"Content-Length: {stated}"
    opened = socket.create_connection(("127.0.0.1", page.app.port), timeout=60)
    opened.sendall(
        f"PUT /_stcore/upload_file/{page.session}/{name} HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{page.app.port}\r\nCookie: {cookie}\r\nX-Xsrftoken: {token}\r\n"
        f"Content-Type: multipart/form-data; boundary=X\r\n{length}\r\n\r\n".encode()
        + body
    )
    return opened


def status(opened: socket.socket) -> int:
    with opened:
        return int(opened.recv(4096).split()[1])


def get(app: RunningApp, path: str, *, signed_in: bool = False) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=20)
    try:
        cookie = {"Cookie": f"{RESEARCHER_COOKIE}={SECRET}"} if signed_in else {}
        connection.request("GET", path, headers=cookie)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()


def held_bytes(app: RunningApp) -> int:
    """How many bytes of uploaded files the process holds, as Streamlit counts them."""
    time.sleep(COUNTED_SECONDS)
    _, text = get(app, "/_stcore/metrics", signed_in=True)
    found = re.search(r'cache_memory_bytes\{cache_type="UploadedFileManager"[^}]*\} (\d+)', text)
    return int(found[1]) if found else 0


def test_nobody_uploads_without_signing_in(app: RunningApp, page: Page) -> None:
    before = held_bytes(app)
    statuses = [put(page, f"file-{number}", 20 * MB, signed_in=False) for number in range(5)]
    assert statuses == [401] * 5
    assert held_bytes(app) == before


def test_a_researcher_uploads(app: RunningApp, page: Page) -> None:
    before = held_bytes(app)
    assert put(page, "one", 3 * MB, signed_in=True) == 204
    assert held_bytes(app) == before + 3 * MB


def test_what_is_sent_to_a_page_that_is_gone_is_not_kept(app: RunningApp) -> None:
    before, page, content = held_bytes(app), Page(app), form(MB)
    opened = begin_put(page, "late", len(content), content[:1000])
    time.sleep(0.5)
    page.close()
    time.sleep(0.5)
    opened.sendall(content[1000:])
    assert status(opened) == 204
    assert held_bytes(app) == before


@pytest.mark.parametrize("path", ["metrics", "metrics/", "agent/openapi.json", "whatever"])
def test_debugging_is_not_for_strangers(app: RunningApp, path: str) -> None:
    code, text = get(app, f"/_stcore/{path}")
    assert code in (401, 404) and "memory" not in text and "openapi" not in text
    assert get(app, "/_stcore/%6detrics")[0] == 401


def test_the_interface_for_agents_is_shut(app: RunningApp) -> None:
    for path in ("interact", "mcp", "openapi.json"):
        assert get(app, f"/_stcore/agent/{path}", signed_in=True)[0] == 404


@pytest.mark.parametrize("path", ["health", "host-config"])
def test_what_every_page_needs_is_open(app: RunningApp, path: str) -> None:
    assert get(app, f"/_stcore/{path}")[0] == 200


def test_one_page_and_all_pages_together_have_a_bound(app: RunningApp) -> None:
    first, second, third = pages = [Page(app) for _ in range(3)]
    opened = []
    try:
        assert status(begin_put(first, "huge", 600 * MB)) == 413
        opened += [begin_put(first, f"file-{number}", 200 * MB) for number in range(2)]
        time.sleep(0.5)
        assert status(begin_put(first, "third", 200 * MB)) == 413
        opened.append(begin_put(second, "no-length", None))
        opened.append(begin_put(second, "one", 200 * MB))
        opened.append(begin_put(third, "two", 180 * MB))
        time.sleep(0.5)
        assert status(begin_put(third, "last", 100 * MB)) == 503
    finally:
        for each in opened:
            each.close()
    deadline = time.monotonic() + 20
    while put(third, "again", MB, signed_in=True) != 204:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    for page in pages:
        page.close()


def test_a_long_message_closes_the_page(app: RunningApp, page: Page) -> None:
    message = BackMsg()
    state = message.rerun_script.widget_states.widgets.add()
    state.id, state.string_value = "a field", "x" * (3 * MB)
    page.socket.send(message.SerializeToString())
    with pytest.raises(websockets.ConnectionClosed) as closed:
        while True:
            page.socket.recv(20)
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009
