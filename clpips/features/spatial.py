"""Networks whose features are compared per layer and position, as in LPIPS."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from clpips.features.base import InBatches, Vectors

# LPIPS v0.1's scaling layer: ImageNet statistics, for inputs in [-1, 1].
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
EPSILON = 1e-10


class LayeredEncoder(InBatches):
    """A frozen network cut into slices, whose outputs are compared as LPIPS does.

    Args:
        slices: each takes the output of the one before; every output is a tap. None of them
            begins with a layer that works in place.
        checksum: of the weights.
        device: where the slices are.
        memory_format: the layout in memory that the slices take their input in.
    """

    def __init__(
        self,
        slices: Sequence[nn.Module],
        *,
        checksum: str,
        device: str | torch.device = "cpu",
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        self.slices, self.checksum, self.device = tuple(slices), checksum, torch.device(device)
        self.memory_format = memory_format
        self._shift = torch.tensor(SHIFT, device=self.device)[:, None, None]
        self._scale = torch.tensor(SCALE, device=self.device)[:, None, None]

    @torch.inference_mode()
    def features(self, images: Tensor) -> tuple[Tensor, ...]:
        """Unit-normalised features of each tapped layer.

        Args:
            images: (n, 3, height, width) in [-1, 1].

        Returns:
            one tensor (n, channels, height', width') per layer.
        """
        return tuple(self._taps(images))

    @torch.inference_mode()
    def differences(self, target: Sequence[Tensor], images: Sequence[Tensor]) -> Vectors:
        """Features of one target and of n images → (n, channels) difference vectors."""
        return _as_vectors(
            (image - its).square_() for its, image in zip(target, images, strict=True)
        )

    @torch.inference_mode()
    def _compared(self, target: Sequence[Tensor], images: Tensor) -> Vectors:
        """As :meth:`differences` of :meth:`features`, one layer in memory at a time."""
        return _as_vectors(
            tap.sub_(its).square_() for its, tap in zip(target, self._taps(images), strict=True)
        )

    def _taps(self, images: Tensor) -> Iterator[Tensor]:
        images = images.to(self.device)
        activation = torch.empty_like(images, memory_format=self.memory_format)
        torch.sub(images, self._shift, out=activation).div_(self._scale)
        for number, layers in enumerate(self.slices):
            tap, activation = activation, layers(activation)
            if number:  # the next layer has read it: it may be overwritten
                yield _normalised(tap)
        yield _normalised(activation)


def _normalised(activation: Tensor) -> Tensor:
    """Unit-normalise each position over the channels, in place."""
    length = torch.linalg.vector_norm(activation, dim=1, keepdim=True)
    return activation.div_(length.add_(EPSILON))


def _as_vectors(squared: Iterable[Tensor]) -> Vectors:
    """Squared differences, (n, channels, h, w) per layer → (n, all channels)."""
    means = torch.cat([layer.mean(dim=(2, 3)) for layer in squared], dim=1)
    return means.cpu().numpy().astype(np.float64)
