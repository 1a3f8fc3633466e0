"""What is believed about one person's distances, before any ranking and after some.

A person's weights are believed to be Gaussian around the stock weights, with the fit's own prior:
independent deviations of single weights plus one common multiplier per layer. Each comparison of
a ranking is a noisy answer about one gap between two distances, with a logistic error (Bradley
and Terry 1952); the belief after it is Laplace's approximation. It is computed over the ranked
images, not over weights, so it costs a few milliseconds however many channels there are.

The fit does not use it: it is for choosing what to ask, which needs to know what is uncertain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from clpips.errors import InputError

if TYPE_CHECKING:  # it needs torch, which a belief does not
    from clpips.metric.observations import Observation

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

CHANNEL_SPREAD = 0.7
"""As in the fit: deviation of one weight, as a multiple of (itself + its layer's mean)."""
LAYER_SPREAD = 1.0
"""As in the fit: standard deviation of a layer's multiplier, whose stock value is 1."""
STEPS, SETTLED = 30, 1e-4
"""Newton's steps at most, and the largest change (in mean stock gaps) that ends them."""


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed about one person's distances after some rankings.

    Args:
        stock: (channels,) weights expected before any ranking: stock, or everybody's.
        scale: (channels, channels + layers) square root of the weights' prior covariance, by
            its two parts: the diagonal one as (channels,) and the layers' (channels, layers).
        unit: the mean stock gap, by which distances are divided.
        noise: scale of the logistic error, in units.
        seen: (images, channels + layers) the ranked images in the prior's own coordinates.
        pull: (images,) what the rankings add to the mean, in those coordinates.
        known: (images, images) what they take from the covariance.
    """

    stock: Array
    scale: tuple[Array, Array]
    unit: float
    noise: float
    seen: Array
    pull: Array
    known: Array

    def about(self, vectors: Array) -> tuple[Array, Array]:
        """Mean and covariance of images' distances less their common mean, in units.

        Args:
            vectors: (images, channels).

        Returns:
            (images,) and (images, images).
        """
        centred = (vectors - vectors.mean(axis=0)) / self.unit
        own = _embedded(centred, self.scale)
        across = own @ self.seen.T
        covariance = own @ own.T - across @ self.known @ across.T
        return centred @ self.stock + across @ self.pull, (covariance + covariance.T) / 2


def believe(
    observations: Sequence[Observation],
    pool: Array,
    *,
    stock: Array,
    channels: Sequence[int],
    noise: float,
) -> Belief:
    """The belief about a person's weights after their rankings.

    Args:
        observations: rankings with their difference vectors; none yet is the prior.
        pool: (images, channels) what there is to choose from; with the rankings' own images it
            sets the unit.
        stock: (channels,) the weights expected before any ranking, ≥ 0.
        channels: how many of them each layer (or block) has.
        noise: scale of the person's logistic error about a gap, in units.

    Raises:
        InputError: vectors, weights and layers that do not fit together.
    """
    check_vectors(pool, [one.vectors for one in observations], stock, channels)
    boards = [pool, *(one.vectors for one in observations)]
    unit = float(np.mean([_mean_gap(board @ stock) for board in boards])) or 1.0
    scale = _prior(stock, channels)
    rankings = [np.asarray(one.ranking.ranks) for one in observations]
    centred = [(one.vectors - one.vectors.mean(axis=0)) / unit for one in observations]
    seen = np.concatenate([np.zeros((0, len(stock))), *centred])
    differences, shares = _comparisons(rankings)
    embedded = _embedded(seen, scale)
    pull, known = _laplace(embedded @ embedded.T, seen @ stock, differences, shares, noise)
    return Belief(stock, scale, unit, noise, embedded, pull, known)


def _laplace(
    kernel: Array, mean: Array, differences: Array, shares: Array, noise: float
) -> tuple[Array, Array]:
    """Newton's method on the posterior of the ranked images' distances.

    The distances are ``mean + kernel @ pull``; each step is halved until it goes uphill.
    """
    pull, identity = np.zeros(len(mean)), np.eye(len(mean))

    def objective(trial: Array) -> float:
        gaps = differences @ (mean + kernel @ trial)
        return float(-shares @ np.logaddexp(0.0, -gaps / noise) - trial @ kernel @ trial / 2)

    def told(trial: Array) -> tuple[Array, Array]:
        wrong = logistic(-(differences @ (mean + kernel @ trial)) / noise)
        curvature = shares * wrong * (1 - wrong) / noise**2
        return differences.T @ (shares * wrong / noise), (differences.T * curvature) @ differences

    for _ in range(STEPS):
        slope, about = told(pull)
        away = np.linalg.solve(identity + about @ kernel, about @ kernel @ pull + slope) - pull
        now, length = objective(pull), 1.0
        while objective(pull + length * away) < now and length > 1e-4:
            length /= 2
        pull = pull + length * away
        if np.abs(kernel @ away).max(initial=0.0) < SETTLED:
            break
    about = told(pull)[1]
    return pull, np.linalg.solve(identity + about @ kernel, about)


def _comparisons(rankings: Sequence[Array]) -> tuple[Array, Array]:
    """Matrix (comparisons, images) of farther − nearer, and each one's share: (comparisons,).

    A ranking of n images without ties weighs n − 1 comparisons, which is what it tells.
    """
    total = sum(map(len, rankings))
    rows, shares, offset = [np.zeros((0, total))], [np.zeros(0)], 0
    for ranks in rankings:
        near, far = np.nonzero(ranks[:, None] < ranks[None, :])
        signs = np.zeros((len(near), total))
        signs[np.arange(len(near)), far + offset] = 1.0
        signs[np.arange(len(near)), near + offset] = -1.0
        rows.append(signs)
        shares.append(np.full(len(near), 2 / len(ranks)))
        offset += len(ranks)
    return np.concatenate(rows), np.concatenate(shares)


def _prior(stock: Array, channels: Sequence[int]) -> tuple[Array, Array]:
    layer = np.repeat(np.arange(len(channels)), channels)
    means = (np.bincount(layer, weights=stock) / np.bincount(layer))[layer]
    loadings = np.zeros((len(stock), len(channels)))
    loadings[np.arange(len(stock)), layer] = LAYER_SPREAD * stock
    return CHANNEL_SPREAD * (stock + means), loadings


def _embedded(vectors: Array, scale: tuple[Array, Array]) -> Array:
    """Coordinates whose inner products are the prior covariances of distances."""
    return np.concatenate([vectors * scale[0], vectors @ scale[1]], axis=1)


def _mean_gap(distances: Array) -> float:
    count = len(distances)
    total = float(np.abs(distances[:, None] - distances).sum())
    return total / max(count * (count - 1), 1)


def logistic(x: Array) -> Array:
    """1 / (1 + e⁻ˣ), without overflow."""
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -40, 40))))


def check_vectors(
    pool: Array, boards: Sequence[Array], stock: Array, channels: Sequence[int]
) -> None:
    """Raise ``InputError`` unless vectors, weights and layers fit together and are finite."""
    if len(stock) != sum(channels):
        raise InputError(
            f"there must be one weight per channel, got {len(stock)} for {sum(channels)}"
        )
    for vectors in (pool, *boards):
        if vectors.ndim != 2 or vectors.shape[1] != len(stock):
            raise InputError(
                f"difference vectors must have {len(stock)} channels, got {vectors.shape}"
            )
        if not np.isfinite(vectors).all():
            raise InputError("difference vectors must be finite, got one that is not")
