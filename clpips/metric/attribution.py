"""Explain a personal metric by its layers and by the comparisons that it reverses.

With the network frozen a distance is a sum over channels, so it decomposes exactly into the
share of each *block* (a layer of the network); its location in the image is given by
:mod:`clpips.metric.distance_maps`.

A metric multiplied by a constant ranks the same. So two metrics are only compared after each was
divided by its own mean distance over the same ranked images: 1 is then the distance of an
average candidate, by either metric.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from clpips.errors import InputError, UndefinedStatistic
from clpips.features.lpips import Vectors
from clpips.metric.observations import Observation

MIN_FOLDS = 3
"""With fewer left-out targets there is no meaningful interval."""
LEVEL = 0.95


# --- shares of a distance -------------------------------------------------------------------


def layer_shares(vectors: Vectors, weights: Vectors, channels: Sequence[int]) -> Vectors:
    """The share of a distance due to each block.

    Args:
        vectors: (channels,) one difference vector, or (n, channels).
        weights: (channels,), all ≥ 0; or (n, channels), each vector's own.
        channels: channels of each block, first block first.

    Returns:
        (blocks,) or (n, blocks), each row ≥ 0 with the sum 1.

    >>> layer_shares(np.array([1.0, 1.0, 2.0]), np.array([1.0, 1.0, 3.0]), [2, 1]).tolist()
    [0.25, 0.75]

    Raises:
        InputError: numbers of channels that do not match.
        UndefinedStatistic: a distance of 0 has no shares.
    """
    parts = block_distances(vectors, weights, channels)
    total = parts.sum(axis=-1, keepdims=True)
    if not (total > 0).all():
        raise UndefinedStatistic("a distance of 0 has no shares")
    shares: Vectors = parts / total
    return shares


def block_distances(vectors: Vectors, weights: Vectors, channels: Sequence[int]) -> Vectors:
    """Each block's part of a distance: (…, channels) → (…, blocks); their sum is the distance.

    Raises:
        InputError: numbers of channels that do not match.
    """
    if not (vectors.shape[-1] == weights.shape[-1] == sum(channels)):
        raise InputError(
            "difference vectors, weights and blocks must have the same channels, "
            f"got {vectors.shape[-1]}, {weights.shape[-1]} and {sum(channels)}"
        )
    starts = np.cumsum([0, *channels[:-1]])
    parts: Vectors = np.add.reduceat(vectors * weights, starts, axis=-1)
    return parts


def mean_vector(observations: Sequence[Observation]) -> Vectors:
    """(channels,) the mean difference vector of every ranked image, each counting once a ranking.

    Raises:
        InputError: no observation.
    """
    if not observations:
        raise InputError("a mean difference vector needs at least one ranking, got none")
    mean: Vectors = np.concatenate([one.vectors for one in observations]).mean(axis=0)
    return mean


# --- layer weights with uncertainty -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BlockShare:
    """One block's share of the mean distance, by stock and by a personal metric.

    Args:
        stock, personal: in [0, 1].
        error: jackknife standard error of ``personal``.
        interval: 95 % interval of ``personal``, within [0, 1].
        differs: whether ``stock`` lies outside the interval; if not, the two cannot be
            distinguished. Each block is judged by itself: of twenty, one is expected to differ by
            chance.
    """

    stock: float
    personal: float
    error: float
    interval: tuple[float, float]
    differs: bool


def layer_uncertainty(
    folds: Vectors, personal: Vectors, stock: Vectors, channels: Sequence[int], mean: Vectors
) -> tuple[BlockShare, ...]:
    """Each block's share of the mean distance with the jackknife over left-out targets.

    With n targets and θ₍ᵢ₎ the share by weights fitted without target i, the standard error is
    √((n − 1)/n · Σ (θ₍ᵢ₎ − θ̄)²) (Efron and Stein 1981, equation 1.4) and the interval is the
    share ± Student's t with n − 1 degrees of freedom. The images (``mean``) are held fixed: the
    interval covers the uncertainty from the person's rankings, not from other images. Weights that
    are all 0 without some target leave every share open: the error is infinite, the interval
    [0, 1].

    Args:
        folds: (channels, folds) weights fitted without each target in turn.
        personal: (channels,) weights fitted with all of them.
        stock: (channels,) stock weights.
        channels: channels of each block; neighbouring blocks may be added up beforehand.
        mean: (channels,) the mean difference vector of the ranked images.

    Raises:
        InputError: numbers of channels that do not match.
        UndefinedStatistic: fewer than three folds.
    """
    if folds.ndim != 2:
        raise InputError(f"folds must have the shape (channels, folds), got {folds.shape}")
    count = folds.shape[1]
    if count < MIN_FOLDS:
        raise UndefinedStatistic(
            f"an interval over left-out targets needs at least {MIN_FOLDS} of them, got {count}"
        )
    if (mean @ folds > 0).all():
        left_out = layer_shares(np.broadcast_to(mean, (count, len(mean))), folds.T, channels)
        spread = ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0)
        errors = np.sqrt((count - 1) / count * spread)
    else:  # without one target nothing at all is weighed, so any share may be
        errors = np.full(len(channels), np.inf)
    reach = float(stats.t.ppf((1 + LEVEL) / 2, count - 1))
    return tuple(
        _block_share(float(its_stock), float(its_personal), float(error), reach)
        for its_stock, its_personal, error in zip(
            layer_shares(mean, stock, channels),
            layer_shares(mean, personal, channels),
            errors,
            strict=True,
        )
    )


def _block_share(stock: float, personal: float, error: float, reach: float) -> BlockShare:
    low, high = max(personal - reach * error, 0.0), min(personal + reach * error, 1.0)
    return BlockShare(stock, personal, error, (low, high), not low <= stock <= high)


# --- comparisons that turned ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Flip:
    """One comparison that stock and personal metric order differently.

    Args:
        observation: number of the ranking it comes from, in the order given.
        nearer, farther: places in ``ranking.images`` of the images that the *person* put nearer
            and farther.
        stock, personal: the two images' distances (nearer, farther) by each metric, in units of
            that metric's mean distance.
        gained: ``True``: personal orders them as the person did and stock does not; ``False``:
            the other way round.
    """

    observation: int
    nearer: int
    farther: int
    stock: tuple[float, float]
    personal: tuple[float, float]
    gained: bool

    @property
    def change(self) -> float:
        """How far the comparison moved: the gap by personal − the gap by stock; lost ones < 0."""
        return (self.personal[1] - self.personal[0]) - (self.stock[1] - self.stock[0])


@dataclass(frozen=True, slots=True)
class Flips:
    """Every comparison of some rankings, sorted by who agrees with the person.

    Args:
        gained, lost: the largest change first.
        both_right, both_wrong: comparisons on which the two metrics agree.
        tied: comparisons that either metric calls equal; in none of the others.
    """

    gained: tuple[Flip, ...]
    lost: tuple[Flip, ...]
    both_right: int
    both_wrong: int
    tied: int

    @property
    def n_comparisons(self) -> int:
        """All comparisons of the rankings."""
        kept = self.both_right + self.both_wrong + self.tied
        return kept + len(self.gained) + len(self.lost)


def flipped(observations: Sequence[Observation], stock: Vectors, personal: Vectors) -> Flips:
    """The comparisons that a personal metric reversed, rightly and wrongly.

    Args:
        observations: rankings with their difference vectors.
        stock: (channels,) stock weights.
        personal: (channels, observations): for each ranking, weights that were fitted without
            its target, so that nothing is explained by weights fitted to it. Or (channels,).

    Raises:
        InputError: no observation, or shapes that do not match.
    """
    by_stock = _in_mean_distances(observations, np.repeat(stock[:, None], len(observations), 1))
    own = np.repeat(personal[:, None], len(observations), 1) if personal.ndim == 1 else personal
    by_personal = _in_mean_distances(observations, own)
    gained: list[Flip] = []
    lost: list[Flip] = []
    kept = {"right": 0, "wrong": 0, "tied": 0}
    for number, one in enumerate(observations):
        ranks, before, after = np.asarray(one.ranking.ranks), by_stock[number], by_personal[number]
        for nearer, farther in np.argwhere(ranks[:, None] < ranks[None, :]).tolist():
            was = float(np.sign(before[farther] - before[nearer]))
            now = float(np.sign(after[farther] - after[nearer]))
            if was * now >= 0:  # the same answer, or no answer
                kept["tied" if was * now == 0 else "right" if now > 0 else "wrong"] += 1
                continue
            flip = Flip(
                number,
                nearer,
                farther,
                (float(before[nearer]), float(before[farther])),
                (float(after[nearer]), float(after[farther])),
                now > 0,
            )
            (gained if flip.gained else lost).append(flip)
    return Flips(
        tuple(sorted(gained, key=lambda flip: -flip.change)),
        tuple(sorted(lost, key=lambda flip: flip.change)),
        kept["right"],
        kept["wrong"],
        kept["tied"],
    )


def mean_distance(observations: Sequence[Observation], weights: Vectors) -> float:
    """A metric's mean distance over every ranked image: the unit that makes metrics comparable.

    Raises:
        InputError: no observation.
        UndefinedStatistic: every distance is 0.
    """
    mean = float(mean_vector(observations) @ weights)
    if not mean > 0:
        raise UndefinedStatistic("a metric by which every distance is 0 has no unit")
    return mean


def _in_mean_distances(observations: Sequence[Observation], weights: Vectors) -> list[Vectors]:
    """Each ranking's distances by its own column of weights, over those weights' own mean."""
    mean = mean_vector(observations)
    if weights.shape != (len(mean), len(observations)):
        raise InputError(
            f"weights must have the shape {(len(mean), len(observations))}, one column for each "
            f"ranking, got {weights.shape}"
        )
    units = mean @ weights
    units = np.where(units > 0, units, 1.0)  # weights that are all 0 make ties in any unit
    return [
        one.vectors @ weights[:, number] / units[number] for number, one in enumerate(observations)
    ]
