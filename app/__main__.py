"""``python -m app``: start the web process and the workers; restart what ends by itself.

``make run`` and ``clpips-app`` run this. Exit status: 0 stopped on request, 2 a setting is wrong or
the port is taken, 1 the web process could not start.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from app.settings import Settings
from clpips.errors import ClpipsError, StudyError
from clpips.io.resources import package_folder

ROOT = package_folder("app").parent
START_SECONDS = 120.0
STOP_SECONDS = 10.0
PORT_SECONDS = 3.0  # a server that just stopped may hold its port for a moment
FIRST_PAUSE = 1.0
LAST_PAUSE = 30.0
WELL_AFTER = 60.0  # after running this long, a process is restarted with the shortest pause again
UNAVAILABLE = 503
ANYWHERE = ("0.0.0.0", "::")


@dataclass
class Child:
    """One of the processes, restarted when it ends by itself."""

    name: str
    command: list[str]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = FIRST_PAUSE
    again_at: float = 0.0

    def start(self) -> None:
        """Start the process in our own process group, so that killing the group ends all."""
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env=self.environment,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )

    def has_ended(self) -> bool:
        """Whether the process is not running."""
        return self.process is None or self.process.poll() is not None

    def keep_alive(self) -> None:
        """Restart the process if it ended, after a pause that grows with each early end."""
        now = time.monotonic()
        if self.process is not None and self.process.poll() is not None:
            status = self.process.returncode
            self.pause = FIRST_PAUSE if now - self.started > WELL_AFTER else self.pause
            say(f"The {self.name} stopped (status {status}); restarting it.")
            self.again_at, self.process = now + self.pause, None
            self.pause = min(LAST_PAUSE, 2 * self.pause)
        if self.process is None and now >= self.again_at:
            self.start()

    def ask_to_stop(self) -> None:
        """Ask the process to terminate."""
        if not self.has_ended() and self.process is not None:
            self.process.terminate()

    def wait(self, until: float) -> None:
        """Wait until a time on the monotonic clock for the process to end; then kill it."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def main() -> int:
    """Run all processes until a stop is requested; returns the exit status."""
    try:
        settings = Settings.from_environment()
        check_port(settings)
        check_password(settings)
    except (ClpipsError, OSError) as error:
        complain(str(error))
        return 2
    web, *workers = children(settings)
    stop = StopSignal()
    try:
        for child in (web, *workers):
            child.start()
        if not wait_until_healthy(settings, web, lambda: stop.asked):
            if stop.asked:
                return 0
            complain("The web process could not start; its messages are above.")
            return 1
        say(f"Open {address_of(settings)}")
        while not stop.asked:
            for child in (web, *workers):
                child.keep_alive()
            time.sleep(0.2)
        return 0
    finally:
        say("Stopping.")
        until = time.monotonic() + STOP_SECONDS
        for child in (*workers, web):
            child.ask_to_stop()
        for child in (*workers, web):
            child.wait(until)


class StopSignal:
    """Records Ctrl-C and requests to terminate."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.asked = True


def children(settings: Settings) -> tuple[Child, ...]:
    """The web process, then the workers, with settings independent of the working directory."""
    from app.http.proxies import environment_of

    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "PYTHONUNBUFFERED": "1",
        "CLPIPS_DATA": str(data_folder(settings)),
        "PORT": str(settings.port),
        **environment_of(settings),
    }
    if settings.weights_dir is not None:
        environment["CLPIPS_WEIGHTS"] = str(settings.weights_dir.absolute())
    web = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app" / "serve.py")]
    web += [f"--server.port={settings.port}", f"--server.address={settings.address}"]
    several = settings.workers > 1
    names = [f"worker {n + 1}" if several else "worker" for n in range(settings.workers)]
    return (
        Child("web process", web, environment),
        *(Child(name, [sys.executable, "-m", "app.worker"], environment) for name in names),
    )


def data_folder(settings: Settings) -> Path:
    """The data folder: a configured one from the working directory, the default beside ``app``."""
    if os.environ.get("CLPIPS_DATA"):
        return settings.data_dir.absolute()
    return ROOT / settings.data_dir


def check_port(settings: Settings) -> None:
    """Raise ``StudyError`` if the port is in use, or the address is not this machine's."""
    until = time.monotonic() + PORT_SECONDS
    while (error := port_error(settings)) is not None:
        if error.errno != errno.EADDRINUSE or time.monotonic() > until:
            raise StudyError(
                f"PORT must be free, got {settings.port} on {settings.address}, "
                f"which cannot be used ({error.strerror}); choose another, such as PORT=8600"
            ) from error
        time.sleep(0.2)


def port_error(settings: Settings) -> OSError | None:
    """Why the port cannot be bound now; ``None`` if it can."""
    family = socket.AF_INET6 if ":" in settings.address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.address, settings.port))
        except OSError as error:
            return error
    return None


def check_password(settings: Settings) -> None:
    """Raise ``StudyError`` if others could reach the server before it has a password."""
    from app.http.passwords import check_password_is_set
    from app.store import Store

    check_password_is_set(Store(replace(settings, data_dir=data_folder(settings))))


def wait_until_healthy(settings: Settings, web: Child, stopped: Callable[[], bool]) -> bool:
    """Wait until ``/health`` answers; ``False`` if the web process ended or it took too long."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and not stopped():
        if web.has_ended():
            return False
        try:
            with urllib.request.urlopen(f"{address_of(settings)}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            if error.code == UNAVAILABLE:  # it answers, and says itself what is wrong
                return True
            time.sleep(0.2)
        except OSError:
            time.sleep(0.2)
    return False


def address_of(settings: Settings) -> str:
    """The address to open in a browser on this machine."""
    host = "127.0.0.1" if settings.address in ANYWHERE else settings.address
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def say(sentence: str) -> None:
    """Print one line to standard output."""
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def complain(sentence: str) -> None:
    """Print one line to standard error."""
    sys.stderr.write(f"{sentence}\n")


def _die_with_parent() -> None:
    """Have Linux end this process when its parent process is killed."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
