"""Permutation tests of agreement and of a gain over stock.

All tests are permutation tests: they assume only that what is permuted could as well have come
in another order. Where there are few orders all of them are tried and the p-value is exact;
otherwise it is (b + 1) / (m + 1) with b of m random orders at least as extreme (Phipson and
Smyth, 2010), so it is never 0.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np

from clpips.errors import InputError, UndefinedStatistic
from clpips.stats.correlation import Array, Numbers, on_rankings, within_ranks

Alternative = Literal["greater", "two-sided"]
Method = Literal["holm", "benjamini-hochberg"]

DRAWS = 9999
EXACT_ORDERS = 20_000
"""Up to so many joint orders of all rankings, every one is tried."""
EXACT_TARGETS = 12
"""Up to so many targets, each of the 2ⁿ sign flips is tried."""
LISTED = 8
"""Rankings of up to so many images have all their orders listed (8! = 40,320), then drawn from."""
SAME = 1e-10
"""Statistics closer than this count as equal but for rounding."""


@dataclass(frozen=True, slots=True)
class PermutationTest:
    """A p-value and how it was computed.

    Args:
        p: in (0, 1].
        statistic: the observed mean.
        n: rankings (for a gain: targets) that count.
        alternative: ``greater``, or ``two-sided``: twice the smaller tail, at most 1.
        exact: every order was tried.
        orders: orders tried; the observed one is among them only if ``exact``.
        seed: of the draws, used when not exact.
    """

    p: float
    statistic: float
    n: int
    alternative: Alternative
    exact: bool
    orders: int
    seed: int


def permutation_p(
    ratings: Sequence[tuple[Numbers, Numbers]],
    *,
    seed: int,
    draws: int = DRAWS,
    alternative: Alternative = "greater",
) -> PermutationTest:
    """Test whether the mean Spearman is more than that of a metric unrelated to the ranks.

    The null hypothesis makes every order of the ranks within a ranking equally likely; ties
    stay ties. Rankings without a Spearman are left out, as in the mean itself.

    Args:
        ratings: for each ranking (human ranks, distances).
        seed: of the draws.
        draws: random orders, when there are too many to try them all.
        alternative: ``greater`` asks for agreement, ``two-sided`` for agreement or its opposite.

    >>> round(permutation_p([([1, 2, 3], [0.1, 0.2, 0.3])], seed=0).p, 4)  # 1 order of 3!
    0.1667

    Raises:
        InputError: another alternative, or fewer than one draw.
        UndefinedStatistic: no ranking has a Spearman.
    """
    _check(alternative, draws)
    found, _ = on_rankings(ratings)
    used = [pair for pair, one in zip(ratings, found, strict=True) if one is not None]
    if not used:
        raise UndefinedStatistic("a permutation test needs a ranking that has a Spearman, got none")
    observed = float(np.mean([one.spearman for one in found if one is not None]))
    centred = [(_centred(ranks), _centred(distances)) for ranks, distances in used]
    lengths = [len(ranks) for ranks, _ in centred]
    total = math.prod(math.factorial(min(length, 20)) for length in lengths)
    if total <= EXACT_ORDERS:
        null = np.zeros(1)
        for pair in centred:
            null = np.add.outer(null, _every_order(*map(_key, pair))).ravel()
    else:
        null = _drawn(centred, np.random.default_rng(seed), draws)
    return _result(observed, null / len(used), len(used), alternative, total <= EXACT_ORDERS, seed)


def gain_p(
    gains_by_target: Sequence[Numbers],
    *,
    seed: int,
    draws: int = DRAWS,
    alternative: Alternative = "greater",
) -> PermutationTest:
    """Test whether the mean gain over stock is more than that of two equally good metrics.

    A sign-flip test: under the null hypothesis personal − stock is as likely as stock −
    personal, for a whole target at once, because the rankings of one target are not independent.

    Args:
        gains_by_target: for each target, the gain in Spearman of each of its rankings.
        seed: of the draws, used with more than twelve targets.
        draws: random flips.
        alternative: ``greater`` asks whether personal is better, ``two-sided`` whether it differs.

    >>> gain_p([[0.2, 0.1], [0.3], [0.1], [0.2]], seed=0).p  # 1 flip of 2⁴
    0.0625

    Raises:
        InputError: another alternative, fewer than one draw, or a gain that is not finite.
        UndefinedStatistic: no target has a gain.
    """
    _check(alternative, draws)
    targets = [np.asarray(gains, dtype=np.float64) for gains in gains_by_target]
    targets = [gains for gains in targets if gains.size]
    if not targets:
        raise UndefinedStatistic("a test of a gain needs a target with a gain, got none")
    if not all(np.isfinite(gains).all() for gains in targets):
        raise InputError("gains must be finite numbers, got NaN or infinity")
    sums = np.array([gains.sum() for gains in targets])
    exact = len(sums) <= EXACT_TARGETS
    if exact:
        signs = np.array(list(itertools.product((1.0, -1.0), repeat=len(sums))))
    else:
        signs = np.random.default_rng(seed).choice((1.0, -1.0), size=(draws, len(sums)))
    count = sum(map(len, targets))
    return _result(
        float(sums.sum() / count), signs @ sums / count, len(sums), alternative, exact, seed
    )


def least_p(n_targets: int, *, draws: int = DRAWS) -> float:
    """The smallest one-sided p-value that :func:`gain_p` can give, however large the gain.

    >>> least_p(4), least_p(5)
    (0.0625, 0.03125)
    """
    return 0.5**n_targets if n_targets <= EXACT_TARGETS else 1 / (draws + 1)


def corrected(
    p_values: Sequence[float | None], method: Method = "holm"
) -> tuple[float | None, ...]:
    """P-values adjusted for how many there are: compare them with the level as they stand.

    ``holm`` bounds the chance of any false claim (Holm, 1979); ``benjamini-hochberg`` the
    expected share of false ones among the claims (1995), for tests that are independent or
    positively dependent.

    Args:
        p_values: one for each person × metric; an absent one (``None`` or NaN) is not counted
            and stays ``None``.
        method: ``holm`` or ``benjamini-hochberg``.

    >>> corrected([0.01, None, 0.04])
    (0.02, None, 0.04)

    Raises:
        InputError: another method, or a number outside [0, 1].
    """
    if method not in get_args(Method):
        raise InputError(f"method must be one of {get_args(Method)}, got {method!r}")
    there = [place for place, p in enumerate(p_values) if p is not None and not math.isnan(p)]
    p = np.array([p_values[place] for place in there], dtype=np.float64)
    if ((p < 0) | (p > 1)).any():
        raise InputError(f"p-values must lie in [0, 1], got {p[(p < 0) | (p > 1)][0]}")
    order, m = np.argsort(p, kind="stable"), len(p)
    if method == "holm":
        rising = np.maximum.accumulate(p[order] * np.arange(m, 0, -1))
    else:
        rising = np.minimum.accumulate((p[order] * m / np.arange(1, m + 1))[::-1])[::-1]
    adjusted: list[float | None] = [None] * len(p_values)
    for place, value in zip(order, np.minimum(rising, 1).tolist(), strict=True):
        adjusted[there[place]] = value
    return tuple(adjusted)


def _check(alternative: str, draws: int) -> None:
    if alternative not in get_args(Alternative):
        raise InputError(f"alternative must be one of {get_args(Alternative)}, got {alternative!r}")
    if draws < 1:
        raise InputError(f"draws must be at least 1, got {draws}")


def _result(
    observed: float, null: Array, n: int, alternative: Alternative, exact: bool, seed: int
) -> PermutationTest:
    added = 0 if exact else 1  # an exact null holds the observed order already
    above = (int((null >= observed - SAME).sum()) + added) / (len(null) + added)
    below = (int((null <= observed + SAME).sum()) + added) / (len(null) + added)
    p = above if alternative == "greater" else min(1.0, 2 * min(above, below))
    return PermutationTest(p, observed, n, alternative, exact, len(null), seed)


def _centred(values: Numbers) -> Array:
    """Ranks scaled so that the product of two is their Spearman."""
    ranks = within_ranks(values)
    ranks = ranks - ranks.mean()
    return np.asarray(ranks / np.sqrt((ranks**2).sum()))


def _key(values: Array) -> tuple[float, ...]:
    """The null distribution depends on the values only, not on their order."""
    return tuple(np.sort(values).tolist())


@lru_cache(maxsize=64)
def _every_order(x: tuple[float, ...], y: tuple[float, ...]) -> Array:
    """Spearman under each order of the ranks: (n!,)."""
    return np.asarray(np.array(x)[_orders(len(x))] @ np.array(y))


@lru_cache(maxsize=LISTED)
def _orders(count: int) -> np.ndarray[tuple[int, int], np.dtype[np.int8]]:
    return np.array(list(itertools.permutations(range(count))), dtype=np.int8)


def _drawn(
    centred: Sequence[tuple[Array, Array]], generator: np.random.Generator, draws: int
) -> Array:
    """The sum of Spearmans under random orders: (draws,)."""
    total = np.zeros(draws)
    for x, y in centred:
        if len(x) <= LISTED:
            every = _every_order(_key(x), _key(y))
            total += every[generator.integers(0, len(every), size=draws)]
        else:
            total += generator.permuted(np.tile(x, (draws, 1)), axis=1) @ y
    return total
