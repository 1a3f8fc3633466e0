"""How often something held in simulated studies, beside how often it should."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy import stats

COVERED = (0.93, 0.97)


@dataclass(frozen=True)
class Run:
    """What is asked of a part of the benchmark.

    Args:
        studies: how many to simulate.
        table: the file of difference vectors.
        jobs: processes.
        first: number of the first study; every number is another random study.
    """

    studies: int
    table: Path
    jobs: int = 1
    first: int = 0


@dataclass(frozen=True)
class Share:
    """How often something held, beside how often it should."""

    name: str
    held: int
    of: int
    wanted: tuple[float, float]
    total: bool = False
    note: str = ""

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the share."""
        found = stats.binomtest(self.held, self.of).proportion_ci(method="wilson")
        return found.low, found.high

    @property
    def kept(self) -> bool:
        """Whether the promise is kept: a total by its share, a part within its own error."""
        low, high = (self.held / self.of,) * 2 if self.total else self.interval
        return high >= self.wanted[0] and low <= self.wanted[1]

    def __str__(self) -> str:
        low, high = self.interval
        mark = "" if self.kept else "   OUTSIDE"
        return (
            f"{self.name:<58}{self.held / self.of:7.1%}  ({low:.1%}–{high:.1%} of {self.of}; "
            f"wanted {self.wanted[0]:.0%}–{self.wanted[1]:.0%}){self.note}{mark}"
        )


def total_of(name: str, shares: Sequence[Share], wanted: tuple[float, float]) -> Share:
    """All shares in one, which must lie within what is wanted."""
    held, of = sum(one.held for one in shares), sum(one.of for one in shares)
    return Share(f"TOTAL {name}", held, of, wanted, total=True)


def tell(shares: Iterable[Share]) -> bool:
    """Print the shares; whether every promise is kept."""
    kept = True
    for share in shares:
        sys.stdout.write(f"{share}\n")
        kept &= share.kept
    sys.stdout.flush()
    return kept


def spread(job: Callable[[int], Any], run: Run) -> list[Any]:
    """``job(first)``, ``job(first + 1)``, … on some processes of one thread each."""
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    numbers = range(run.first, run.first + run.studies)
    with ProcessPoolExecutor(run.jobs, multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(job, numbers, chunksize=max(1, run.studies // (run.jobs * 8))))
