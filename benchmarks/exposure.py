"""What it is worth to a held-out figure that training has seen something of the test images.

Run ``python benchmarks/exposure.py FOLDER [--space alex wide]``, where the folder has ``train.csv``
and ``test.csv`` (rankings files) of the same people on images that are all in one collection, so
that one person's test images are in other people's training rankings, and a target is a candidate
elsewhere. Printed for each space, as mean Spearman over people with the mean of the paired
differences and its standard error:

* leave-one-target-out, with and without the left-out target as a candidate in other rankings;
* ``test.csv``, with pooled weights from everything in ``train.csv`` and from what has none of the
  person's own test images.

The first figure of each pair is what this project reports (leave-one-target-out) or what two
commands give (``clpips fit train.csv``, ``clpips evaluate test.csv``).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from clpips import CLPIPS, evaluate, read_rankings
from clpips.evaluation.held_out import fit_and_hold_out
from clpips.features.cache import default_cache
from clpips.features.names import Backbone
from clpips.metric.observations import Observation, by_participant
from clpips.metric.pooled import PooledPrior


def under_other_names(observations: Sequence[Observation]) -> list[Observation]:
    """The same, candidates not known to be the images that are targets elsewhere."""
    return [
        Observation(
            replace(one.ranking, images=tuple(f"candidate {each}" for each in one.ranking.images)),
            one.table,
            one.rows,
        )
        for one in observations
    ]


def without(observations: Sequence[Observation], images: frozenset[str]) -> list[Observation]:
    """The same rankings without some images, as targets or as candidates."""
    found = []
    for one in observations:
        kept = [n for n, image in enumerate(one.ranking.images) if image not in images]
        if one.ranking.target in images or len(kept) < 2:
            continue
        ranking = replace(
            one.ranking,
            images=tuple(one.ranking.images[n] for n in kept),
            ranks=tuple(map(int, rankdata([one.ranking.ranks[n] for n in kept], "dense"))),
        )
        found.append(Observation(ranking, one.table, one.rows[kept]))
    return found


def left_out(space: Backbone, train: Sequence[Observation]) -> list[float]:
    """Each person's leave-one-target-out Spearman."""
    prior, found = PooledPrior(train, space), []
    for own in by_participant(train).values():
        report = fit_and_hold_out(CLPIPS(space), own, prior=prior)
        if report is None or report.personal.spearman is None:
            raise SystemExit("everybody must have rankings of several targets")
        found.append(report.personal.spearman)
    return found


def on_test(
    space: Backbone, train: Sequence[Observation], test: Sequence[Observation], *, is_strict: bool
) -> list[float]:
    """Each person's Spearman on their test rankings."""
    people, found = by_participant(test), []
    prior = PooledPrior(train, space)
    for name, own in by_participant(train).items():
        if is_strict:
            targets = (one.ranking.target for one in people[name])
            images = (image for one in people[name] for image in one.ranking.images)
            prior = PooledPrior(without(train, frozenset([*targets, *images])), space)
        metric = CLPIPS(space).fit(own, prior=prior)
        agreement = evaluate(metric, people[name]).overall.spearman
        if agreement is None:
            raise SystemExit("everybody must have test rankings that have a Spearman")
        found.append(agreement)
    return found


def tell(name: str, reported: Sequence[float], other: str, others: Sequence[float]) -> None:
    """One pair of figures."""
    apart = np.subtract(others, reported)
    error = apart.std(ddof=1) / np.sqrt(len(apart))
    sys.stdout.write(
        f"{name:<42}{np.mean(reported):.3f}   {other:<48}{np.mean(others):.3f}   "
        f"difference {apart.mean():+.3f} (standard error {error:.3f})\n"
    )
    sys.stdout.flush()


def main() -> None:
    """Print both pairs for each space."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--space", choices=("alex", "wide"), nargs="+", default=["alex", "wide"])
    chosen = parser.parse_args()
    parts = [read_rankings(chosen.folder / f"{name}.csv") for name in ("train", "test")]
    for space in chosen.space:
        train, test = (CLPIPS(space).observe(some, cache=default_cache()) for some in parts)
        tell(
            f"{space}, each target left out",
            left_out(space, train),
            "the target stays as a candidate elsewhere",
            left_out(space, under_other_names(train)),
        )
        tell(
            f"{space}, test.csv, after clpips fit",
            on_test(space, train, test, is_strict=False),
            "nobody's training has the person's test images",
            on_test(space, train, test, is_strict=True),
        )


if __name__ == "__main__":
    main()
