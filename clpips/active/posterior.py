"""The posterior over one participant's distances, given the rankings so far.

A participant's weights have a Gaussian prior around the stock weights, the same as in the fit:
independent deviations of single weights plus one common multiplier per layer. Each comparison of
a ranking is a noisy answer about one gap between two distances, with a logistic error (Bradley
and Terry 1952); the posterior is Laplace's approximation. It is computed over the ranked
images, not over weights, so it takes a few milliseconds for any number of channels.

The fit does not use it: it is for acquisition, which needs the uncertainty of the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from clpips.errors import InputError

if TYPE_CHECKING:  # it needs torch, which the posterior does not need
    from clpips.metric.observations import Observation

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

CHANNEL_SPREAD = 0.7
"""As in the fit: deviation of one weight, as a multiple of (itself + its layer's mean)."""
LAYER_SPREAD = 1.0
"""As in the fit: standard deviation of a layer's multiplier, whose stock value is 1."""
STEPS, SETTLED = 30, 1e-4
"""Newton's steps at most, and the largest change (in mean stock gaps) that ends them."""


@dataclass(frozen=True, slots=True)
class Posterior:
    """The posterior over one participant's distances.

    Args:
        stock: (channels,) weights expected before any ranking: stock, or pooled.
        scale: (channels, channels + layers) square root of the weights' prior covariance, by
            its two parts: the diagonal one as (channels,) and the layers' (channels, layers).
        unit: the mean stock gap, by which distances are divided.
        noise: scale of the logistic error, in units.
        seen: (images, channels + layers) the ranked images in the prior's own coordinates.
        pull: (images,) the rankings' contribution to the mean, in those coordinates.
        known: (images, images) by how much they reduce the covariance.
    """

    stock: Array
    scale: tuple[Array, Array]
    unit: float
    noise: float
    seen: Array
    pull: Array
    known: Array

    def distances(self, vectors: Array) -> tuple[Array, Array]:
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


def compute_posterior(
    observations: Sequence[Observation],
    pool: Array,
    *,
    stock: Array,
    channels: Sequence[int],
    noise: float,
) -> Posterior:
    """The posterior over a participant's weights.

    Args:
        observations: rankings with their difference vectors; without any, it is the prior.
        pool: (images, channels) the available images; together with the ranked images
            they set the unit.
        stock: (channels,) the weights expected before any ranking, ≥ 0.
        channels: how many of them each layer (or block) has.
        noise: scale of the participant's logistic error about a gap, in units.

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
    return Posterior(stock, scale, unit, noise, embedded, pull, known)


def _laplace(
    kernel: Array, mean: Array, differences: Array, shares: Array, noise: float
) -> tuple[Array, Array]:
    """Newton's method on the posterior of the ranked images' distances.

    The distances are ``mean + kernel @ pull``; each step is halved until the objective rises.
    """
    pull, identity = np.zeros(len(mean)), np.eye(len(mean))

    def objective(trial: Array) -> float:
        gaps = differences @ (mean + kernel @ trial)
        return float(-shares @ np.logaddexp(0.0, -gaps / noise) - trial @ kernel @ trial / 2)

    def derivatives(trial: Array) -> tuple[Array, Array]:
        wrong = logistic(-(differences @ (mean + kernel @ trial)) / noise)
        curvature = shares * wrong * (1 - wrong) / noise**2
        return differences.T @ (shares * wrong / noise), (differences.T * curvature) @ differences

    for _ in range(STEPS):
        slope, hessian = derivatives(pull)
        away = np.linalg.solve(identity + hessian @ kernel, hessian @ kernel @ pull + slope) - pull
        now, length = objective(pull), 1.0
        while objective(pull + length * away) < now and length > 1e-4:
            length /= 2
        pull = pull + length * away
        if np.abs(kernel @ away).max(initial=0.0) < SETTLED:
            break
    hessian = derivatives(pull)[1]
    return pull, np.linalg.solve(identity + hessian @ kernel, hessian)


def _comparisons(rankings: Sequence[Array]) -> tuple[Array, Array]:
    """Matrix (comparisons, images) of farther − nearer, and each one's share: (comparisons,).

    A ranking of n images without ties weighs n − 1 comparisons in all.
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
