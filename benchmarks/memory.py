"""Memory as rankings grow: reading them, their difference vectors, the fit.

Run ``python benchmarks/memory.py [--rankings 1000 10000] [--stages read observe fit]``.

Each size and stage runs in a process of its own; printed is the growth of its peak memory (what
the operating system counts as resident) over the same process with its libraries loaded. A
ranking has 8 images, out of 2,000 pairs of target and image that many rankings share. The images
are empty files and their vectors random numbers at hand: no network is run. Vectors alone take
8 × 1152 × 8 bytes = 74 KB a ranking when each ranking has its own. The claim (``--check``) is
that memory grows no faster than rankings do: the largest size needs at most 1.25 times as much a
ranking as the smallest.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import resource
import sys
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from clpips.fitting import FitSettings, RankingFit
from clpips.metric import CLPIPS
from clpips.rankings import read_rankings
from clpips.watch import Watch

STAGES = ("read", "observe", "fit")
TARGETS, IMAGES, SHOWN, CHANNELS = 50, 40, 8, 1152
CLAIM = 1.25


def write_study(folder: Path, count: int) -> Path:
    """A rankings file of ``count`` rankings, and the empty files that it names."""
    folder.mkdir()
    names = [[f"{t}-{i}.png" for i in range(IMAGES)] for t in range(TARGETS)]
    for name in [f"{t}.png" for t in range(TARGETS)] + [n for row in names for n in row]:
        (folder / name).touch()
    rng = np.random.default_rng(0)
    path = folder / "rankings.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["participant", "target", "image", "rank", "round"])
        for number in range(count):
            target = number % TARGETS
            shown = rng.choice(IMAGES, SHOWN, replace=False)
            for rank, image in enumerate(shown, start=1):
                writer.writerow(
                    [f"p{number % 20}", f"{target}.png", names[target][image], rank, number]
                )
    return path


def peak() -> int:
    """Peak resident memory of this process, in bytes."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else size * 1024


def measure(path: str, stage: str, answer: Connection) -> None:
    """Send the growth of peak memory up to and including a stage, in bytes."""
    metric = CLPIPS("alex")
    loaded = len(metric.weights) and peak()
    rankings = read_rankings(path)
    if stage != "read":
        rng = np.random.default_rng(1)
        pairs = dict.fromkeys((r.target, i) for r in rankings for i in r.images)
        known = dict(zip(pairs, rng.random((len(pairs), CHANNELS)), strict=True))
        observations = metric.observe(rankings, known=known)
        if stage == "fit":
            RankingFit(observations, "alex", FitSettings()).all_of_it(Watch())
    answer.send(peak() - loaded)


def growth(path: Path, stage: str) -> int:
    """As :func:`measure`, in a new process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=measure, args=(str(path), stage, theirs))
    process.start()
    theirs.close()  # so that a process that dies is an EOFError here, not a wait without end
    try:
        found: int = ours.recv()
    except EOFError:
        process.join()
        sys.exit(f"{stage}: the process ended without an answer (exit code {process.exitcode})")
    process.join()
    return found


def main() -> None:
    """Print a line per stage."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rankings", nargs="+", type=int, default=[1000, 10_000, 100_000])
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--check", action="store_true", help="exit with 1 below the claim")
    options = parser.parse_args()
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        files = {n: write_study(Path(folder) / str(n), n) for n in sorted(options.rankings)}
        for stage in options.stages:
            found = {count: growth(path, stage) for count, path in files.items()}
            each = [size / count for count, size in found.items()]
            missed |= each[-1] > CLAIM * each[0]
            print(
                f"up to {stage}: {each[-1] / each[0]:.2f} × as much a ranking at the most "
                "rankings as at the fewest; "
                + ", ".join(
                    f"{count:,}: {size / 2**20:,.0f} MiB ({size / count / 1000:.1f} KB each)"
                    for count, size in found.items()
                ),
                flush=True,
            )
    if options.check and missed:
        sys.exit(f"below the claim: at most {CLAIM} × as much memory a ranking")


if __name__ == "__main__":
    main()
