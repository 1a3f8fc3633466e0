"""Acquisition: which of the images generated for a target to show a participant next.

The posterior over a participant's weights is computed by :mod:`clpips.active.posterior`. A board
is worth showing if its answer is expected to change that posterior much.

Two methods select images greedily, one at a time:

* ``information``: the expected information of the whole board about the weights,
  ½ log det(I + A C), where C is the covariance of the board's distances and A the information
  of an answer about them (Bayesian D-optimality; Chaloner and Verdinelli 1995). An answer that is
  nearly certain, or dominated by noise, carries no information.
* ``disagreement``: the mutual information between the answer to each pair and the weights, summed
  over the board's pairs, each taken by itself: how much weights that fit the rankings so far
  disagree about the answer, minus the part due to noise (Houlsby et al. 2011).

Some images are always drawn at random first, so that errors of the posterior can still be
noticed and every board has images that any method could have shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np

from clpips.active.posterior import Array, check_vectors, compute_posterior, logistic
from clpips.errors import InputError

if TYPE_CHECKING:  # it needs torch, which acquisition does not need
    from clpips.metric.observations import Observation

Gains: TypeAlias = Callable[[Sequence[int], Array], Array]
"""Images shown so far and images to try (n,) → expected information of each board (n,)."""

Method = Literal["random", "information", "disagreement"]
METHODS: tuple[Method, ...] = get_args(Method)
Why = Literal["random", "informative", "nearest"]

NODES, NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(15)


@dataclass(frozen=True, slots=True)
class ChoiceSettings:
    """How images are selected.

    Args:
        shown: how many to show, at least 2.
        method: ``information``, ``disagreement`` or ``random``.
        random_share: share of the shown images that is drawn uniformly, in (0, 1]; rounded, and
            one image at least.
        noise: scale of a person's logistic error about a gap, in mean stock gaps (the mean of
            |stock distance of one − of the other| over the pairs of a board).
        seed: decides the random images.

    Raises:
        InputError: a value outside its range.
    """

    shown: int = 4
    method: Method = "information"
    random_share: float = 0.25
    noise: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.shown < 2:
            raise InputError(f"shown must be at least 2, got {self.shown}")
        if self.method not in METHODS:
            raise InputError(f"method must be one of {METHODS}, got {self.method!r}")
        if not 0 < self.random_share <= 1:
            raise InputError(f"random_share must lie in (0, 1], got {self.random_share!r}")
        if not (math.isfinite(self.noise) and self.noise > 0):
            raise InputError(f"noise must be a positive number, got {self.noise!r}")

    @property
    def n_random(self) -> int:
        """How many images are drawn uniformly."""
        if self.method == "random":
            return self.shown
        return max(1, round(self.random_share * self.shown))


@dataclass(frozen=True, slots=True)
class Pick:
    """One selected image.

    Args:
        index: its index among the available images.
        why: ``random``, or ``informative`` where the method selected it.
        gain: expected information of the board with this image minus that without it, in
            nats; ``None`` for a random one.
    """

    index: int
    why: Why
    gain: float | None


def choose(
    pool: Array,
    observations: Sequence[Observation],
    settings: ChoiceSettings,
    *,
    stock: Array,
    channels: Sequence[int],
) -> tuple[Pick, ...]:
    """Which images to show next; the same arguments give the same images.

    Args:
        pool: (images, channels) difference vectors of the images generated for one target.
        observations: the participant's rankings so far, of any targets.
        settings: how many, and how.
        stock: (channels,) the weights expected before any ranking, ≥ 0.
        channels: how many of them each layer (or block) has.

    Returns:
        ``settings.shown`` picks, or all images if there are fewer: the random ones first,
        then the informative ones in the order of selection.

    Raises:
        InputError: vectors, weights and layers that do not fit together, or fewer than 2 images.
    """
    if len(pool) < 2:
        raise InputError(f"a choice needs at least 2 images, got {len(pool)}")
    rng = np.random.default_rng(settings.seed)
    shown = min(settings.shown, len(pool))
    drawn = rng.permutation(len(pool))[: min(settings.n_random, shown)].tolist()
    picks = [Pick(index, "random", None) for index in drawn]
    if len(picks) == shown:
        check_vectors(pool, [], stock, channels)
        return tuple(picks)
    posterior = compute_posterior(
        observations, pool, stock=stock, channels=channels, noise=settings.noise
    )
    gains = _METHODS[settings.method](*posterior.distances(pool), settings.noise)
    before = float(gains(drawn[:-1], np.array(drawn[-1:]))[0])
    while len(picks) < shown:
        taken = [pick.index for pick in picks]
        left = np.setdiff1d(np.arange(len(pool)), taken)
        totals = gains(taken, left)
        best = int(totals.argmax())
        picks.append(Pick(int(left[best]), "informative", float(totals[best]) - before))
        before = float(totals[best])
    return tuple(picks)


def _information(mean: Array, covariance: Array, noise: float) -> Gains:
    gap, variance = _gaps(mean, covariance)
    # A logistic density is nearly a normal one with the same peak, so its mean over a Gaussian
    # posterior, the expected information of one answer about its gap, has a closed form.
    spread = (4 * noise / math.sqrt(2 * math.pi)) ** 2 + variance
    information = np.exp(-(gap**2) / (2 * spread)) / np.sqrt(2 * math.pi * spread) / noise
    np.fill_diagonal(information, 0.0)

    def gains(shown: Sequence[int], left: Array) -> Array:
        boards = np.concatenate([np.tile(np.array(shown, int), (len(left), 1)), left[:, None]], 1)
        at = boards[:, :, None], boards[:, None, :]
        size = boards.shape[1]
        # An order of n images counts as n − 1 answers, not as one per pair.
        pairs = information[at] * 2 / size
        precision = np.eye(size) * pairs.sum(axis=2)[:, :, None] - pairs
        total: Array = 0.5 * np.linalg.slogdet(np.eye(size) + precision @ covariance[at])[1]
        return total

    return gains


def _disagreement(mean: Array, covariance: Array, noise: float) -> Gains:
    gap, variance = _gaps(mean, covariance)
    values = (gap[..., None] + np.sqrt(variance)[..., None] * NODES) / noise
    answers, weights = logistic(values), NODE_WEIGHTS / NODE_WEIGHTS.sum()
    information = _entropy(answers @ weights) - _entropy(answers) @ weights
    np.fill_diagonal(information, 0.0)

    def gains(shown: Sequence[int], left: Array) -> Array:
        taken = np.array(shown, int)
        among = information[np.ix_(taken, taken)].sum() / 2
        total: Array = among + information[np.ix_(left, taken)].sum(axis=1)
        return total

    return gains


_METHODS: dict[str, Callable[[Array, Array, float], Gains]] = {
    "information": _information,
    "disagreement": _disagreement,
}


def _gaps(mean: Array, covariance: Array) -> tuple[Array, Array]:
    """Mean and variance of each pair's gap: both (images, images)."""
    own = np.diag(covariance)
    return mean[:, None] - mean, np.maximum(own[:, None] + own - 2 * covariance, 0.0)


def _entropy(share: Array) -> Array:
    kept = np.clip(share, 1e-12, 1 - 1e-12)
    return np.asarray(-kept * np.log(kept) - (1 - kept) * np.log(1 - kept))
