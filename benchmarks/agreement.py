"""How long the agreement of one person takes with its intervals, beside one resample at a time.

Run ``python benchmarks/agreement.py [--rankings 100] [--images 8] [--repeats 5] [--check]``.

Ours: :func:`clpips.stats.agreement.over_rankings`, whose bootstrap weighs all rankings of all
resamples at once. The straightforward way draws rankings, puts their rows together and computes
SciPy's and NumPy's statistics of them, once for each resample. It is measured with 1 in 20 of the
resamples, and the rest is multiplied out.
"""

from __future__ import annotations

import argparse
import sys

import interleaved
import numpy as np
from scipy import stats

from clpips.stats.agreement import RESAMPLES, over_rankings
from clpips.stats.icc import intraclass

PART = 20
CLAIM = 10.0  # times as fast

Pair = tuple[np.ndarray, np.ndarray]


def ratings_of(rankings: int, images: int, *, seed: int = 6) -> list[Pair]:
    """Human ranks and the distances of a metric that agrees with them in part."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(rankings):
        human = rng.permutation(images) + 1
        made.append((human, human + rng.normal(0, 2, images)))
    return made


def one_at_a_time(ratings: list[Pair], resamples: int) -> np.ndarray:
    """(resamples, 4) mean Spearman, Kendall and pairwise accuracy, and the ICC."""
    rng = np.random.default_rng(0)
    ranked = [tuple(stats.rankdata(side) for side in pair) for pair in ratings]
    each = np.array([(stats.spearmanr(*p)[0], stats.kendalltau(*p)[0]) for p in ratings])
    found = []
    for _ in range(resamples):
        drawn = rng.integers(0, len(ratings), len(ratings))
        spearman, kendall = each[drawn].mean(axis=0)
        table = np.concatenate([np.stack(ranked[index], axis=1) for index in drawn])
        found.append((spearman, kendall, (kendall + 1) / 2, intraclass(table, form="ICC(A,1)")))
    return np.array(found)


def main() -> None:
    """Measure, print, and with ``--check`` hold the claim."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rankings", type=int, default=100)
    parser.add_argument("--images", type=int, default=8)
    interleaved.add_options(parser, repeats=5)
    options = parser.parse_args()
    ratings = ratings_of(options.rankings, options.images)
    ours, theirs = interleaved.seconds(
        [lambda: over_rankings(ratings), lambda: one_at_a_time(ratings, RESAMPLES // PART)],
        repeats=options.repeats,
        cpu_time=options.cpu_time,
    )
    theirs = [PART * seconds for seconds in theirs]
    times, words = interleaved.ratio(theirs, ours)
    print(
        f"{options.rankings} rankings of {options.images} images, {RESAMPLES} resamples: "
        f"{1000 * min(ours):.0f} ms; one at a time {1000 * min(theirs):.0f} ms; "
        f"{words} times as long"
    )
    if options.check and times < CLAIM:
        sys.exit(f"it must be {CLAIM:g} times as fast as one at a time, got {times:.1f}")


if __name__ == "__main__":
    main()
