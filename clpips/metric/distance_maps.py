"""Where in the picture a distance lies, by stock and by personal weights.

A distance is a mean over the picture of weighted squared differences (Zhang et al. 2018,
equation 1), so before that mean it is a map: the one that ``lpips.LPIPS(spatial=True)`` gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from clpips.errors import InputError
from clpips.features.lpips import Vectors
from clpips.io.images import ImageSource, load_image, resize_like
from clpips.metric.clpips import CLPIPS


@dataclass(frozen=True, slots=True)
class DistanceMaps:
    """Where two pictures differ, by stock and by personal weights.

    Args:
        stock, personal: (height, width) float64, all ≥ 0, at the target's size. The mean over
            the picture is near the distance but not the same number: layers are spread over
            the picture bilinearly, which counts their borders a little differently.
        distances: the exact distances (stock, personal).
        resized: whether the image was resized to the target's size first.
    """

    stock: Vectors
    personal: Vectors
    distances: tuple[float, float]
    resized: bool


def distance_maps(
    metric: CLPIPS,
    target: ImageSource,
    image: ImageSource,
    *,
    personal: Vectors | None = None,
) -> DistanceMaps:
    """The distance of an image from a target as a map, before and after personalising.

    Each layer's weighted squared difference is spread over the picture bilinearly and the layers
    are added up, as ``lpips.LPIPS(spatial=True)`` does; the stock map equals its to 1e-5. A block
    of pooled features has no places, so it adds the same everywhere.

    Args:
        metric: fitted, unless ``personal`` is given; its network is used.
        target, image: anything that :func:`clpips.io.images.load_image` takes.
        personal: (channels,) other weights than the metric's, such as ones fitted without this
            very target.

    Raises:
        ImageError: an image that cannot be used.
        InputError: a feature space whose distance is no sum over places.
    """
    network = metric.network()
    reference, other = load_image(target), load_image(image)
    resized = other.shape != reference.shape
    both = torch.stack([reference, resize_like(other, reference)])
    stock = type(metric)(metric.backbone).weights
    weights = np.stack([stock, metric.weights if personal is None else personal])
    features = network.features(both)
    taps = [_places(tap[0] - tap[1]) for tap in features]
    vector = np.concatenate([tap.mean(dim=(1, 2)).cpu().numpy().astype(np.float64) for tap in taps])
    known = network.differences([tap[:1] for tap in features], [tap[1:] for tap in features])[0]
    if vector.shape != known.shape or not np.allclose(vector, known, rtol=1e-3, atol=1e-6):
        raise InputError(f"a distance in the space {metric.backbone!r} is no sum over places")
    maps = _added_up(taps, weights, (reference.shape[1], reference.shape[2]))
    exact = weights @ known
    return DistanceMaps(maps[0], maps[1], (float(exact[0]), float(exact[1])), resized)


def _places(difference: Tensor) -> Tensor:
    """A tap's difference, (channels,) or (channels, h, w), squared: (channels, h, w)."""
    squared = difference.square()
    return squared[:, None, None] if squared.ndim == 1 else squared


def _added_up(taps: Sequence[Tensor], weights: Vectors, size: tuple[int, int]) -> Vectors:
    """Squared differences and weights (metrics, channels) → maps (metrics, height, width)."""
    total, start = np.zeros((len(weights), *size)), 0
    for tap in taps:
        own = torch.from_numpy(weights[:, start : start + len(tap)]).to(tap)
        layer = torch.einsum("mc,chw->mhw", own, tap)[None]
        spread = functional.interpolate(layer, size=size, mode="bilinear", align_corners=False)
        total += spread[0].cpu().numpy()
        start += len(tap)
    return total
