"""LPIPS of a generated image to its target and its history.

Zhang et al. 2018, v0.1 weights; ``vgg`` as PMG-bench published it. It is not bounded by 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from clpips.bench.metrics.card import MetricCard
from clpips.bench.metrics.pairs import SIDE, Against, PairFamily, PairMetric
from clpips.features.cache import VectorCache
from clpips.features.lpips import Network
from clpips.features.names import Backbone
from clpips.features.weights import stock_weights


def lpips_metrics(
    backbone: Backbone = "vgg",
    *,
    cache: VectorCache | None,
    device: str | torch.device = "cpu",
    side: int = SIDE,
) -> dict[str, PairMetric]:
    """``lpips_target`` and ``lpips_history``; with another network than VGG, ``lpips_alex_…``.

    Raises:
        WeightsError: the network's weights cannot be had.
    """
    network, weights = Network(backbone, device=device), stock_weights(backbone)

    def compare(first: Any, second: Any) -> Sequence[float]:
        return [float(network.differences(second, first)[0] @ weights)]

    family = PairFamily(
        f"lpips 1\n{network.checksum}",
        lambda picture: network.features(as_input(picture)),
        compare,
        cache=cache,
        side=side,
    )
    prefix, title = ("lpips", "LPIPS") if backbone == "vgg" else (f"lpips_{backbone}", "LPIPS Alex")
    against: tuple[Against, ...] = ("target", "history")
    return {
        f"{prefix}_{each}": PairMetric(
            MetricCard(
                f"{prefix}_{each}",
                f"{title}, {each}",
                "lower",
                0.0,
                None,
                f"LPIPS v0.1, {backbone}",
                network.checksum,
                "0.1",
                f"both images resized to {side} × {side} (bicubic, aspect ratio not kept), [-1, 1]",
                "BSD-2-Clause",
            ),
            family,
            each,
        )
        for each in against
    }


def as_input(picture: Image.Image) -> torch.Tensor:
    """An RGB picture → (1, 3, height, width) in [-1, 1]."""
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None]
    return pixels.float() / 127.5 - 1
