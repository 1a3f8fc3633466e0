"""The real app in its own folder on a free port: web process, worker and all."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RunningApp:
    """``python -m app`` from entering to leaving; ``kill`` and ``start`` for the worst cases.

    Args:
        data_dir: an empty folder.
        demo: whether it makes the demo study, with its 3 targets, and the simulated one.
        command: what starts the app instead of ``python -m app``.
        folder: where it is started instead of the repository's root.
    """

    targets = 3

    def __init__(
        self,
        data_dir: Path,
        *,
        demo: bool = False,
        command: Sequence[str] = (sys.executable, "-m", "app"),
        folder: Path = ROOT,
    ) -> None:
        self.data_dir, self.port, self.demo = data_dir, free_port(), demo
        self.command, self.folder = list(command), folder
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = data_dir / "app.log"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except TimeoutError:  # then nobody leaves the block, and it would run on for ever
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        if error is not None and self.log.exists():
            print(self.log.read_text(errors="replace")[-4000:])

    def start(self) -> None:
        """Start it and wait until /health answers."""
        environment = os.environ | {"CLPIPS_DATA": str(self.data_dir), "PORT": str(self.port)}
        environment["CLPIPS_DEMO"] = "1" if self.demo else "0"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait_until_healthy()

    def wait_until_healthy(self, seconds: float = 180) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:
                    if json.loads(answer.read())["status"] == "ok":
                        return
            except (urllib.error.URLError, OSError, ValueError):
                time.sleep(0.1)
        raise TimeoutError(
            f"the app did not answer; {self.log.read_text(errors='replace')[-2000:]}"
        )

    def stop(self) -> None:
        """Ask it to stop, as Ctrl-C does, and wait."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)

    def children(self) -> dict[str, int]:
        """Process numbers of the web process and the worker, by the words in their command."""
        assert self.process is not None
        listed = subprocess.run(
            ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(self.process.pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        names = {"streamlit": "web", "app.worker": "worker"}
        return {
            name: int(line.split()[0])
            for line in listed.stdout.splitlines()
            for words, name in names.items()
            if words in line
        }

    def kill(self) -> None:
        """``kill -9`` supervisor, web process and worker, and wait until the port is free."""
        assert self.process is not None
        for number in [self.process.pid, *self.children().values()]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        self.process.wait(30)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) != 0:
                    return
            time.sleep(0.05)


def web_process(data_dir: Path) -> RunningApp:
    """The web process alone, without a worker."""
    running = RunningApp(data_dir)
    serve = str(ROOT / "app" / "serve.py")
    running.command = [sys.executable, "-m", "streamlit", "run", serve]
    running.command += [f"--server.port={running.port}"]
    return running
