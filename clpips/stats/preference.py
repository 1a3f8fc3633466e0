"""Which of two metrics people prefer, in blind pairs.

Answers of one person belong together, so the interval is Korn and Graubard's for a proportion
from clustered data (Survey Methodology 24, 1998, 193-201): Clopper and Pearson's with the
*effective* number of answers, of which there are fewer the more alike the answers of one person
are, corrected for how few persons the variance is estimated from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from scipy import stats

from clpips.errors import InputError
from clpips.stats.cluster_robust import Clustered, Clusters
from clpips.stats.intervals import LEVEL, Interval, check_level

Winner: TypeAlias = Literal["personal", "stock", "tie"]
Unit: TypeAlias = Literal["participant", "target", "pair"]
Verdict: TypeAlias = Literal["personal", "stock", "no difference", "too few"]

POINTS: dict[Winner, float] = {"personal": 1.0, "stock": 0.0, "tie": 0.5}
LEAST_PAIRS = 5
"""With fewer answers no conclusion is drawn."""
VERDICTS: dict[Verdict, str] = {
    "personal": "Personal re-ranking beats stock",
    "stock": "Stock re-ranking beats personal",
    "no difference": "No difference shown",
    "too few": "Too few",
}
EVEN = 0.5
NOTHING = 1e-12
"""A variance below this is a rounding error of 0."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its interval.

    Args:
        share: the mean of the values, in [0, 1].
        interval: where the true share lies.
        n: how many values there are.
        n_clusters: how many clusters they come from.
        n_effective: the number of independent values with the same variance.
    """

    share: float
    interval: Interval
    n: int
    n_clusters: int
    n_effective: float


@dataclass(frozen=True, slots=True)
class Preference:
    """The result of blind pairs of a personal metric and the stock metric.

    Args:
        share: of the answered pairs that the personal metric won, ties counted one half; ``None``
            without an answer.
        interval: the 95 % interval of the share.
        n_answered: how many pairs count.
        n_ties: how many of them are ties.
        n_unanswered: how many pairs have no answer and are left out.
        unit: what varies independently: participants; targets where all answers are one person's;
            pairs where they are also of one target.
        n_units: how many of them answered pairs belong to.
        verdict: a key of :data:`VERDICTS`.
    """

    share: float | None
    interval: Interval | None
    n_answered: int
    n_ties: int
    n_unanswered: int
    unit: Unit
    n_units: int
    verdict: Verdict

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        return VERDICTS[self.verdict]


def preference(
    winners: Sequence[Winner | None],
    participants: Sequence[str],
    targets: Sequence[str],
    *,
    level: float = LEVEL,
) -> Preference:
    """How often the personal metric wins, and whether that is more than by chance.

    >>> found = preference(["personal"] * 8 + ["tie"], list("aabbccdde"), ["t"] * 9)
    >>> round(found.share, 2), found.unit, found.sentence
    (0.94, 'participant', 'Personal re-ranking beats stock')

    Args:
        winners: whose image the person ranked nearer in each pair; ``None`` without an answer.
        participants: who judged each pair.
        targets: which target each pair is of.
        level: of the interval, in (0, 1).

    Raises:
        InputError: an unknown winner, lengths that differ, or a level outside (0, 1).
    """
    if not len(winners) == len(participants) == len(targets):
        raise InputError(
            "pairs must have a winner, a participant and a target each, "
            f"got {len(winners)}, {len(participants)} and {len(targets)}"
        )
    unknown = [each for each in winners if each is not None and each not in POINTS]
    if unknown:
        raise InputError(f"a winner must be one of {tuple(POINTS)} or None, got {unknown[0]!r}")
    answered = [place for place, winner in enumerate(winners) if winner is not None]
    unit, clusters = _units([participants[i] for i in answered], [targets[i] for i in answered])
    values = [POINTS[winner] for winner in winners if winner is not None]
    found = clustered_share(values, clusters, level=level) if values else None
    return Preference(
        share=None if found is None else found.share,
        interval=None if found is None else found.interval,
        n_answered=len(values),
        n_ties=list(winners).count("tie"),
        n_unanswered=len(winners) - len(values),
        unit=unit,
        n_units=len(set(clusters)),
        verdict=_verdict(found),
    )


def clustered_share(
    values: Sequence[float], clusters: Clusters | None = None, *, level: float = LEVEL
) -> Share:
    """A share and Korn and Graubard's interval, which allows for values that vary together.

    The effective size is share · (1 − share) / variance, where the variance is the linearised one
    over clusters; it is never more than the number of values. Values that stand alone so get
    Clopper and Pearson's interval exactly. Where the clusters do not differ at all (every one of
    them won or lost everything, say) their number is the effective size, which is cautious.

    >>> [round(end, 3) for end in clustered_share([1, 1, 1, 0, 1, 1]).interval]
    [0.359, 0.996]

    Args:
        values: each in [0, 1], at least one: 1 for a success, ½ for a tie.
        clusters: what each value belongs to; by default each stands alone.
        level: of the interval, in (0, 1).

    Raises:
        InputError: no value, one outside [0, 1], another number of clusters than of values, or a
            level outside (0, 1).
    """
    check_level(level)
    given = np.asarray(values, dtype=np.float64)
    if not given.size:
        raise InputError("a share must be of at least one value, got none")
    if not ((given >= 0) & (given <= 1)).all():  # also refuses NaN
        raise InputError("the values of a share must lie in [0, 1], got another one")
    found = Clustered.of(given, clusters)
    n, n_clusters = len(given), len(found.sums)
    share = min(max(found.mean, 0.0), 1.0)
    size = _effective_size(found, share, tail=(1 - level) / 2)
    return Share(share, _exact(share, size, tail=(1 - level) / 2), n, n_clusters, size)


def _effective_size(found: Clustered, share: float, *, tail: float) -> float:
    """How many independent values would have this variance, with the correction for few clusters.

    The factor n / (n − 1) is the same correction of the variance without clusters, so
    that the design effect of values that stand alone is 1.
    """
    n, clusters = float(found.sizes.sum()), len(found.sums)
    residuals = found.sums - share * found.sizes
    spread = float((residuals**2).sum()) / n**2
    if clusters < 2 or spread < NOTHING:
        return float(clusters)
    variance = spread * clusters / (clusters - 1)
    freedom = stats.t.ppf(tail, n - 1) / stats.t.ppf(tail, clusters - 1)
    size = share * (1 - share) / variance * n / (n - 1) * float(freedom) ** 2
    return min(size, n)


def _exact(share: float, size: float, *, tail: float) -> Interval:
    """Clopper and Pearson's interval of a share of a number of values that need not be whole."""
    won, lost = share * size, (1 - share) * size
    low = float(stats.beta.ppf(tail, won, lost + 1)) if share > 0 else 0.0
    high = float(stats.beta.ppf(1 - tail, won + 1, lost)) if share < 1 else 1.0
    return low, high


def _units(participants: Sequence[str], targets: Sequence[str]) -> tuple[Unit, list[str]]:
    """What varies independently, and to which of these each pair belongs."""
    if len(set(participants)) > 1:
        return "participant", list(participants)
    if len(set(targets)) > 1:
        return "target", list(targets)
    return "pair", [str(number) for number in range(len(targets))]


def _verdict(found: Share | None) -> Verdict:
    if found is None or found.n < LEAST_PAIRS:
        return "too few"
    low, high = found.interval
    return "personal" if low > EVEN else "stock" if high < EVEN else "no difference"
