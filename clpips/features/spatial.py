"""An encoder of spatial layers: unit-normalised features of each tap, compared place by place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from clpips.features.base import InBatches
from clpips.features.lpips import EPSILON, SCALE, SHIFT, Vectors


class LayeredEncoder(InBatches):
    """A frozen network cut into slices, compared as LPIPS does.

    Args:
        slices: each takes the output of the one before; every output is a tap.
        checksum: of the weights.
        device: where the slices are.
    """

    def __init__(
        self, slices: Sequence[nn.Module], *, checksum: str, device: str | torch.device = "cpu"
    ) -> None:
        self.slices, self.checksum, self.device = tuple(slices), checksum, torch.device(device)
        self._shift = torch.tensor(SHIFT, device=self.device)[:, None, None]
        self._scale = torch.tensor(SCALE, device=self.device)[:, None, None]

    @torch.inference_mode()
    def features(self, images: Tensor) -> tuple[Tensor, ...]:
        """Each tap divided by its length over the channels: tensors (n, channels, h, w)."""
        activation, taps = (images.to(self.device) - self._shift) / self._scale, []
        for layers in self.slices:
            activation = layers(activation)
            length = torch.linalg.vector_norm(activation, dim=1, keepdim=True)
            taps.append(activation / (length + EPSILON))
        return tuple(taps)

    @torch.inference_mode()
    def differences(self, target: Sequence[Tensor], images: Sequence[Tensor]) -> Vectors:
        """Features of one target and of n images → (n, channels) difference vectors."""
        per_layer = [
            (image - its_target).square_().mean(dim=(2, 3))  # (n, c, h, w) -> (n, c)
            for its_target, image in zip(target, images, strict=True)
        ]
        return torch.cat(per_layer, dim=1).cpu().numpy().astype(np.float64)
