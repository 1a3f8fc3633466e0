"""A model hub on this machine: the four addresses that ``huggingface_hub`` asks, over folders."""

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    models: ClassVar[dict[str, Path]] = {}
    fetched: ClassVar[list[str]] = []
    protocol_version = "HTTP/1.1"

    def log_message(self, *args) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def answer(self, *, with_body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        if path.startswith("/api/models/"):
            name = "/".join(path.split("/")[3:5])
            folder = self.models.get(name)
            if folder is None:
                self.send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
            elif "/tree/" in path:
                self.send(200, json.dumps([entry(folder, each) for each in files(folder)]).encode())
            else:
                info = {"id": name, "sha": COMMIT, "siblings": []}
                self.send(200, json.dumps(info).encode())
            return
        name, _, rest = path.strip("/").partition("/resolve/")
        folder = self.models.get(name)
        file = folder / rest.partition("/")[2] if folder else None
        if file is None or not file.is_file():
            self.send(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        data = file.read_bytes()
        if with_body:
            self.fetched.append(rest.partition("/")[2])
        marks = {"ETag": f'"{blob(data)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        self.send(200, data, marks, with_body=with_body)

    def send(self, status: int, data: bytes, marks=None, *, with_body: bool = True) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(marks or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if with_body and self.command != "HEAD":
            self.wfile.write(data)


def files(folder: Path) -> list[Path]:
    return sorted(each for each in folder.rglob("*") if each.is_file())


def blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def entry(folder: Path, file: Path) -> dict:
    data = file.read_bytes()
    path = file.relative_to(folder).as_posix()
    return {"type": "file", "path": path, "size": len(data), "oid": blob(data)}


@contextmanager
def hub(models: dict[str, Path]):
    """Serve folders as models; yields the address and the list of what is fetched."""
    fetched: list[str] = []
    handler = type("OneHub", (Hub,), {"models": models, "fetched": fetched})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", fetched
    finally:
        server.shutdown()
        server.server_close()
