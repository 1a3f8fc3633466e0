"""Rankings with their difference vectors: all that a fit or a report needs to know."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from clpips.errors import InputError
from clpips.features import Vectors
from clpips.images import load_image, resize_like
from clpips.spaces import Encoder
from clpips.types import Ranking
from clpips.watch import Watch

Known: TypeAlias = Mapping[tuple[str, str], Vectors]
"""Difference vectors at hand, by (target, image): each (channels,)."""

FEATURE_BYTES = 512 << 20
"""Features kept in memory while many rankings share images, in bytes."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One ranking and the difference vectors of its images from its target.

    Args:
        ranking: the ranking.
        vectors: (images, channels), in the order of ``ranking.images``.
    """

    ranking: Ranking
    vectors: Vectors

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.ranking.images):
            raise InputError(
                "an observation must hold one difference vector per image, "
                f"got {self.vectors.shape} for {len(self.ranking.images)} images"
            )


def observe(
    rankings: Sequence[Ranking | Observation],
    network: Callable[[], Encoder],
    *,
    known: Known | None = None,
    watch: Watch | None = None,
) -> list[Observation]:
    """Difference vectors for every image of every ranking; each pair is computed once.

    Args:
        rankings: images and targets as paths; observations among them stay as they are.
        network: gives the frozen network; only called when a vector is missing from ``known``.
        known: difference vectors that are at hand.
        watch: progress and cancel.

    Raises:
        ImageError: an image that cannot be used.
        Cancelled: the watch asked to stop.
    """
    vectors = dict(known or {})
    missing: OrderedDict[str, list[str]] = OrderedDict()
    for ranking in rankings:
        if isinstance(ranking, Observation):
            continue
        for image in ranking.images:
            if (ranking.target, image) not in vectors:
                vectors[ranking.target, image] = np.empty(0)
                missing.setdefault(ranking.target, []).append(image)
    if missing:
        for target, image, vector in _compute(missing, network(), watch or Watch()):
            vectors[target, image] = vector

    def complete(one: Ranking | Observation) -> Observation:
        if isinstance(one, Observation):
            return one
        found = [vectors[one.target, image] for image in one.images]
        return Observation(one, np.stack(found))

    return [complete(one) for one in rankings]


def by_participant(observations: Iterable[Observation]) -> dict[str, list[Observation]]:
    """Observations of each participant, participants in the order in which they appear."""
    groups: dict[str, list[Observation]] = {}
    for observation in observations:
        groups.setdefault(observation.ranking.participant, []).append(observation)
    return groups


def _compute(
    missing: Mapping[str, Sequence[str]], network: Encoder, watch: Watch
) -> Iterable[tuple[str, str, Vectors]]:
    cache = _FeatureCache(network, FEATURE_BYTES)
    total, done = sum(map(len, missing.values())), 0
    for target, images in missing.items():
        reference = load_image(target)
        of_target = cache.features(target, reference, reference)
        for image in images:
            watch.report(done / total, f"Comparing image {done + 1} of {total}")
            of_image = cache.features(image, None, reference)
            yield target, image, network.differences(of_target, of_image)[0]
            done += 1


class _FeatureCache:
    """Features by image and size, the least recently used dropped first."""

    def __init__(self, network: Encoder, budget: int) -> None:
        self.network, self.budget, self.used = network, budget, 0
        self.kept: OrderedDict[tuple[str, int, int], tuple[Tensor, ...]] = OrderedDict()

    def features(self, name: str, image: Tensor | None, like: Tensor) -> tuple[Tensor, ...]:
        key = (name, like.shape[1], like.shape[2])
        if key in self.kept:
            self.kept.move_to_end(key)
            return self.kept[key]
        tensor = resize_like(load_image(name), like) if image is None else image
        found = self.network.features(torch.stack([tensor]))
        self.kept[key] = found
        self.used += _bytes(found)
        while self.used > self.budget and len(self.kept) > 1:
            self.used -= _bytes(self.kept.popitem(last=False)[1])
        return found


def _bytes(features: tuple[Tensor, ...]) -> int:
    return sum(layer.nelement() * layer.element_size() for layer in features)
