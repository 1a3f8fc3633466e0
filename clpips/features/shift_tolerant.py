"""Shift-tolerant LPIPS: its blurred networks, with the weights of ``stlpips-pytorch`` 0.0.2.

LPIPS changes when an image shifts by one pixel, which people do not notice. These networks use a
stride of one, blur before subsampling, and were retrained (Ghildyal and Liu 2022, "Shift-tolerant
Perceptual Similarity Metric"). Only the package's weight files are read; they hold network and
layer weights, under LPIPS's names.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from clpips.errors import WeightsError
from clpips.extras import install_command
from clpips.features.base import Block, Vectors
from clpips.features.spatial import LayeredEncoder

PACKAGE = "stlpips-pytorch"
SHA256 = {
    "alex": "b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee",
    "vgg": "44597da68f49c1837c100ff52299050f274d102eb102e5837178c79be6f0e250",
}
CHANNELS = {"alex": (64, 192, 384, 256, 256), "vgg": (64, 128, 256, 512, 512)}


class Blur(nn.Module):
    """Blur with the weights' own filter, then keep every second pixel; mirrored at the edge."""

    def __init__(self, filter_: Tensor) -> None:
        super().__init__()
        self.register_buffer("filter", filter_)
        self.padding = filter_.shape[-1] - 1

    def forward(self, images: Tensor) -> Tensor:
        """(n, channels, height, width) → about half the height and width."""
        padded = functional.pad(images, (self.padding,) * 4, mode="reflect")
        return functional.conv2d(padded, self.filter, stride=2, groups=images.shape[1])  # type: ignore[arg-type]


def blocks(backbone: str) -> tuple[Block, ...]:
    """The blocks of ``alex`` or ``vgg``."""
    return tuple(
        Block(f"shift-tolerant layer {number}", channels, SHA256[backbone])
        for number, channels in enumerate(CHANNELS[backbone], 1)
    )


def stock_weights(backbone: str) -> Vectors:
    """The published layer weights, (channels,), all ≥ 0.

    Raises:
        WeightsError: the package is missing or its file differs.
    """
    state = _state(backbone)
    layers = [state[f"lin{layer}.model.1.weight"] for layer in range(len(CHANNELS[backbone]))]
    return np.concatenate([layer.numpy().ravel().astype(np.float64) for layer in layers])


def open_shift_tolerant(backbone: str, device: str | torch.device) -> LayeredEncoder:
    """The network on a device.

    Raises:
        WeightsError: the package is missing or its file differs.
    """
    build = {"alex": _alex, "vgg": _vgg}[backbone]
    slices = [layers.requires_grad_(False).eval().to(device) for layers in build(_state(backbone))]
    return LayeredEncoder(slices, checksum=SHA256[backbone], device=device)


def weights_file(backbone: str) -> Path:
    """The path of the package's weights file.

    Raises:
        WeightsError: the package is not installed.
    """
    found = importlib.util.find_spec("stlpips_pytorch")
    if found is None or not found.submodule_search_locations:
        raise WeightsError(
            f"the shift-tolerant weights ship with {PACKAGE}: {install_command('encoders')}"
        )
    folder = Path(found.submodule_search_locations[0]) / "weights" / "vST0.0"
    return folder / f"{backbone}_shift_tolerant.pth"


@lru_cache(maxsize=2)
def _state(backbone: str) -> Mapping[str, Tensor]:
    path = weights_file(backbone)
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256[backbone]:
        raise WeightsError(f"{path}: not the weights of {PACKAGE} 0.0.2 (SHA-256 differs)")
    state: dict[str, Tensor] = torch.load(
        io.BytesIO(content), map_location="cpu", weights_only=True
    )
    return state


def _convolution(state: Mapping[str, Tensor], name: str, *, padding: int) -> nn.Conv2d:
    weight = state[f"{name}.weight"]
    size = tuple(weight.shape[2:])
    with torch.device("meta"):
        layer = nn.Conv2d(weight.shape[1], weight.shape[0], size, padding=padding)  # type: ignore[arg-type]
    values = {"weight": weight, "bias": state[f"{name}.bias"]}
    layer.load_state_dict(values, strict=True, assign=True)
    return layer


def _parts(
    state: Mapping[str, Tensor],
) -> tuple[
    Callable[[str, int], list[nn.Module]], Callable[[str], Blur], Callable[[int], nn.Module]
]:
    def convolve(name: str, padding: int) -> list[nn.Module]:
        return [_convolution(state, f"net.{name}", padding=padding), nn.ReLU(inplace=True)]

    def blur(name: str) -> Blur:
        return Blur(state[f"net.{name}.filt"])

    def pool(size: int) -> nn.Module:
        return nn.MaxPool2d(size, stride=1)

    return convolve, blur, pool


def _alex(state: Mapping[str, Tensor]) -> list[nn.Sequential]:
    convolve, blur, pool = _parts(state)
    first, relu = convolve("slice1.0", 2)
    slices: list[list[Any]] = [
        [first, blur("slice1.1"), relu],
        [pool(3), blur("slice2.4"), *convolve("slice2.5", 2)],
        [pool(3), blur("slice3.8"), *convolve("slice3.9", 1)],
        convolve("slice4.11", 1),
        convolve("slice5.13", 1),
    ]
    return [nn.Sequential(*layers) for layers in slices]


def _vgg(state: Mapping[str, Tensor]) -> list[nn.Sequential]:
    convolve, blur, pool = _parts(state)
    slices: list[list[Any]] = [[*convolve("slice1.0", 1), *convolve("slice1.2", 1)]]
    for number, (its_blur, convolutions) in enumerate(
        ((5, (6, 8)), (11, (12, 14, 16)), (19, (20, 22, 24)), (27, (28, 30, 32))), 2
    ):
        layers: list[Any] = [pool(2), blur(f"slice{number}.{its_blur}")]
        for each in convolutions:
            layers += convolve(f"slice{number}.{each}", 1)
        slices.append(layers)
    return [nn.Sequential(*layers) for layers in slices]
