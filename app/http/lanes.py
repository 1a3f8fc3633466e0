"""Lanes: threads of their own for reads, for writes and for the health check.

Were they all to share one pool, writers that wait for a locked database would fill it, and not even
a picture could be sent. A lane admits so many requests and no more; whoever finds it full, or waits
in it for too long, is asked to come back.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from app.store import DatabaseBusy, StoreUnavailable

QUEUE_SECONDS = 3.0

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Lane:
    """A bounded number of threads, and of requests that wait for one.

    Args:
        name: of its threads.
        threads: how many requests it serves at once.
        waiting: how many more may wait.
        seconds: for how long a request may wait for a thread.
        full: the error for a request that finds no room, or waited too long.
    """

    def __init__(
        self,
        name: str,
        *,
        threads: int,
        waiting: int,
        seconds: float = QUEUE_SECONDS,
        full: Callable[[], StoreUnavailable] = DatabaseBusy,
    ) -> None:
        self.full = full
        self.room = threads + waiting
        self.seconds = seconds
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._inside = 0
        self._lock = threading.Lock()

    async def run(
        self,
        work: Callable[Arguments, Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """Run ``work`` in one of the lane's threads.

        Raises:
            StoreUnavailable: the lane is full, or no thread was free in time.
        """
        with self._lock:
            if self._inside >= self.room:
                raise self.full()
            self._inside += 1
        task = partial(self._work, time.monotonic(), partial(work, *args, **kwargs))
        return await asyncio.get_running_loop().run_in_executor(self._executor, task)

    def _work(self, asked: float, work: Callable[[], Result]) -> Result:
        try:
            if time.monotonic() - asked > self.seconds:
                raise self.full()
            return work()
        finally:
            with self._lock:
                self._inside -= 1


READS = Lane("read", threads=16, waiting=500)
WRITES = Lane("write", threads=4, waiting=500)
HEALTH = Lane("health", threads=2, waiting=20)
