"""Image pair → difference vector.

With the network frozen, LPIPS is linear in its weights: for images x and y let
``d[c] = mean over pixels of (x̂[c] − ŷ[c])²``, where ``x̂`` are a tapped layer's features divided
by their length over the channels, concatenated over the layers. Then ``LPIPS(x, y) = w · d(x, y)``
(Zhang et al. 2018, equation 1). So ``d``, the *difference vector*, is computed once per pair.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import nn

from clpips.features.architecture import empty_network, spec_of
from clpips.features.base import Vectors as Vectors
from clpips.features.names import Backbone
from clpips.features.spatial import LayeredEncoder
from clpips.features.weights import Progress, backbone_tensors

CPU_BATCH_BYTES = 8 << 20
"""Size of the first layer's output, in bytes, beyond which larger batches were slower on a CPU."""
DEVICE_BATCH_BYTES = 256 << 20
MAX_BATCH = 64


class Network(LayeredEncoder):
    """One frozen backbone on one device.

    On a CPU its tensors are laid out with the channels last: the default layout takes up to 1.4
    times as long for the same numbers (``python benchmarks/network.py --threads 1 --cpu-time``).

    Args:
        backbone: ``alex``, ``vgg`` or ``squeeze``.
        device: where it runs; the features of an image stay there.
        progress: called with the downloaded share if a download is needed.

    Raises:
        WeightsError: the weights are not available.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        device: str | torch.device = "cpu",
        progress: Progress = lambda words, fraction: None,
    ) -> None:
        self.backbone, self.spec = backbone, spec_of(backbone)
        device = torch.device(device)
        tensors, checksum = backbone_tensors(backbone, progress=progress)
        module = empty_network(backbone)
        module.load_state_dict(tensors, strict=True, assign=True)
        layout = torch.channels_last if device.type == "cpu" else torch.contiguous_format
        module.requires_grad_(False).eval().to(device).to(memory_format=layout)
        layers = cast(nn.Sequential, cast(nn.ModuleDict, module)["features"])
        slices = [layers[first:last] for first, last in self.spec.taps]
        super().__init__(slices, checksum=checksum, device=device, memory_format=layout)

    def batch_for(self, height: int, width: int) -> int:
        """The best batch size for images of this size.

        Larger batches spread the overhead of a pass; too large ones no longer fit the CPU cache.
        """
        slices = cast(nn.Sequential, self.slices[0])
        first = next(layer for layer in slices if isinstance(layer, nn.Conv2d))
        places = math.prod(
            -(-side // step) for side, step in zip((height, width), first.stride, strict=True)
        )
        budget = CPU_BATCH_BYTES if self.device.type == "cpu" else DEVICE_BATCH_BYTES
        return min(max(budget // (4 * first.out_channels * places), 1), MAX_BATCH)
