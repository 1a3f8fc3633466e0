"""Timing several jobs in turn, so that what slows the machine down slows each of them."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence

Clock = Callable[[], float]


def add_options(parser: argparse.ArgumentParser, *, repeats: int) -> None:
    """The options that every timed benchmark here has."""
    parser.add_argument("--repeats", type=int, default=repeats, help="rounds, after one warm-up")
    parser.add_argument("--threads", type=int, help="by default PyTorch's own choice")
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="count processor time, not wall time; with --threads 1 it is the same on an idle "
        "machine, and steadier on one that others use",
    )
    parser.add_argument("--check", action="store_true", help="exit with 1 below the claim")


def seconds(
    jobs: Sequence[Callable[[], object]], *, repeats: int, cpu_time: bool
) -> list[list[float]]:
    """Seconds of each job in each round: job 1, job 2, …, job 1, job 2, …; a warm-up first."""
    clock: Clock = time.process_time if cpu_time else time.perf_counter
    for job in jobs:
        job()
    times: list[list[float]] = [[] for _ in jobs]
    for _ in range(repeats):
        for job, its_times in zip(jobs, times, strict=True):
            started = clock()
            job()
            its_times.append(clock() - started)
    return times


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> tuple[float, str]:
    """The median of the ratios round by round, and the text ``2.50 (2.41 to 2.66)``."""
    ratios = [a / b for a, b in zip(numerators, denominators, strict=True)]
    median = statistics.median(ratios)
    return median, f"{median:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
