"""Waiting that a cancel ends at once: pauses, turns at a service, calls under way."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from clpips.errors import Cancelled
from clpips.progress import Watch

T = TypeVar("T")

STEP = 0.05  # seconds between two looks at whether the work is still wanted
_GRACE = 0.3  # seconds that a cancelled call has to close its connection

_turns = threading.Lock()
_last: dict[str, float] = {}


def pause(seconds: float, watch: Watch) -> None:
    """Wait that many seconds.

    Raises:
        Cancelled: the caller cancelled meanwhile.
    """
    end = time.monotonic() + seconds
    while True:
        _ask(watch)
        left = end - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(STEP, left))


def take_turn(base: str, interval: float, watch: Watch) -> None:
    """Wait until ``interval`` seconds have passed since this process last called ``base``.

    Raises:
        Cancelled: the caller cancelled meanwhile; no turn was taken.
    """
    while True:
        _ask(watch)
        with _turns:
            now = time.monotonic()
            left = _last[base] + interval - now if base in _last else 0.0
            if left <= 0:
                _last[base] = now
                return
        time.sleep(min(STEP, left))


def under_way(call: Callable[[], Coroutine[Any, Any, T]], watch: Watch) -> T:
    """What a coroutine answers, run on a loop of its own so that a cancel can end it anywhere.

    The caller's thread stays free to ask ``watch``, whether or not it has a loop itself. A
    cancelled call closes its connection; one that cannot be ended, as while the system looks up
    a name, is left behind on its thread.

    Raises:
        Cancelled: the caller cancelled meanwhile.
    """
    flight = _Flight(call)
    flight.start()
    while not flight.ended.wait(STEP):
        if watch.cancelled():
            flight.cancel()
            flight.ended.wait(_GRACE)
            _ask(watch)
    return flight.future.result()


def _ask(watch: Watch) -> None:
    if watch.cancelled():
        raise Cancelled("the work was cancelled")


class _Flight(threading.Thread, Generic[T]):
    """A thread with an event loop for one coroutine."""

    def __init__(self, call: Callable[[], Coroutine[Any, Any, T]]) -> None:
        super().__init__(name="clpips-service", daemon=True)
        self.future: Future[T] = Future()
        self.ended = threading.Event()
        self._call = call
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None

    def run(self) -> None:
        try:
            self.future.set_result(asyncio.run(self._main()))
        except BaseException as error:  # noqa: BLE001 # handed to the thread that waits
            self.future.set_exception(error)
        finally:
            self._ready.set()
            self.ended.set()

    def cancel(self) -> None:
        """End the coroutine where it stands; returns at once."""
        self._ready.wait(_GRACE)
        if self._loop is not None and self._task is not None:
            with contextlib.suppress(RuntimeError):  # the loop has closed meanwhile
                self._loop.call_soon_threadsafe(self._task.cancel)

    async def _main(self) -> T:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._ready.set()
        return await self._call()
