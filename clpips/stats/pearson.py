"""Pearson's correlation over complete pairs, and the mean of correlations on Fisher's z scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from clpips.errors import InputError, UndefinedStatistic

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

EDGE = 0.999
"""Correlations are clipped to ±EDGE, since Fisher's z of ±1 is infinite."""


def pearson(x: Sequence[float] | Array, y: Sequence[float] | Array) -> float:
    """Pearson's r in [−1, 1] over the pairs of which both numbers are finite.

    >>> pearson([1, 2, 3, float("nan")], [2, 4, 6, 0])
    1.0

    Raises:
        InputError: lists of different lengths.
        UndefinedStatistic: fewer than two complete pairs, or all values of one list equal.
    """
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise InputError(f"Pearson's r needs two lists of one length, got {a.shape} and {b.shape}")
    both = np.isfinite(a) & np.isfinite(b)
    a, b = a[both], b[both]
    if len(a) < 2:
        raise UndefinedStatistic(f"Pearson's r needs at least two pairs, got {len(a)}")
    for values in (a, b):
        if values.min() == values.max():
            raise UndefinedStatistic("Pearson's r needs values that differ, got a constant")
    a, b = a - a.mean(), b - b.mean()
    a, b = a / np.abs(a).max(), b / np.abs(b).max()  # so that tiny values do not underflow
    r = float(a @ b) / float(np.sqrt((a @ a) * (b @ b)))
    return float(np.clip(r, -1, 1).round(15))


def fisher_mean(correlations: Sequence[float], *, edge: float = EDGE) -> float:
    """tanh of the mean of arctanh, correlations clipped to ±``edge`` first.

    >>> round(fisher_mean([0.5, 0.5]), 6), round(fisher_mean([0.0, 0.9]), 6)
    (0.5, 0.626789)

    Raises:
        UndefinedStatistic: no correlation.
        InputError: one that is not in [−1, 1].
    """
    held = np.asarray(correlations, dtype=np.float64)
    if not held.size:
        raise UndefinedStatistic("a mean of correlations needs at least one, got none")
    if not (np.abs(held) <= 1).all():
        raise InputError(f"correlations must lie in [-1, 1], got {held.tolist()}")
    return float(np.tanh(np.arctanh(np.clip(held, -edge, edge)).mean()))
