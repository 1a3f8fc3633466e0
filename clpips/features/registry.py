"""The feature spaces by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
import torch

from clpips.features import efficientnet, pretrained, shift_tolerant
from clpips.features.architecture import spec_of
from clpips.features.base import Block, Encoder, Space, joint_checksum
from clpips.features.concatenated import JoinedEncoder
from clpips.features.lpips import Network
from clpips.features.names import BACKBONES, SPACES, checked_space_name
from clpips.features.pooled import PooledEncoder
from clpips.features.weights import Progress, stock_weights

WIDE_SCALES = {
    "alex": 0.77,
    **dict(zip((b.name for b in efficientnet.BLOCKS), (0.93, 1.51, 1.33, 1.54), strict=True)),
}
"""Mean unfitted distance of each part between two of the sample targets (``data/targets``), by
which the parts of ``wide`` are divided, so that each weighs the same before fitting."""

_BY_LIBRARY: Mapping[str, Callable[[str, str | torch.device], PooledEncoder]] = {
    "timm": pretrained.open_timm,
    "transformers": pretrained.open_transformers,
}


def space_of(name: str) -> Space:
    """A feature space without its networks. (``timm:`` and ``transformers:`` models are
    loaded, because their size is only known then.)

    Raises:
        InputError: no such space.
        WeightsError: its unfitted weights are not available.
    """
    if name in SPACES:
        return _built_in(name)
    return _named(name)


def open_space(
    name: str,
    *,
    device: str | torch.device = "cpu",
    progress: Progress = lambda words, fraction: None,
) -> Encoder:
    """A feature space's networks on a device.

    Raises:
        InputError: no such space.
        WeightsError: weights that are not available.
    """
    if name in BACKBONES:
        return Network(name, device=device, progress=progress)
    if name in ("st-alex", "st-vgg"):
        return shift_tolerant.open_shift_tolerant(name.removeprefix("st-"), device)
    if name == "wide":
        parts: list[Encoder] = [
            Network("alex", device=device, progress=progress),
            efficientnet.open_efficientnet(device),
        ]
        counts = [len(spec_of("alex").channels), len(efficientnet.BLOCKS)]
        return JoinedEncoder(parts, counts, checksum=space_of(name).checksum)
    return _opened(name, str(device))


@lru_cache(maxsize=len(SPACES))
def _built_in(name: str) -> Space:
    if name in BACKBONES:
        spec = spec_of(name)
        return Space(name, _layers(name), stock_weights(name), spec.sha256 or "")
    if name in ("st-alex", "st-vgg"):
        backbone = name.removeprefix("st-")
        stock = shift_tolerant.stock_weights(backbone)
        checksum = shift_tolerant.SHA256[backbone]
        return Space(name, shift_tolerant.blocks(backbone), stock, checksum)
    return _wide()


def _layers(name: str, prefix: str = "") -> tuple[Block, ...]:
    spec = spec_of(name)
    return tuple(
        Block(f"{prefix}layer {number}", channels, spec.sha256 or "")
        for number, channels in enumerate(spec.channels, 1)
    )


def _wide() -> Space:
    alex = stock_weights("alex") / WIDE_SCALES["alex"]
    pooled = [np.full(b.channels, 1 / WIDE_SCALES[b.name]) for b in efficientnet.BLOCKS]
    scales = ",".join(f"{name}={scale}" for name, scale in WIDE_SCALES.items())
    checksum = joint_checksum(spec_of("alex").sha256 or "", efficientnet.SHA256, scales)
    blocks = (*_layers("alex", "AlexNet "), *efficientnet.BLOCKS)
    return Space("wide", blocks, np.concatenate([alex, *pooled]), checksum)


@lru_cache(maxsize=2)
def _named(name: str) -> Space:
    encoder = _opened(name, "cpu")
    probe = encoder.features(torch.zeros(1, 3, encoder.side, encoder.side))
    blocks = tuple(Block(f"{name} features", tensor.shape[1], encoder.checksum) for tensor in probe)
    stock = np.ones(sum(block.channels for block in blocks))
    return Space(name, blocks, stock, encoder.checksum)


@lru_cache(maxsize=2)
def _opened(name: str, device: str) -> PooledEncoder:
    library, _, model = checked_space_name(name).partition(":")
    return _BY_LIBRARY[library](model, device)
