"""Image pair → difference vector.

With the network frozen, LPIPS is linear in its weights: for images x and y let
``d[c] = mean over pixels of (x̂[c] − ŷ[c])²``, where ``x̂`` are a tapped layer's features divided
by their length over the channels, concatenated over the layers. Then ``LPIPS(x, y) = w · d(x, y)``
(Zhang et al. 2018, equation 1). So ``d``, the *difference vector*, is computed once per pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np
import torch
from torch import Tensor, nn

from clpips.images import ImageSource, load_image, resize_like
from clpips.types import Backbone
from clpips.watch import Watch
from clpips.weights import Progress, backbone_tensors, spec_of

Vectors: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

# LPIPS v0.1's scaling layer: ImageNet statistics, for inputs in [-1, 1].
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
_EPSILON = 1e-10


@dataclass(frozen=True, slots=True)
class DifferenceVectors:
    """What :meth:`Network.difference_vectors` found for one target.

    Args:
        vectors: (images, channels), float64, all ≥ 0.
        resized: for each image, whether it was resized to the target's size first.
    """

    vectors: Vectors
    resized: tuple[bool, ...]


def empty_network(backbone: Backbone) -> nn.Module:
    """torchvision's convolution layers without values, under torchvision's names."""
    from torchvision import models

    builders = {"alex": models.alexnet, "vgg": models.vgg16, "squeeze": models.squeezenet1_1}
    spec_of(backbone)
    with torch.device("meta"):
        features = builders[backbone]().features
    return nn.ModuleDict({"features": features})


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
        self._shift = torch.tensor(_SHIFT, device=self.device)[:, None, None]
        self._scale = torch.tensor(_SCALE, device=self.device)[:, None, None]

    @torch.inference_mode()
    def features(self, images: Tensor) -> tuple[Tensor, ...]:
        """Unit-normalised features of each tapped layer.

        Args:
            images: (n, 3, height, width) in [-1, 1].

        Returns:
            one tensor (n, channels, height', width') per layer.
        """
        activation = (images.to(self.device) - self._shift) / self._scale
        taps = []
        for layers in self._slices:
            activation = layers(activation)
            length = activation.square().sum(dim=1, keepdim=True).sqrt_()
            taps.append(activation / length.add_(_EPSILON))
        return tuple(taps)

    @torch.inference_mode()
    def differences(self, target: Sequence[Tensor], images: Sequence[Tensor]) -> Vectors:
        """Features of one target and of n images → (n, channels) difference vectors."""
        per_layer = [
            (image - its_target).square_().mean(dim=(2, 3))  # (n, c, h, w) -> (n, c)
            for its_target, image in zip(target, images, strict=True)
        ]
        return torch.cat(per_layer, dim=1).cpu().numpy().astype(np.float64)

    def difference_vectors(
        self,
        target: ImageSource,
        images: Sequence[ImageSource],
        *,
        value_range: tuple[float, float] | None = None,
        batch_size: int = 8,
        watch: Watch | None = None,
    ) -> DifferenceVectors:
        """Difference vectors of some images from one target, whose features are computed once.

        Args:
            target, images: anything that :func:`clpips.images.load_image` takes.
            value_range: the stated range of float arrays and tensors.
            batch_size: images per network pass.
            watch: told how far it is, and asked whether to stop.

        Raises:
            ImageError: an image that cannot be used.
            Cancelled: the watch asked to stop.
        """
        watch = watch or Watch()
        reference = load_image(target, value_range=value_range)
        of_target = self.features(reference[None])
        vectors = np.zeros((len(images), sum(self.spec.channels)))
        resized: list[bool] = []
        for start in range(0, len(images), batch_size):
            watch.report(start / len(images), f"Comparing image {start + 1} of {len(images)}")
            batch = []
            for source in images[start : start + batch_size]:
                image = load_image(source, value_range=value_range)
                resized.append(image.shape != reference.shape)
                batch.append(resize_like(image, reference))
            found = self.differences(of_target, self.features(torch.stack(batch)))
            vectors[start : start + len(batch)] = found
        return DifferenceVectors(vectors, tuple(resized))
