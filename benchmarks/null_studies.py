"""How often a study in which nobody's metric can gain anything tells somebody of a gain.

Run ``python benchmarks/null_studies.py [--space alex|wide] [--people 1 8 30] [--studies N]
[--first N] [--jobs N]``. In each simulated study everybody ranks the same 10 to 20 targets, eight
images each (real features of drawn scenes), at random, so that every "better than stock" is false.
Personal fits start from the pooled weights, as in a study.

Printed for each number of people: how many studies tell anybody of a gain, with each verdict alone
and with verdicts decided together (:mod:`clpips.evaluation.decision`), which must be at most 5 %.
``--planted`` gives everybody a taste of their own instead, and prints the share of people whose
gain is found: what deciding together costs. The exit status is 1 where the rate of false gains is
above 5 % by more than its own error.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from calibration_people import Person, boards, make_table, planted, table
from calibration_shares import Run, Share, spread, tell

from clpips import CLPIPS
from clpips.evaluation.decision import decide_together
from clpips.evaluation.held_out import fit_and_hold_out
from clpips.features.names import Backbone
from clpips.metric.observations import Observation
from clpips.metric.pooled import PooledPrior

PEOPLE = (1, 8, 30)
FALSE = (0.0, 0.05)
ANY = (0.0, 1.0)


@dataclass(frozen=True)
class Decided:
    """How many people of one study are told of a gain: each alone, and decided together."""

    alone: int
    together: int


def one_study(number: int, *, path: Path, space: Backbone, people: int, taste: bool) -> Decided:
    """Everybody's rankings at random (or by a planted taste), fitted as a study fits them."""
    generator = np.random.default_rng([number, people])
    vectors = table(path)
    vectors = vectors[generator.permutation(len(vectors))[: int(generator.integers(10, 21))]]
    own = {}
    for number_ in range(people):
        person = Person("strong", planted(number_ % 5)) if taste else Person("random", None)
        ranked = boards(vectors, person, len(vectors), generator)
        own[number_] = [_by(f"person {number_}", one) for one in ranked]
    prior = None
    if people > 1:
        prior = PooledPrior([one for some in own.values() for one in some], space)
    reports = {}
    for whose, ranked in own.items():
        found = fit_and_hold_out(CLPIPS(space), ranked, prior=prior)
        if found is None:
            raise RuntimeError("a study of several targets must have a report")
        reports[whose] = found.to_dict()
    together = decide_together(reports)
    return Decided(*(_better(some) for some in (reports, together)))


def _by(participant: str, one: Observation) -> Observation:
    ranking = replace(one.ranking, participant=participant)
    return Observation(ranking, one.table, one.rows)


def _better(reports: dict[int, dict[str, object]]) -> int:
    return sum(one["verdict"] == "better" for one in reports.values())


def false_gains(run: Run, space: Backbone, people: int) -> list[Share]:
    """The share of studies of random rankings in which anybody is told of a gain."""
    found = spread(partial(one_study, path=run.table, space=space, people=people, taste=False), run)
    name = f"{space}, {people:>2} at random: somebody told of a gain"
    alone, together = (sum(getattr(one, how) > 0 for one in found) for how in ("alone", "together"))
    return [
        Share(f"{name}, each alone", alone, run.studies, ANY),
        Share(f"{name}, together", together, run.studies, FALSE),
    ]


def found_gains(run: Run, space: Backbone, people: int) -> list[Share]:
    """The share of people with a strong taste whose gain is found."""
    found = spread(partial(one_study, path=run.table, space=space, people=people, taste=True), run)
    name, of = f"{space}, {people:>2} with a taste: gains found", run.studies * people
    return [
        Share(f"{name}, each alone", sum(one.alone for one in found), of, ANY),
        Share(f"{name}, together", sum(one.together for one in found), of, ANY),
    ]


def main() -> None:
    """Print the shares; exit with 1 where too many studies tell of a false gain."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--space", choices=("alex", "wide"), default="alex")
    parser.add_argument("--people", type=int, nargs="+", default=PEOPLE)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first simulated study")
    parser.add_argument("--planted", action="store_true", help="people with a taste (alex only)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args()
    if chosen.planted and chosen.space != "alex":
        parser.error("--planted goes with --space alex")
    path = Path(tempfile.gettempdir()) / f"clpips-null-studies-{chosen.space}.npy"
    if not path.exists():
        make_table(path, space=chosen.space)
    run, kept = Run(chosen.studies, path, chosen.jobs, chosen.first), True
    part = found_gains if chosen.planted else false_gains
    for people in chosen.people:
        kept &= tell(part(run, chosen.space, people))
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
