"""The mean of clustered values, with its cluster-robust standard error."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from clpips.errors import InputError

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Clusters: TypeAlias = Sequence[Hashable]


@dataclass(frozen=True, slots=True)
class Clustered:
    """Values grouped by cluster; clusters vary independently.

    Args:
        sums: (clusters,) the sum of each cluster's values.
        sizes: (clusters,) how many values each has.
    """

    sums: Array
    sizes: Array

    @classmethod
    def of(cls, values: Array, labels: Clusters | None) -> Clustered:
        """Values by what they belong to; without labels every value stands alone.

        Raises:
            InputError: another number of labels than of values.
        """
        if labels is None:
            return cls(values, np.ones(len(values)))
        if len(labels) != len(values):
            raise InputError(
                f"clusters must name one cluster per value, got {len(labels)} for {len(values)}"
            )
        number = {label: index for index, label in enumerate(dict.fromkeys(labels))}
        which = np.array([number[label] for label in labels], dtype=np.intp)
        return cls(np.bincount(which, weights=values), np.bincount(which).astype(np.float64))

    @classmethod
    def of_groups(cls, groups: Sequence[Array]) -> Clustered:
        """The values of each cluster; none empty."""
        return cls(
            np.array([one.sum() for one in groups], dtype=np.float64),
            np.array([len(one) for one in groups], dtype=np.float64),
        )

    @property
    def mean(self) -> float:
        """The mean over values."""
        return float(self.sums.sum() / self.sizes.sum())

    @property
    def small_sample(self) -> float:
        """√(G / (G − 1)) of G clusters."""
        return math.sqrt(len(self.sums) / (len(self.sums) - 1))

    def error(self) -> tuple[float, float]:
        """CR2 standard error of the mean and Bell and McCaffrey's degrees of freedom.

        With clusters of one size these are Student's, over the clusters' means.
        """
        sizes, total = self.sizes, self.sizes.sum()
        share = sizes / total
        residuals = self.sums - self.mean * sizes
        error = math.sqrt((residuals**2 / (1 - share)).sum()) / total
        # The trace of Q and of Q² for Q = Mᵀ D M V, M = I − share·1ᵀ, V = diag(sizes).
        leverage = 1 / (1 - share)
        common = float((leverage * share**2).sum())
        diagonal = leverage * (1 - 2 * share) + common  # of MᵀDM
        first = float((diagonal * sizes).sum())
        # Σᵢⱼ sizesᵢ sizesⱼ Qᵢⱼ², where Qᵢⱼ = common − aᵢ − aⱼ off the diagonal.
        a = leverage * share
        once, twice = float((sizes * a).sum()), float((sizes * a**2).sum())
        second = common**2 * total**2 - 4 * common * total * once + 2 * total * twice + 2 * once**2
        second += float((sizes**2 * (diagonal**2 - (common - 2 * a) ** 2)).sum())
        return error, first**2 / second

    def redrawn(self, weights: Array) -> tuple[Array, Array]:
        """Means and their standard errors under weights: (resamples, clusters) → two."""
        sizes = self.sizes
        residuals = self.sums - self.mean * sizes  # centred, so that squares lose nothing
        columns = [np.ones_like(sizes), sizes, residuals, residuals**2, residuals * sizes, sizes**2]
        total, count, offset, square, mixed, bare = (
            weights.astype(np.float64) @ np.stack(columns, axis=1)
        ).T
        away = offset / count
        squares = np.maximum(square - 2 * away * mixed + away**2 * bare, 0)
        freedom = len(sizes) - 1
        return self.mean + away, np.sqrt(squares * total / freedom) / count
