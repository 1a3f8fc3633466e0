"""Image pair → difference vector.

With the network frozen, LPIPS is linear in its weights: for images x and y let
``d[c] = mean over pixels of (x̂[c] − ŷ[c])²``, where ``x̂`` are a tapped layer's features divided
by their length over the channels, concatenated over the layers. Then ``LPIPS(x, y) = w · d(x, y)``
(Zhang et al. 2018, equation 1). So ``d``, the *difference vector*, is computed once per pair.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np
import torch
from torch import Tensor, nn

from clpips.features.architecture import empty_network, spec_of
from clpips.features.names import Backbone
from clpips.features.onednn import Step, can_pack, packed
from clpips.features.weights import Progress, backbone_tensors
from clpips.io.images import ImageSource, load_image, resize_like
from clpips.progress import Watch

Vectors: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

# LPIPS v0.1's scaling layer: ImageNet statistics, for inputs in [-1, 1].
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
EPSILON = 1e-10

CPU_BATCH_BYTES = 8 << 20
"""Size of the first layer's output, in bytes, beyond which larger batches were slower on a CPU."""
DEVICE_BATCH_BYTES = 256 << 20
MAX_BATCH = 64


@dataclass(frozen=True, slots=True)
class DifferenceVectors:
    """What :meth:`Network.difference_vectors` found for one target.

    Args:
        vectors: (images, channels), float64, all ≥ 0.
        resized: for each image, whether it was resized to the target's size first.
    """

    vectors: Vectors
    resized: tuple[bool, ...]


class Network:
    """One frozen backbone on one device.

    Args:
        backbone: ``alex``, ``vgg`` or ``squeeze``.
        device: where it runs; the features of an image stay there.
        progress: told about a download, should one be needed.

    Raises:
        WeightsError: the weights could not be had.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        device: str | torch.device = "cpu",
        progress: Progress = lambda words, fraction: None,
    ) -> None:
        self.backbone = backbone
        self.spec = spec_of(backbone)
        self.device = torch.device(device)
        tensors, self.checksum = backbone_tensors(backbone, progress=progress)
        module = empty_network(backbone)
        module.load_state_dict(tensors, strict=True, assign=True)
        module.requires_grad_(False).eval().to(self.device)
        layers = cast(nn.Sequential, cast(nn.ModuleDict, module)["features"])
        self._slices = [layers[first:last] for first, last in self.spec.taps]
        self._shift = torch.tensor(SHIFT, device=self.device)[:, None, None]
        self._scale = torch.tensor(SCALE, device=self.device)[:, None, None]
        self._packed = can_pack(self.device)
        self._steps: list[Step] = [packed(s) if self._packed else s for s in self._slices]
        self._last: tuple[Tensor, tuple[Tensor, ...]] | None = None

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
            [(image - its).square_() for its, image in zip(target, images, strict=True)]
        )

    def batch_for(self, height: int, width: int) -> int:
        """How many images of this size are best passed through the network at once.

        Many share the cost of a pass; too many no longer fit the processor's cache.
        """
        first = next(layer for layer in self._slices[0] if isinstance(layer, nn.Conv2d))
        places = math.prod(
            -(-side // step) for side, step in zip((height, width), first.stride, strict=True)
        )
        budget = CPU_BATCH_BYTES if self.device.type == "cpu" else DEVICE_BATCH_BYTES
        return min(max(budget // (4 * first.out_channels * places), 1), MAX_BATCH)

    def difference_vectors(
        self,
        target: ImageSource,
        images: Sequence[ImageSource],
        *,
        value_range: tuple[float, float] | None = None,
        batch_size: int | None = None,
        watch: Watch | None = None,
    ) -> DifferenceVectors:
        """Difference vectors of some images from one target, whose features are computed once.

        The last target's features are kept: handing in the same picture again costs no pass.

        Args:
            target, images: anything that :func:`clpips.io.images.load_image` takes.
            value_range: the stated range of float arrays and tensors.
            batch_size: images per network pass, by default :meth:`batch_for` their size.
            watch: told how far it is, and asked whether to stop.

        Raises:
            ImageError: an image that cannot be used.
            Cancelled: the watch asked to stop.
        """
        watch = watch or Watch()
        reference = load_image(target, value_range=value_range)
        of_target = self._features_of_target(reference)
        vectors = np.zeros((len(images), sum(self.spec.channels)))
        resized: list[bool] = []
        step = batch_size or self.batch_for(*reference.shape[1:])
        for start in range(0, len(images), step):
            watch.report(start / len(images), f"Comparing image {start + 1} of {len(images)}")
            batch = []
            for source in images[start : start + step]:
                image = load_image(source, value_range=value_range)
                resized.append(image.shape != reference.shape)
                batch.append(resize_like(image, reference))
            vectors[start : start + len(batch)] = self._compared(of_target, torch.stack(batch))
        return DifferenceVectors(vectors, tuple(resized))

    @torch.inference_mode()
    def _compared(self, target: Sequence[Tensor], images: Tensor) -> Vectors:
        """As :meth:`differences` of :meth:`features`, one layer in memory at a time."""
        return _as_vectors(
            tap.sub_(its).square_() for its, tap in zip(target, self._taps(images), strict=True)
        )

    def _features_of_target(self, reference: Tensor) -> tuple[Tensor, ...]:
        last = self._last
        if (
            last is None
            or last[0].device != reference.device
            or not torch.equal(last[0], reference)
        ):
            last = self._last = (reference.clone(), self.features(reference[None]))
        return last[1]

    def _taps(self, images: Tensor) -> Iterator[Tensor]:
        images = images.to(self.device)
        layout = torch.channels_last if self._packed else torch.contiguous_format
        activation = torch.empty_like(images, memory_format=layout)
        torch.sub(images, self._shift, out=activation).div_(self._scale)
        for number, step in enumerate(self._steps):
            tap, activation = activation, step(activation)
            if number:  # the next layer has read it: it may be overwritten
                yield _normalised(tap)
        yield _normalised(activation)


def _normalised(activation: Tensor) -> Tensor:
    """Each place divided by its length over the channels, in place."""
    length = torch.linalg.vector_norm(activation, dim=1, keepdim=True)
    return activation.div_(length.add_(EPSILON))


def _as_vectors(squared: Iterable[Tensor]) -> Vectors:
    """Squared differences, (n, channels, h, w) per layer → (n, all channels)."""
    means = torch.cat([layer.mean(dim=(2, 3)) for layer in squared], dim=1)
    return means.cpu().numpy().astype(np.float64)
