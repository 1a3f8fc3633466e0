"""Whether the intervals, the verdict and the forecast are right as often as they say.

Run ``python benchmarks/calibration.py [--part coverage|null|power|people|forecast] [--studies N]
[--first N] [--jobs N]``. Everything is simulated, so the truth is known: boards of eight images
are drawn from difference vectors between scenes (real AlexNet features; made once, about half a
minute, and kept), and people rank them by planted weights with noise, or at random. Another
``--first`` gives other pictures and other people: what was tuned on some must hold on others.

* ``coverage``: 95 % intervals of agreement and of a gain must hold the true value in 93–97 %.
* ``null``: with random rankings, "better than stock" must be said in at most 5 % of studies.
* ``power``: with strong planted weights and 15 rankings it must be said in at least 90 %.
* ``people``: over people of all sorts with 6 to 30 rankings, the held-out intervals of both must
  hold what the fitted metric does on new boards in 93–97 %.
* ``forecast``: made at 10 rankings, it must hold what is measured at 20 in at least 90 % of
  people, who are strong, weak, like stock, noisy, or answer at random.

Prints each share with its own 95 % interval (Wilson). The exit status is 1 when a total lies
outside what is promised, or a part's whole interval does.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from calibration_coverage import coverage
from calibration_people import Person, boards, fresh, make_table, planted, somebody, table
from calibration_shares import COVERED, Run, Share, spread, tell, total_of

from clpips import CLPIPS
from clpips.evaluation.forecast import forecast
from clpips.evaluation.held_out import fit_and_hold_out
from clpips.evaluation.learning_curve import learning_curve
from clpips.features.weights import stock_weights
from clpips.metric.fit import FittedWeights, fit_weights
from clpips.metric.observations import Observation
from clpips.metric.settings import FitSettings

NULL = (0.0, 0.05)
POWER = (0.90, 1.0)
FORECAST = (0.90, 1.0)
STUDIES = {"coverage": 1000, "null": 1000, "power": 500, "people": 500, "forecast": 300}


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
    if kind == "random":
        person, rankings, rounds = (
            Person(kind, None),
            int(generator.integers(10, 21)),
            1 + number % 2,
        )
    elif kind == "strong":
        layer = number % 5
        person, rankings, rounds = Person(f"layer {layer + 1}", planted(layer)), 15, 1
    else:
        person, rankings = somebody(generator), int(generator.integers(6, 31))
        rounds = 2 if number % 4 == 0 else 1
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


def null(run: Run) -> list[Share]:
    """How often random rankings are said to be predicted better than by stock."""
    found = spread(partial(one_report, path=run.table, kind="random"), run)
    return [
        Share(
            "random rankings: declared better",
            sum(one.better for one in found),
            run.studies,
            NULL,
            total=True,
        ),
        *_truths(found),
    ]


def power(run: Run) -> list[Share]:
    """How often strong planted weights are found with 15 rankings."""
    found = spread(partial(one_report, path=run.table, kind="strong"), run)
    shares = []
    for kind in sorted({one.kind for one in found}):
        own = [one for one in found if one.kind == kind]
        note = f"  mean gain {np.mean([one.gain for one in own]):+.3f}"
        better = sum(one.better for one in own)
        shares.append(Share(f"{kind}: declared better", better, len(own), POWER, note=note))
    return [*shares, total_of("declared better", shares, POWER), *_truths(found)]


def people(run: Run) -> list[Share]:
    """Whether held-out intervals hold, over people of all sorts."""
    found = spread(partial(one_report, path=run.table, kind="somebody"), run)
    shares = []
    for kind in sorted({one.kind for one in found}):
        shares += _truths([one for one in found if one.kind == kind], kind)
    return [*shares, *_truths(found)]


def _truths(found: Sequence[Report], kind: str = "all") -> list[Share]:
    """Held-out intervals beside the fitted metric's own agreement on new boards."""
    return [
        Share(
            f"{kind}: interval of the {name} holds on new boards",
            sum(getattr(one, f"{field}_held") for one in found),
            len(found),
            COVERED,
        )
        for name, field in (("gain", "gain"), ("personal agreement", "personal"))
    ]


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
    told = forecast(learning_curve(fitted(ranked[:10])), 20)
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


def fitted(observations: Sequence[Observation]) -> FittedWeights:
    """A fit with its settings selected."""
    return fit_weights(observations, "alex", FitSettings())


def forecasts(run: Run) -> list[Share]:
    """How often the agreement at 20 rankings lies in the interval forecast at 10."""
    found = spread(partial(one_forecast, path=run.table), run)
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
    return [*shares, total_of("within the forecast", shares, FORECAST)]


PARTS = {
    "coverage": coverage,
    "null": null,
    "power": power,
    "people": people,
    "forecast": forecasts,
}


def main() -> None:
    """Run the parts asked for; exit with 1 where a promise is broken."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--part", choices=PARTS, help="by default all of them")
    parser.add_argument("--studies", type=int, help=f"by default {STUDIES}")
    parser.add_argument("--first", type=int, default=0, help="number of the first simulated study")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--table", type=Path, help="by default in the folder for temporary files")
    chosen = parser.parse_args()
    folder = Path(tempfile.gettempdir())
    path = chosen.table or folder / f"clpips-calibration-{chosen.first}.npy"
    if not path.exists():
        make_table(path, chosen.first)
    kept = True
    for name in [chosen.part] if chosen.part else PARTS:
        sys.stdout.write(f"\n{name}\n")
        run = Run(chosen.studies or STUDIES[name], path, chosen.jobs, chosen.first)
        kept &= tell(PARTS[name](run))
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
