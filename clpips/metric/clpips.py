"""CLPIPS: LPIPS whose layer-combination weights are refitted to one person's rankings."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from clpips.errors import InputError, NotFitted, StoppedShort
from clpips.features.base import Encoder, Space
from clpips.features.batching import Unusable
from clpips.features.cache import SpaceCache, VectorCache
from clpips.features.lpips import Vectors
from clpips.features.names import BACKBONES, SPACES, Backbone, is_space_name
from clpips.features.registry import open_space, space_of
from clpips.io.images import ImageSource
from clpips.metric.card import Card
from clpips.metric.fit import FittedWeights, fit_weights
from clpips.metric.observations import Known, Observation, observe
from clpips.metric.participants import rankings_to_fit
from clpips.metric.pooled import PooledPrior
from clpips.metric.serialization import read_metric, write_lpips, write_metric
from clpips.metric.settings import FitSettings, Start
from clpips.progress import Watch
from clpips.types import Granularity, Ranking


@dataclass(frozen=True, slots=True)
class Distances:
    """Distances of some images from one target.

    Args:
        values: one distance per image, in the order given; smaller is nearer.
        resized: whether each image was resized to the target's size before it was compared.
    """

    values: tuple[float, ...]
    resized: tuple[bool, ...]


class CLPIPS:
    """LPIPS v0.1, stock until :meth:`fit` refits its weights to rankings.

    The network stays frozen and the distance stays linear in its weights:
    ``distance(x, y) = w · d(x, y)`` with w ≥ 0 (see :mod:`clpips.features.lpips`). Unfitted it
    equals the ``lpips`` package to 1e-6.

    Args:
        backbone: the name of a feature space (:mod:`clpips.features`).
        granularity: what is learnt: ``channel`` — every weight (1152 for alex) — or ``layer``,
            one multiplier per block of the stock weights.
        margin, shrinkage, start, seed: see :class:`clpips.metric.settings.FitSettings`. What is
            ``None`` is selected from the rankings, by nested leave-one-target-out.
        device: where the network runs.

    Attributes:
        weights_: (channels,) learnt weights, after ``fit``; all ≥ 0.
        card_: what they were learnt from, after ``fit``.
        fit_: the fit itself, after ``fit``: comparisons, hyper-parameters and solution, which an
            evaluation of the same rankings uses again.
    """

    def __init__(
        self,
        backbone: Backbone = "alex",
        *,
        granularity: Granularity | None = None,
        margin: float | None = None,
        shrinkage: float | None = None,
        start: Start | None = None,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        if not is_space_name(backbone):
            raise InputError(
                f"backbone must be one of {SPACES}, timm:<model> or transformers:<model>, "
                f"got {backbone!r}"
            )
        self.backbone: Backbone = backbone
        self.settings = FitSettings(granularity, margin, shrinkage, start, seed)
        self.device = device
        self._network: Encoder | None = None

    def __repr__(self) -> str:
        """What it is: of which space, and whose, learnt from how much."""
        card: Card | None = getattr(self, "card_", None)
        return f"<CLPIPS {self.backbone}: {'stock, not fitted' if card is None else card.summary}>"

    @property
    def weights(self) -> Vectors:
        """(channels,) the weights in use: learnt ones after ``fit``, else the stock weights."""
        learnt: Vectors | None = getattr(self, "weights_", None)
        return self.space.stock if learnt is None else learnt

    @cached_property
    def space(self) -> Space:
        """The feature space: its blocks and unfitted weights."""
        return space_of(self.backbone)

    @property
    def is_fitted(self) -> bool:
        """Whether :meth:`fit` (or :meth:`load`) has given it a person's weights."""
        return hasattr(self, "weights_")

    def layer_weights(self) -> list[Vectors]:
        """The weights in use, block by block."""
        return self.space.by_block(self.weights)

    def network(self) -> Encoder:
        """The frozen networks, loaded when first needed."""
        if self._network is None:
            self._network = open_space(self.backbone, device=self.device)
        return self._network

    def observe(
        self,
        rankings: Sequence[Ranking | Observation],
        *,
        known: Known | None = None,
        cache: VectorCache | None = None,
        watch: Watch | None = None,
        unusable: Unusable | None = None,
    ) -> list[Observation]:
        """Rankings with their difference vectors.

        Args:
            rankings: images as paths; observations among them stay as they are.
            known: difference vectors at hand, by (target, image); these are not computed again.
            cache: keeps difference vectors on disk (:mod:`clpips.features.cache`).
            watch: progress and cancel.
            unusable: receives the pictures that cannot be used, and why; rankings with them are
                left out. Without it, such a picture is an error.
        """
        kept = None if cache is None else self.kept_in(cache)
        return observe(
            rankings, self.network, known=known, cache=kept, watch=watch, unusable=unusable
        )

    def kept_in(self, cache: VectorCache) -> SpaceCache:
        """This metric's vectors in a cache; where weights vary, the network says which it has."""
        checksum = self.space.checksum or self.network().checksum
        return cache.of(self.backbone, checksum, len(self.space.stock))

    def fit(
        self,
        rankings: Sequence[Ranking | Observation],
        *,
        participant: str | None = None,
        pooled: bool = False,
        prior: PooledPrior | None = None,
        known: Known | None = None,
        watch: Watch | None = None,
    ) -> Self:
        """Learn weights from rankings, by the convex problem of :mod:`clpips.metric.solver`.

        Args:
            rankings: images as paths. Or observations, whose difference vectors are at hand.
            participant: learn from this participant's rankings alone.
            pooled: learn one metric from the rankings of all participants. Rankings of several
                people need one of the two.
            prior: pooled weights of all participants, towards which this person's are pulled;
                ``None`` pulls towards the stock weights.
            known: difference vectors at hand, by (target, image).
            watch: progress and cancel.

        Raises:
            InputError: no ranking makes a comparison, or several people's rankings without
                ``participant`` or ``pooled``.
            ImageError: an image that cannot be used.
            Cancelled: the caller cancelled; nothing was learnt.
        """
        rankings = rankings_to_fit(rankings, participant=participant, pooled=pooled)
        observations = self.observe(rankings, known=known, watch=watch)
        fitted = fit_weights(observations, self.space, self.settings, prior=prior, watch=watch)
        self.weights_, self.card_, self.fit_ = fitted.weights, self._card_of(fitted), fitted
        if self.card_.stopped_short is not None:
            warnings.warn(self.card_.stopped_short, StoppedShort, stacklevel=2)
        return self

    def _card_of(self, fitted: FittedWeights) -> Card:
        """The card of a fit; the prior's rankings are named where it was pulled towards it."""
        pulled_by = fitted.prior if fitted.settings.start == "pooled" else None
        others = () if pulled_by is None else pulled_by.problem.observations
        return Card.of_fit(
            self.space,
            [one.ranking for one in fitted.problem.observations],
            fitted.settings,
            fitted.gap,
            [one.ranking for one in others],
        )

    def distances_of(self, vectors: Vectors) -> Vectors:
        """Difference vectors (n, channels) → distances (n,)."""
        return vectors @ self.weights

    def distances(
        self,
        target: ImageSource,
        images: Sequence[ImageSource],
        *,
        value_range: tuple[float, float] | None = None,
        watch: Watch | None = None,
    ) -> Distances:
        """Distances of some images from one target; the target's features are computed once.

        Args:
            target, images: anything that :func:`clpips.io.images.load_image` takes. An image of
                another size is resized to the target's.
            value_range: stated range of float arrays and tensors, by default [-1, 1].
            watch: progress and cancel.

        Raises:
            ImageError: an image that cannot be used.
        """
        found = self.network().difference_vectors(
            target, images, value_range=value_range, watch=watch
        )
        values = self.distances_of(found.vectors)
        return Distances(tuple(float(value) for value in values), found.resized)

    def distance(
        self,
        target: ImageSource,
        image: ImageSource,
        *,
        value_range: tuple[float, float] | None = None,
    ) -> float:
        """Distance of one image from the target: 0 (to rounding) for the same picture."""
        return self.distances(target, [image], value_range=value_range).values[0]

    def rank(
        self,
        target: ImageSource,
        images: Sequence[ImageSource],
        *,
        value_range: tuple[float, float] | None = None,
    ) -> list[int]:
        """Indices of the images, nearest first; equal distances keep their order."""
        values = self.distances(target, images, value_range=value_range).values
        return sorted(range(len(values)), key=values.__getitem__)

    def save(
        self, path: str | os.PathLike[str], *, held_out: Mapping[str, Any] | None = None
    ) -> None:
        """Write the learnt weights and their card as ``<name>.safetensors``.

        Args:
            path: must end in ``.safetensors``.
            held_out: held-out agreement with its interval, for the card.

        Raises:
            NotFitted: there is nothing to save yet.
            InputError: another ending.
        """
        self._check_fitted()
        card = self.card_.with_held_out(held_out) if held_out is not None else self.card_
        write_metric(path, self.layer_weights(), card)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, device: str = "cpu") -> Self:
        """Read a personal metric; strict.

        Raises:
            MetricFileError: not such a file, or missing, extra, misshaped, negative or
                non-finite weights.
        """
        layers, card = read_metric(path)
        return cls.of_weights(np.concatenate(layers), card, device=device)

    @classmethod
    def of_weights(cls, weights: Vectors, card: Card, *, device: str = "cpu") -> Self:
        """A metric of weights that were fitted before, or in another way than :meth:`fit`'s.

        Args:
            weights: (channels,), all ≥ 0.
            card: what they were learnt from, and how.
            device: where the network runs.
        """
        settings = card.settings
        metric = cls(
            card.backbone,
            granularity=settings.granularity,
            margin=settings.margin,
            shrinkage=settings.shrinkage,
            start=settings.start,
            seed=settings.seed,
            device=device,
        )
        metric.weights_, metric.card_ = weights, card
        return metric

    def save_lpips(self, path: str | os.PathLike[str]) -> None:
        """Write weights and network under the names that the ``lpips`` package uses.

        ``lpips.LPIPS(net=backbone, pnet_rand=True, model_path=path)`` then needs no download
        and gives these distances to 1e-6. An unfitted metric writes the stock weights.

        Raises:
            WeightsError: the network's own weights could not be had.
        """
        if Path(path).suffix.lower() != ".pth":
            raise InputError(f"an lpips export must end in .pth, got {str(path)!r}")
        if self.backbone not in BACKBONES:
            raise InputError(
                f"the lpips package knows the networks {BACKBONES} alone, got {self.backbone!r}"
            )
        write_lpips(path, self.backbone, self.layer_weights())

    def _check_fitted(self) -> None:
        if not self.is_fitted:
            raise NotFitted("this metric has not been fitted: call fit first")
