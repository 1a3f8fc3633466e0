"""Means, intervals and paired comparisons of methods on one list of samples."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from clpips.bench.metrics.card import MetricCard, Values
from clpips.bench.runner import Scores
from clpips.stats.intervals import bootstrap_interval, gain_interval
from clpips.stats.permutation import corrected, gain_p


@dataclass(frozen=True, slots=True)
class Summary:
    """One method under one metric.

    Args:
        mean: over samples; ``None`` without any value.
        std: population standard deviation (divisor n), as published.
        n: samples with a value.
        n_missing: samples without.
        ci: 95 % interval of the mean, users redrawn with all their samples; ``None`` for fewer
            than two users or where all values are equal.
        n_users: of the samples with a value.
    """

    mean: float | None
    std: float | None
    n: int
    n_missing: int
    ci: tuple[float, float] | None
    n_users: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """Two methods under one metric, on the samples for which both have a value.

    Args:
        metric, first, second: names.
        difference: mean of first − second over samples.
        ci: its 95 % interval, users redrawn.
        p: two-sided, of a sign-flip test over users.
        p_corrected: Holm's correction over the pairs of methods of this metric.
        n: samples.
        n_users: whose they are.
        better: which of the two the difference favours, if p_corrected is below .05; else
            ``None``.
    """

    metric: str
    first: str
    second: str
    difference: float
    ci: tuple[float, float] | None
    p: float
    p_corrected: float
    n: int
    n_users: int
    better: str | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


LEVEL = 0.05


def summarise(scores: Scores, *, seed: int = 0) -> dict[str, dict[str, Summary]]:
    """Every method under every metric: method → metric → summary."""
    users = [sample.user for sample in scores.samples]
    return {
        method: {
            name: summary_of(own[name], users, card, seed=seed)
            for name, card in scores.cards.items()
        }
        for method, own in scores.values.items()
    }


def summary_of(values: Values, users: Sequence[str], card: MetricCard, *, seed: int = 0) -> Summary:
    """One method's values under one metric.

    Args:
        values: (samples,); NaN is missing.
        users: of each sample.
        card: the metric's.
        seed: of the interval.
    """
    there = np.isfinite(values)
    found = values[there]
    own = [user for user, is_there in zip(users, there, strict=True) if is_there]
    bounds = (-math.inf if card.low is None else card.low,
              math.inf if card.high is None else card.high)  # fmt: skip
    return Summary(
        float(found.mean()) if found.size else None,
        float(found.std()) if found.size else None,
        int(found.size),
        int((~there).sum()),
        bootstrap_interval([found], clusters=[own], bounds=bounds, seed=seed)
        if found.size
        else None,
        len(set(own)),
    )


def compare(scores: Scores, *, seed: int = 0) -> list[PairedComparison]:
    """Every pair of methods under every metric."""
    users = [sample.user for sample in scores.samples]
    found = []
    for name, card in scores.cards.items():
        values = {method: own[name] for method, own in scores.values.items()}
        found += compare_pairs(values, list(itertools.combinations(values, 2)), users, card, seed)
    return found


def compare_pairs(
    values: Mapping[str, Values],
    pairs: Sequence[tuple[str, str]],
    users: Sequence[str],
    card: MetricCard,
    seed: int,
) -> list[PairedComparison]:
    """Pairs of methods under one metric, p corrected over these pairs.

    Args:
        values: (samples,) of each method.
        pairs: to compare.
        users: of each sample.
        card: the metric's.
        seed: of tests and intervals.
    """
    found: list[PairedComparison] = []
    for first, second in pairs:
        gains: dict[str, list[float]] = {}
        for user, gain in zip(users, values[first] - values[second], strict=True):
            if math.isfinite(gain):
                gains.setdefault(user, []).append(float(gain))
        if not gains:
            continue
        groups = [np.array(own) for own in gains.values()]
        difference, ci = gain_interval(groups, seed=seed, bounds=(-math.inf, math.inf))
        p = gain_p(groups, seed=seed, alternative="two-sided").p
        n = sum(map(len, groups))
        found.append(
            PairedComparison(
                card.name, first, second, difference or 0.0, ci, p, p, n, len(groups), None
            )
        )
    holm = corrected([one.p for one in found])
    return [
        replace(
            one,
            p_corrected=p,
            better=_better(one.first, one.second, one.difference, card) if p < LEVEL else None,
        )
        for one, p in zip(found, holm, strict=True)
        if p is not None
    ]


def _better(first: str, second: str, difference: float, card: MetricCard) -> str | None:
    if card.direction == "none":
        return None
    return first if (difference < 0) == (card.direction == "lower") else second
