"""Personal metrics on disk: ``<name>.safetensors`` with a card, and the ``lpips`` export.

Reading is strict. The ``lpips`` package silently runs on random weights when the names in
a file do not match; here a missing, extra, misshaped, negative or non-finite weight is an error,
and so is a card with a missing or impossible entry, or one that names another network's weights.
A checksum over card and weights detects a changed byte. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from clpips.errors import InputError
from clpips.features.architecture import spec_of
from clpips.features.lpips import Vectors
from clpips.features.names import Backbone
from clpips.features.weights import backbone_tensors
from clpips.io.atomic_files import write_files
from clpips.metric.card import FORMAT, Card, card_of, refused

CHECKSUM = "sha256"
"""The entry beside the card with the checksum of both; older files have none."""


def write_metric(path: str | os.PathLike[str], layers: Sequence[Vectors], card: Card) -> None:
    """Write weights by layer, with the card as metadata, in one step.

    Raises:
        InputError: the path does not end in ``.safetensors``.
    """
    if Path(path).suffix.lower() != ".safetensors":
        raise InputError(f"a personal metric must end in .safetensors, got {str(path)!r}")
    write_files({Path(path): metric_bytes(layers, card)})


def metric_bytes(layers: Sequence[Vectors], card: Card) -> bytes:
    """What :func:`write_metric` writes, for a caller who writes several files or none."""
    # float64, so that saving and loading changes no distance at all.
    tensors = {f"layer{number}": np.ascontiguousarray(w) for number, w in enumerate(layers)}
    text = json.dumps(card.to_dict(), sort_keys=True)
    metadata = {"format": FORMAT, "card": text, CHECKSUM: _checksum(text, tensors)}
    return safetensors.numpy.save(tensors, metadata=metadata)


def read_metric(path: str | os.PathLike[str]) -> tuple[list[Vectors], Card]:
    """Weights by layer, and the card.

    Raises:
        MetricFileError: anything that :func:`write_metric` would not have written.
    """
    source = Path(path)
    if not os.path.isfile(source):  # noqa: PTH113 - Path.is_file raises on names too long
        raise refused(source, "no such personal metric")
    try:
        with safetensors.safe_open(source, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (safetensors.SafetensorError, TypeError, ValueError) as error:
        raise refused(source, f"not a safetensors file ({error})") from error
    card = card_of(source, metadata)
    layers = _layers(source, tensors, card)
    # Last: an error that names the wrong entry is more useful.
    _check_whole(source, metadata, tensors)
    return layers, card


def write_lpips(
    path: str | os.PathLike[str], backbone: Backbone, layers: Sequence[Vectors]
) -> None:
    """Write a state dictionary for ``lpips.LPIPS(net, pnet_rand=True, model_path=path)``."""
    import torch

    tensors, _ = backbone_tensors(backbone)
    state: dict[str, Any] = {}
    for name, value in tensors.items():
        _, index, rest = name.split(".", 2)
        taps = spec_of(backbone).taps
        slice_ = next(n for n, (first, last) in enumerate(taps, 1) if first <= int(index) < last)
        state[f"net.slice{slice_}.{index}.{rest}"] = value
    for number, weights in enumerate(layers):
        lin = torch.from_numpy(weights.astype(np.float32)).reshape(1, -1, 1, 1)
        # lpips registers each layer under two names that share one tensor.
        state[f"lin{number}.model.1.weight"] = lin
        state[f"lins.{number}.model.1.weight"] = lin
    shift, scale = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
    state["scaling_layer.shift"] = torch.tensor(shift)[None, :, None, None]
    state["scaling_layer.scale"] = torch.tensor(scale)[None, :, None, None]
    content = io.BytesIO()
    torch.save(state, content)
    write_files({Path(path): content.getvalue()})


def _layers(path: Path, tensors: Mapping[str, Any], card: Card) -> list[Vectors]:
    backbone, channels = card.backbone, [block.channels for block in card.blocks]
    expected = [f"layer{number}" for number in range(len(channels))]
    missing, extra = sorted(set(expected) - set(tensors)), sorted(set(tensors) - set(expected))
    if missing or extra:
        raise refused(
            path,
            f"the weights of {backbone} must be named {expected[0]} to {expected[-1]}, "
            f"missing {missing or 'none'}, extra {extra or 'none'}",
        )
    layers = []
    for name, size in zip(expected, channels, strict=True):
        weights = tensors[name]
        if weights.shape != (size,) or weights.dtype.kind != "f":
            raise refused(
                path,
                f"{name} must hold {size} floating-point weights, "
                f"got {weights.dtype} {weights.shape}",
            )
        if not np.isfinite(weights).all() or weights.min() < 0:
            raise refused(path, f"{name} must hold finite weights of at least 0")
        layers.append(weights.astype(np.float64))
    if not any(layer.any() for layer in layers):
        raise refused(path, "at least one weight must be above 0, got zeros only")
    return layers


def _check_whole(path: Path, metadata: Mapping[str, str], tensors: Mapping[str, Any]) -> None:
    unknown = sorted(set(metadata) - {"format", "card", CHECKSUM})
    if unknown:  # a damaged name would otherwise pass for an older file
        raise refused(path, f"beside the card there must be {CHECKSUM} alone, got {unknown[0]!r}")
    stated = metadata.get(CHECKSUM)
    if stated is None:
        return
    found = _checksum(metadata["card"], tensors)
    if found != stated:
        raise refused(
            path,
            f"card and weights must have the SHA-256 that the file states, {stated:.12}…, "
            f"got {found:.12}…: the file is damaged",
        )


def _checksum(card: str, tensors: Mapping[str, Any]) -> str:
    """SHA-256 over the card's text and the weights by name, in hexadecimal digits."""
    digest = hashlib.sha256(card.encode())
    for name, weights in sorted(tensors.items()):
        digest.update(f"\n{name} {weights.shape} {weights.dtype.str}\n".encode())
        digest.update(np.ascontiguousarray(weights).tobytes())
    return digest.hexdigest()
