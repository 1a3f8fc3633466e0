"""Whether the intervals, the verdict and the forecast are right as often as they say.

Run ``python benchmarks/calibration.py [--part coverage|null|power|forecast] [--studies N]
[--jobs N]``. Everything is simulated, so the truth is known: boards of eight images are drawn
from difference vectors between scenes (real AlexNet features; made once, about half a minute,
and kept in ``--table``), and people rank them by planted weights with noise, or at random.

* ``coverage``: 95 % intervals of agreement and of a gain must hold the true value in 93–97 %.
* ``null``: with random rankings, "better than stock" must be said in at most 5 % of studies.
* ``power``: with strong planted weights and 15 rankings it must be said in at least 90 %.
* ``forecast``: made at 10 rankings, it must hold what is measured at 20 in at least 90 % of
  people, who are strong, weak, like stock, noisy, or answer at random.

Prints each share with its own 95 % interval (Wilson). The exit status is 1 when a share's whole
interval lies outside what is promised, or a total's share does.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from calibration_people import (
    IMAGES,
    Person,
    boards,
    fresh,
    make_table,
    planted,
    somebody,
    spearmans,
    table,
)
from scipy import stats

from clpips import CLPIPS
from clpips.evaluation import fit_and_hold_out
from clpips.forecast import forecast
from clpips.intervals import bootstrap_interval, gain_interval
from clpips.learning_curve import learning_curve
from clpips.observations import Observation
from clpips.selection import Plan
from clpips.watch import Watch
from clpips.weights import stock_weights

COVERED = (0.93, 0.97)
NULL = (0.0, 0.05)
POWER = (0.90, 1.0)
FORECAST = (0.90, 1.0)
STUDIES = {"coverage": 1000, "null": 1000, "power": 500, "forecast": 300}


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


# Coverage


def latent(rho: float, differing: float) -> Callable[[int, np.random.Generator], np.ndarray]:
    """Spearmans of boards whose latent correlation is ``rho``, differing between boards."""

    def draw(count: int, generator: np.random.Generator) -> np.ndarray:
        steady = np.full(count, np.arctanh(rho))
        r = np.tanh(steady + differing * generator.normal(size=count))[:, None]
        x, e = generator.normal(size=(2, count, IMAGES))
        return spearmans(x, r * x + np.sqrt(1 - r**2) * e)

    return draw


def of_stock(
    vectors: np.ndarray, person: Person
) -> Callable[[int, np.random.Generator], np.ndarray]:
    """Spearmans of stock LPIPS with a person on boards of targets drawn at random."""

    def draw(count: int, generator: np.random.Generator) -> np.ndarray:
        targets = generator.integers(0, len(vectors), count)
        return fresh(vectors, person, [stock_weights("alex")], targets, generator)[0]

    return draw


def coverage(studies: int, path: Path, jobs: int) -> list[Share]:
    """Shares of intervals that hold the true mean, by kind of value and number of rankings."""
    vectors = table(path)
    kinds = {
        f"latent ρ {rho}{', boards differ' if differing else ''}": latent(rho, differing)
        for differing in (0.0, 0.3)
        for rho in (0.0, 0.2, 0.5, 0.8, 0.95)
    }
    for layer in range(5):
        for noise in (0.1, 1.5):
            name = f"stock LPIPS, person of layer {layer + 1}, noise {noise}"
            kinds[name] = of_stock(vectors, Person("strong", planted(layer), noise))
    shares = []
    for name, draw in kinds.items():
        generator = np.random.default_rng(1)
        pool = draw(200_000, generator)
        for count in (5, 8, 12, 20, 50):
            held = widths = 0.0
            for values in pool[generator.integers(0, len(pool), (studies, count))]:
                low, high = bootstrap_interval([values]) or (np.nan, np.nan)
                held += low <= pool.mean() <= high
                widths += (high - low) / studies
            note = f"  mean {pool.mean():.2f}, width {widths:.2f}"
            shares.append(Share(f"{name}, n {count}", int(held), studies, COVERED, note=note))
    shares.append(_total("all agreement intervals", shares, COVERED))
    clustered = [*_clustered(studies, vectors), *_gains(studies, vectors)]
    return [*shares, *clustered, _total("all clustered intervals", clustered, COVERED)]


def _clustered(studies: int, vectors: np.ndarray) -> list[Share]:
    """Agreement where several rounds, or several people, share each target."""
    shares = []
    person = Person("strong", planted(0), 0.5)
    stock, generator = [stock_weights("alex")], np.random.default_rng(2)
    many = generator.integers(0, len(vectors), 200_000)
    true = fresh(vectors, person, stock, many, generator)[0].mean()
    for targets, rounds in ((5, 3), (8, 2), (12, 4), (20, 3)):
        held = 0
        for _ in range(studies):
            drawn = np.repeat(generator.integers(0, len(vectors), targets), rounds)
            values = fresh(vectors, person, stock, drawn, generator)[0]
            label = np.repeat(np.arange(targets), rounds).tolist()
            low, high = bootstrap_interval([values], clusters=[label]) or (np.nan, np.nan)
            held += bool(low <= true <= high)
        shares.append(
            Share(f"agreement, {rounds} rounds of {targets} targets", held, studies, COVERED)
        )
    return shares


def _gains(studies: int, vectors: np.ndarray) -> list[Share]:
    """Gains over stock of a metric that is half-way to the person, by target."""
    stock, shares = stock_weights("alex"), []
    generator = np.random.default_rng(3)
    for layer in range(5):
        person = Person("strong", planted(layer), 0.5)
        metrics = [stock, (stock + planted(layer)) / 2]
        many = generator.integers(0, len(vectors), 200_000)
        before, after = fresh(vectors, person, metrics, many, generator)
        true = (after - before).mean()
        for sizes in ([1] * 8, [1] * 15, [2] * 6, [1, 2, 3] * 4, [3] * 12):
            held = 0
            for _ in range(studies):
                drawn = np.repeat(generator.integers(0, len(vectors), len(sizes)), sizes)
                before, after = fresh(vectors, person, metrics, drawn, generator)
                by_target = np.split(after - before, np.cumsum(sizes)[:-1])
                _, interval = gain_interval(by_target)
                held += interval is not None and interval[0] <= true <= interval[1]
            name = f"gain {true:.2f}, {sum(sizes)} rankings of {len(sizes)} targets"
            shares.append(Share(f"{name} (layer {layer + 1})", held, studies, COVERED))
    return shares


def _total(name: str, shares: Sequence[Share], wanted: tuple[float, float]) -> Share:
    held, of = sum(one.held for one in shares), sum(one.of for one in shares)
    return Share(f"TOTAL {name}", held, of, wanted, total=True)


# The report of a real fit


@dataclass(frozen=True)
class Report:
    """What the report said of one simulated study, beside the truth."""

    kind: str
    better: bool
    gain: float
    gain_held: bool
    personal_held: bool


def one_report(number: int, *, path: Path, kind: str) -> Report:
    """Fit, hold out, and look at the fitted metric on 4,000 new boards."""
    generator = np.random.default_rng([number, len(kind)])
    person, rankings, rounds = Person(kind, None), int(generator.integers(10, 21)), 1 + number % 2
    if kind != "random":
        layer = number % 5
        person, rankings, rounds = Person(f"layer {layer + 1}", planted(layer)), 15, 1
    vectors, metric = table(path), CLPIPS("alex")
    found = fit_and_hold_out(metric, boards(vectors, person, rankings, generator, rounds=rounds))
    if found is None:
        raise RuntimeError("a study of several targets must have a report")
    drawn = generator.integers(0, len(vectors), 4000)
    metrics = [stock_weights("alex"), metric.weights]
    stock, personal = (one.mean() for one in fresh(vectors, person, metrics, drawn, generator))
    return Report(
        person.kind,
        found.verdict == "better",
        found.gain or 0.0,
        _holds(found.gain_ci, float(personal - stock)),
        _holds(found.personal.spearman_ci, float(personal)),
    )


def _holds(interval: tuple[float, float] | None, value: float) -> bool:
    return interval is not None and interval[0] <= value <= interval[1]


def null(studies: int, path: Path, jobs: int) -> list[Share]:
    """How often random rankings are said to be predicted better than by stock."""
    found = spread(partial(one_report, path=path, kind="random"), studies, jobs)
    return [
        Share(
            "random rankings: declared better",
            sum(one.better for one in found),
            studies,
            NULL,
            total=True,
        ),
        *_truths(found),
    ]


def power(studies: int, path: Path, jobs: int) -> list[Share]:
    """How often strong planted weights are found with 15 rankings."""
    found = spread(partial(one_report, path=path, kind="strong"), studies, jobs)
    shares = []
    for kind in sorted({one.kind for one in found}):
        own = [one for one in found if one.kind == kind]
        note = f"  mean gain {np.mean([one.gain for one in own]):+.3f}"
        better = sum(one.better for one in own)
        shares.append(Share(f"{kind}: declared better", better, len(own), POWER, note=note))
    return [*shares, _total("declared better", shares, POWER), *_truths(found)]


def _truths(found: Sequence[Report]) -> list[Share]:
    """Held-out intervals beside the fitted metric's own agreement on new boards."""
    return [
        Share(
            f"interval of the {name} holds it on new boards",
            sum(getattr(one, f"{field}_held") for one in found),
            len(found),
            (COVERED[0], 1.0),
        )
        for name, field in (("gain", "gain"), ("personal agreement", "personal"))
    ]


