"""SSIM of a generated image to its target and its history, and as PMG-bench published it.

Structural similarity (Wang et al. 2004) with a Gaussian window of 11 pixels, σ 1.5, k₁ .01, k₂ .03,
over RGB in [0, 1], as in torchmetrics, but in float64: in float32, flat images lose digits.
``ssim_compat`` has ``data_range`` 2.0, as the published table: both stabilising constants are then
four times too large, which inflates every value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from clpips.bench.metrics.card import MetricCard
from clpips.bench.metrics.pairs import SIDE, Against, PairFamily, PairMetric
from clpips.features.cache import VectorCache

WINDOW, SIGMA, K1, K2 = 11, 1.5, 0.01, 0.03
RANGES = (1.0, 2.0)
"""The data range of ``ssim`` and of ``ssim_compat``."""


def ssim_metrics(
    *, cache: VectorCache | None, device: str = "cpu", side: int = SIDE
) -> dict[str, PairMetric]:
    """``ssim_target``, ``ssim_history``, ``ssim_compat_target``, ``ssim_compat_history``."""
    family = PairFamily(
        "ssim 1",
        lambda picture: _state(picture, torch.device(device)),
        compare,
        count=len(RANGES),
        cache=cache,
        side=side,
    )
    found = {}
    for place, (name, title, note) in enumerate(
        (
            ("ssim", "SSIM", ""),
            (
                "ssim_compat",
                "SSIM as published",
                "Data range 2.0 on inputs in [0, 1], as in PMG-bench: higher than SSIM.",
            ),
        )
    ):
        for against in ("target", "history"):
            card = MetricCard(
                f"{name}_{against}",
                f"{title}, {against}",
                "higher",
                -1.0,
                1.0,
                "none",
                "",
                f"data range {RANGES[place]}, window 11, σ 1.5",
                f"both images resized to {side} × {side} (bicubic, aspect ratio not kept), RGB",
                "no weights",
                note,
            )
            found[card.name] = PairMetric(card, family, _against(against), place)
    return found


def _against(words: str) -> Against:
    return "target" if words == "target" else "history"


@dataclass(frozen=True, slots=True)
class _State:
    """An image with its borders, its local means, and the local means of its squares."""

    image: Tensor
    mean: Tensor
    square: Tensor


@torch.inference_mode()
def _state(picture: Image.Image, device: torch.device) -> _State:
    pixels = torch.from_numpy(np.array(picture)).to(device)
    image = pixels.permute(2, 0, 1)[None].double() / 255
    # As torchmetrics: mirrored at the borders, so that every pixel has its window.
    image = functional.pad(image, (WINDOW // 2,) * 4, mode="reflect")
    return _State(image, _blurred(image), _blurred(image * image))


@torch.inference_mode()
def compare(first: _State, second: _State) -> Sequence[float]:
    """The mean SSIM of two states over places and channels, at each of :data:`RANGES`."""
    product = first.mean * second.mean
    both = first.mean**2 + second.mean**2
    variance = (first.square - first.mean**2).clamp(min=0)
    variance = variance + (second.square - second.mean**2).clamp(min=0)
    covariance = _blurred(first.image * second.image) - product
    found = []
    for data_range in RANGES:
        c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
        local = (2 * product + c1) * (2 * covariance + c2) / ((both + c1) * (variance + c2))
        found.append(float(local.mean()))
    return found


def _blurred(image: Tensor) -> Tensor:
    """Gaussian means over the window, where it lies wholly inside: one axis after the other."""
    places = torch.arange(WINDOW, dtype=torch.float64) - (WINDOW - 1) / 2
    weights = torch.exp(-((places / SIGMA) ** 2) / 2)
    kernel = (weights / weights.sum()).to(image)
    channels = image.shape[1]
    down = kernel.view(1, 1, -1, 1).repeat(channels, 1, 1, 1)
    across = kernel.view(1, 1, 1, -1).repeat(channels, 1, 1, 1)
    return functional.conv2d(
        functional.conv2d(image, down, groups=channels), across, groups=channels
    )
