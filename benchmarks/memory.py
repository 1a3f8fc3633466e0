"""Memory as rankings grow: reading them, their difference vectors, the fit.

Run ``python benchmarks/memory.py [--rankings 1000 10000] [--stages read observe fit] [--own]``.

Each size and stage runs in a process of its own; printed is the growth of its peak memory (what
the operating system counts as resident) over the same process with its libraries loaded, and its
processor time. A ranking has 8 images, out of 2,000 pairs of target and image that many rankings
share; with ``--own``, each ranking has 8 pairs that no other has, which is the worst there is.
The images are empty files and their vectors random numbers at hand, in single precision as a
network gives them: no network is run, and what holds those numbers is not counted. A vector
has 1152 channels unless ``--channels`` says otherwise; then the output says so too. The fit takes
all comparisons, in one problem, and is stopped after thirty steps: later ones take the same
memory again. The claim (``--check``) is that memory grows no faster than
rankings do: the largest size needs at most 1.25 times as much a ranking as the smallest.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import multiprocessing
import resource
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from clpips.errors import Cancelled
from clpips.features.base import Block, Encoder, Space
from clpips.features.batching import Pair
from clpips.features.lpips import Vectors
from clpips.io.rankings import read_rankings
from clpips.metric.clpips import CLPIPS
from clpips.metric.fit import fit_weights
from clpips.metric.observations import observe
from clpips.metric.settings import FitSettings
from clpips.progress import Watch

STAGES = ("read", "observe", "fit")
TARGETS, IMAGES, SHOWN, CHANNELS = 50, 40, 8, 1152
CLAIM = 1.25
CHECKS = 3
"""Looks at the watch, one every ten steps, after which a fit is stopped."""


def write_study(folder: Path, count: int, *, own: bool) -> Path:
    """A rankings file of ``count`` rankings, and the empty files that it names."""
    folder.mkdir()
    names = [[f"{t}-{i}.png" for i in range(IMAGES)] for t in range(TARGETS)]
    for name in [f"{t}.png" for t in range(TARGETS)] + [n for row in names for n in row]:
        (folder / name).touch()
    if own:
        for number in range(count * SHOWN):
            (folder / f"own-{number}.png").touch()
    rng = np.random.default_rng(0)
    path = folder / "rankings.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["participant", "target", "image", "rank", "round"])
        for number in range(count):
            target = number % TARGETS
            shown = rng.choice(IMAGES, SHOWN, replace=False)
            for rank, image in enumerate(shown, start=1):
                name = f"own-{number * SHOWN + rank - 1}.png" if own else names[target][image]
                writer.writerow([f"p{number % 20}", f"{target}.png", name, rank, number])
    return path


def peak() -> int:
    """Peak resident memory of this process, in bytes."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else size * 1024


class AtHand(Mapping[Pair, Vectors]):
    """Random vectors, made when they are asked for, so that they take no memory of their own."""

    def __init__(self, channels: int) -> None:
        self.rows = np.random.default_rng(1).random((2000, channels), np.float32)

    def __getitem__(self, pair: Pair) -> Vectors:
        return np.asarray(self.rows[zlib.crc32(pair[1].encode()) % 2000], np.float64)

    def __contains__(self, pair: object) -> bool:
        return True

    def __iter__(self) -> Iterator[Pair]:
        return iter(())

    def __len__(self) -> int:
        return 1


def measure(path: str, stage: str, channels: int, answer: Connection) -> None:
    """Send the growth of peak memory up to and including a stage, in bytes, and its seconds."""
    stock = CLPIPS("alex").weights[:channels]
    space = Space("random", (Block("random", channels, ""),), stock)
    known = AtHand(channels)
    loaded, started = peak(), time.process_time()
    rankings = read_rankings(path)
    if stage != "read":
        observations = observe(rankings, no_network, known=known)
        if stage == "fit":
            calls: list[float] = []
            watch = Watch(lambda share, words: calls.append(share), lambda: len(calls) >= CHECKS)
            with contextlib.suppress(Cancelled):
                fit_weights(observations, space, FitSettings().filled(), watch=watch)
    answer.send((peak() - loaded, time.process_time() - started))


def no_network() -> Encoder:
    """Every vector is at hand."""
    raise AssertionError("the network was asked for")


def growth(path: Path, stage: str, channels: int) -> tuple[int, float]:
    """As :func:`measure`, in a new process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=measure, args=(str(path), stage, channels, theirs))
    process.start()
    theirs.close()  # so that a process that dies is an EOFError here, not a wait without end
    try:
        found: tuple[int, float] = ours.recv()
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
    parser.add_argument("--own", action="store_true", help="no two rankings share a pair")
    parser.add_argument("--channels", type=int, default=CHANNELS)
    parser.add_argument("--check", action="store_true", help="exit with 1 below the claim")
    options = parser.parse_args()
    if options.channels != CHANNELS:
        print(f"reduced: {options.channels} channels a vector instead of {CHANNELS}")
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        files = {
            n: write_study(Path(folder) / str(n), n, own=options.own)
            for n in sorted(options.rankings)
        }
        for stage in options.stages:
            found = {n: growth(path, stage, options.channels) for n, path in files.items()}
            each = [size / count for count, (size, _) in found.items()]
            missed |= each[-1] > CLAIM * each[0]
            print(
                f"up to {stage}: {each[-1] / each[0]:.2f} × as much a ranking at the most "
                "rankings as at the fewest; "
                + ", ".join(
                    f"{n:,}: {size / 2**20:,.0f} MiB ({size / n / 1000:.1f} KB each, {spent:.0f} s)"
                    for n, (size, spent) in found.items()
                ),
                flush=True,
            )
    if options.check and missed:
        sys.exit(f"below the claim: at most {CLAIM} × as much memory a ranking")


if __name__ == "__main__":
    main()
