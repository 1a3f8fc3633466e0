"""The p of a held-out gain, whose folds share rankings.

Fits that leave out one target each have nearly all of their rankings in common, so the gains of the
targets are no independent draws, and no estimate of their variance is unbiased (Bengio and
Grandvalet 2004). Tests that take them as independent find too much, most of all far out in the
tail, where a correction for many people looks: of people who rank at random 1.1 % had a p of sign
flips within 0.625 % (0.05 / 8), and 0.31 % within 0.167 % (0.05 / 30).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from clpips.stats.cluster_robust import Clustered
from clpips.stats.correlation import Numbers
from clpips.stats.permutation import gain_p

DEPENDENCE = 1.15
"""How many times as large the standard error of a held-out gain is as if targets were independent.

Found by simulation: with 1.15 the p of one person and the smallest corrected p of 8 or 30 people
are within 5 % in ``alex`` and ``wide`` (``benchmarks/null_studies.py``); with 1.0 the smallest of 8
was so in 8 % of studies. Nadeau and Bengio's (2003) correction for leaving one of many out is √2.
"""

TEST = (
    "one-sided over targets, the larger p of sign flips and of t with "
    f"{DEPENDENCE:g} times its error"
)
"""What the p of a held-out gain is, in the words of reports."""


def held_out_gain_p(gains_by_target: Sequence[Numbers], *, seed: int) -> float:
    """That a mean held-out gain over stock is no more than chance, in (0, 1].

    The larger p of two one-sided tests over targets: sign flips
    (:func:`clpips.stats.permutation.gain_p`), which assume no distribution and have a smallest p,
    and Student's t with the cluster-robust error times :data:`DEPENDENCE`.

    Args:
        gains_by_target: for each target, the gain in Spearman of each of its rankings.
        seed: of the sign flips, used with more than twelve targets.

    >>> round(held_out_gain_p([[0.2], [0.3], [0.1], [0.2], [0.25]], seed=0), 4)  # 1 flip of 2⁵
    0.0312

    Raises:
        InputError: a gain that is not finite.
        UndefinedStatistic: no target has a gain.
    """
    flips = gain_p(gains_by_target, seed=seed).p
    targets = [np.asarray(gains, dtype=np.float64) for gains in gains_by_target if len(gains)]
    if len(targets) < 2:
        return flips
    units = Clustered.of_groups(targets)
    error, freedom = units.error()
    if not error > 1e-12:  # all targets gain alike
        return flips
    return max(flips, float(stats.t.sf(units.mean / (DEPENDENCE * error), freedom)))