# The forecast


@dataclass(frozen=True)
class Told:
    """A forecast made at 10 rankings, and what was measured at 20."""

    kind: str
    held: bool
    width: float
    error: float


def one_forecast(number: int, *, path: Path) -> Told:
    """One person; every fourth ranks two rounds of each target."""
    generator = np.random.default_rng([number, 10])
    person, rounds = somebody(generator), 2 if number % 4 == 0 else 1
    ranked = boards(table(path), person, 20, generator, rounds=rounds)
    told = forecast(learning_curve(planned(ranked[:10])), 20)
    measured = fit_and_hold_out(CLPIPS("alex"), ranked)
    if measured is None or measured.personal.spearman is None:
        raise RuntimeError("a study of several targets must have a report")
    low, high = told.interval
    return Told(
        person.kind,
        low <= measured.personal.spearman <= high,
        high - low,
        measured.personal.spearman - told.spearman,
    )


def planned(observations: Sequence[Observation]) -> Plan:
    """A fit with its settings chosen."""
    metric = CLPIPS("alex")
    return metric.plan(metric.prepared(observations), None, Watch())


def forecasts(studies: int, path: Path, jobs: int) -> list[Share]:
    """How often the agreement at 20 rankings lies in the interval forecast at 10."""
    found = spread(partial(one_forecast, path=path), studies, jobs)
    shares = []
    for kind in sorted({one.kind for one in found}):
        own = [one for one in found if one.kind == kind]
        shares.append(
            Share(
                f"{kind}: within the forecast",
                sum(one.held for one in own),
                len(own),
                FORECAST,
                note=(
                    f"  mean width {np.mean([one.width for one in own]):.2f}, mean error "
                    f"{np.mean([one.error for one in own]):+.3f}"
                ),
            )
        )
    return [*shares, _total("within the forecast", shares, FORECAST)]


def spread(job: Callable[[int], Any], count: int, jobs: int) -> list[Any]:
    """``job(0)``, ``job(1)``, … on some processes of one thread each."""
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(job, range(count), chunksize=max(1, count // (jobs * 8))))


PARTS = {"coverage": coverage, "null": null, "power": power, "forecast": forecasts}


def tell(shares: Iterable[Share]) -> bool:
    """Print the shares; whether every promise is kept."""
    kept = True
    for share in shares:
        sys.stdout.write(f"{share}\n")
        kept &= share.kept
    sys.stdout.flush()
    return kept


def main() -> None:
    """Run the parts asked for; exit with 1 where a promise is broken."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--part", choices=PARTS, help="by default all of them")
    parser.add_argument("--studies", type=int, help=f"by default {STUDIES}")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--table", type=Path, default=Path(tempfile.gettempdir()) / "clpips-calibration.npy"
    )
    chosen = parser.parse_args()
    if not chosen.table.exists():
        make_table(chosen.table)
    kept = True
    for name in [chosen.part] if chosen.part else PARTS:
        sys.stdout.write(f"\n{name}\n")
        kept &= tell(PARTS[name](chosen.studies or STUDIES[name], chosen.table, chosen.jobs))
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
