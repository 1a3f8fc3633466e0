"""Encoders with a few pooled vectors per image: EfficientNet, timm and transformers models.

Each block is a vector per image, centred if its model requires it and divided by its length; the
difference vector holds the squared differences, so that a block's sum is 2 − 2 · cosine
similarity. The picture is resized to the square that the model was trained on (bicubic,
antialiased, no crop), because what a person ranks is the whole picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from clpips.features.base import InBatches, Vectors

Taps: TypeAlias = Callable[[Tensor], tuple[Tensor, ...]]
"""A prepared batch (n, 3, side, side) → one tensor (n, channels) per block."""
_EPSILON = 1e-10


class PooledEncoder(InBatches):
    """A frozen network with a few output vectors per image.

    Args:
        taps: the network.
        checksum: of its weights and of everything else that its vectors depend on.
        side: pixels of the square that it takes.
        mean, std: of the three channels, for pictures in [0, 1].
        device: where it runs.
    """

    def __init__(
        self,
        taps: Taps,
        *,
        checksum: str,
        side: int,
        mean: Sequence[float],
        std: Sequence[float],
        device: str | torch.device = "cpu",
    ) -> None:
        self.taps, self.checksum, self.side = taps, checksum, side
        self.device = torch.device(device)
        self._mean = torch.tensor(mean, device=self.device)[:, None, None]
        self._std = torch.tensor(std, device=self.device)[:, None, None]

    @torch.inference_mode()
    def features(self, images: Tensor) -> tuple[Tensor, ...]:
        """Unit vectors of each block: (n, 3, height, width) in [-1, 1] → tensors (n, channels)."""
        prepared = (self._square(images.to(self.device)) / 2 + 0.5 - self._mean) / self._std
        return tuple(
            block / (block.square().sum(dim=1, keepdim=True).sqrt() + _EPSILON)
            for block in self.taps(prepared)
        )

    @torch.inference_mode()
    def differences(self, target: Sequence[Tensor], images: Sequence[Tensor]) -> Vectors:
        """Features of one target and of n images → (n, channels) difference vectors."""
        per_block = [
            (image - its_target).square() for its_target, image in zip(target, images, strict=True)
        ]
        return torch.cat(per_block, dim=1).cpu().numpy().astype(np.float64)

    def _square(self, images: Tensor) -> Tensor:
        if images.shape[2:] == (self.side, self.side):
            return images
        size = (self.side, self.side)
        resized = functional.interpolate(images, size, mode="bicubic", antialias=True)
        return resized.clamp(-1, 1)  # bicubic overshoots at edges
