"""What to ask next: which of the images made for a target are worth showing to a person.

What a person's weights may be after the rankings so far is :mod:`clpips.active.posterior`'s. A
board is worth showing when the answer to it would change that posterior most.

Two methods choose, greedily, image by image:

* ``information``: the expected information of the whole board about the weights,
  ½ log det(I + A C), where C is the covariance of the board's distances and A what an answer
  tells about them (Bayesian D-optimality; Chaloner and Verdinelli 1995). An answer that is as
  good as known, or lost in the noise, tells nothing.
* ``disagreement``: the mutual information between the answer to each pair and the weights, summed
  over the board's pairs, each pair for itself: how much weights that fit the rankings so far
  disagree about the answer, less what is noise (Houlsby et al. 2011).

Some images are always drawn at random, first, so that whatever the belief gets wrong can still be
noticed, and the boards keep images that every method could have shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np

from clpips.active.posterior import Array, believe, check_vectors, logistic
from clpips.errors import InputError

if TYPE_CHECKING:  # it needs torch, which a choice does not
    from clpips.metric.observations import Observation

Gains: TypeAlias = Callable[[Sequence[int], Array], Array]
"""Images shown so far and images to try (n,) → how much each board would tell (n,)."""

Method = Literal["random", "information", "disagreement"]
METHODS: tuple[Method, ...] = get_args(Method)
Why = Literal["random", "informative", "nearest"]

NODES, NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(15)


@dataclass(frozen=True, slots=True)
class ChoiceSettings:
    """How images are chosen.

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
    """One chosen image.

    Args:
        index: its place among the images that there were to choose from.
        why: ``random``, or ``informative`` where the method asked for it.
        gain: how much the board was expected to tell with it beyond without it, in nats;
            ``None`` for a random one.
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
        pool: (images, channels) difference vectors of the images made for one target.
        observations: the person's rankings so far, of any targets.
        settings: how many, and how.
        stock: (channels,) the weights expected before any ranking, ≥ 0.
        channels: how many of them each layer (or block) has.

    Returns:
        ``settings.shown`` picks, or all images where there are no more: the random ones first,
        then the informative ones in the order in which they were chosen.

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
    belief = believe(observations, pool, stock=stock, channels=channels, noise=settings.noise)
    gains = _METHODS[settings.method](*belief.about(pool), settings.noise)
    before = float(gains(drawn[:-1], np.array(drawn[-1:]))[0])
    while len(picks) < shown:
        taken = [pick.index for pick in picks]
        left = np.setdiff1d(np.arange(len(pool)), taken)
        told = gains(taken, left)
        best = int(told.argmax())
        picks.append(Pick(int(left[best]), "informative", float(told[best]) - before))
        before = float(told[best])
    return tuple(picks)


def _information(mean: Array, covariance: Array, noise: float) -> Gains:
    gap, variance = _gaps(mean, covariance)
    # A logistic density is nearly a normal one with the same peak, so its mean over a Gaussian
    # belief has a closed form: how much one answer is expected to tell about its gap.
    spread = (4 * noise / math.sqrt(2 * math.pi)) ** 2 + variance
    told = np.exp(-(gap**2) / (2 * spread)) / np.sqrt(2 * math.pi * spread) / noise
    np.fill_diagonal(told, 0.0)

    def gains(shown: Sequence[int], left: Array) -> Array:
        boards = np.concatenate([np.tile(np.array(shown, int), (len(left), 1)), left[:, None]], 1)
        at = boards[:, :, None], boards[:, None, :]
        size = boards.shape[1]
        # An order of n images is n − 1 facts, not as many as it has pairs.
        pairs = told[at] * 2 / size
        about = np.eye(size) * pairs.sum(axis=2)[:, :, None] - pairs
        total: Array = 0.5 * np.linalg.slogdet(np.eye(size) + about @ covariance[at])[1]
        return total

    return gains


def _disagreement(mean: Array, covariance: Array, noise: float) -> Gains:
    gap, variance = _gaps(mean, covariance)
    values = (gap[..., None] + np.sqrt(variance)[..., None] * NODES) / noise
    answers, weights = logistic(values), NODE_WEIGHTS / NODE_WEIGHTS.sum()
    told = _entropy(answers @ weights) - _entropy(answers) @ weights
    np.fill_diagonal(told, 0.0)

    def gains(shown: Sequence[int], left: Array) -> Array:
        taken = np.array(shown, int)
        among = told[np.ix_(taken, taken)].sum() / 2
        total: Array = among + told[np.ix_(left, taken)].sum(axis=1)
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
