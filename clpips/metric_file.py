"""Personal metrics on disk: ``<name>.safetensors`` with a card, and the ``lpips`` export.

Reading is strict. The ``lpips`` package runs on random weights without a word when the names in
a file do not match; here a missing, extra, misshaped, negative or non-finite weight is an error,
and so is a card with a missing or impossible entry, or one that names another network's weights.
Nothing is ever unpickled.
"""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from clpips.errors import InputError, MetricFileError
from clpips.features import Vectors
from clpips.files import one_line, write_files
from clpips.fitting import FitSettings, RankingFit
from clpips.spaces import Block, Space, space_of
from clpips.types import BACKBONES, SPACES, Backbone, is_space_name
from clpips.weights import backbone_tensors, spec_of

FORMAT = "clpips-personal-metric-2"
FORMER = "clpips-personal-metric-1"
"""Files of before there were blocks and starting points: alex, vgg or squeeze from stock."""

_Number = (int, float)
_CARD_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "backbone": str,
    "backbone_sha256": str,
    "participants": list,
    "n_rankings": int,
    "n_comparisons": int,
    "n_targets": int,
    "settings": dict,
    "gap": _Number,
    "blocks": list,
    "held_out": (dict, type(None)),
    "library": str,
}
_SETTINGS_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "granularity": str,
    "margin": _Number,
    "shrinkage": _Number,
    "start": str,
    "seed": int,
}
_BLOCK_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "name": str,
    "channels": int,
    "sha256": str,
}


@dataclass(frozen=True, slots=True)
class Card:
    """Where a personal metric came from.

    Args:
        backbone, backbone_sha256: the feature space, and the checksum of its frozen networks.
        blocks: what its difference vector is made of, each with the checksum of its network.
        participants: whose rankings, in alphabetical order.
        n_rankings, n_comparisons, n_targets: how many.
        settings: how the weights were learnt.
        gap: the solver's relative duality gap.
        held_out: agreement on rankings that were not fitted, with interval; ``None`` if unknown.
        library: this project's version.
    """

    backbone: Backbone
    backbone_sha256: str
    blocks: tuple[Block, ...]
    participants: tuple[str, ...]
    n_rankings: int
    n_comparisons: int
    n_targets: int
    settings: FitSettings
    gap: float
    held_out: Mapping[str, Any] | None
    library: str

    @classmethod
    def of_fit(cls, space: Space, fit: RankingFit, settings: FitSettings, gap: float) -> Card:
        """The card of a fit that was just made."""
        rankings = [one.ranking for one in fit.observations]
        return cls(
            backbone=space.name,
            backbone_sha256=space.checksum,
            blocks=space.blocks,
            participants=tuple(sorted({ranking.participant for ranking in rankings})),
            n_rankings=len(rankings),
            n_comparisons=len(fit.share),
            n_targets=len({ranking.target for ranking in rankings}),
            settings=settings,
            gap=gap,
            held_out=None,
            library=_version(),
        )

    def with_held_out(self, held_out: Mapping[str, Any]) -> Card:
        """The same card with the agreement on rankings that were not fitted."""
        return replace(self, held_out=dict(held_out))


def write_metric(path: str | os.PathLike[str], layers: Sequence[Vectors], card: Card) -> None:
    """Write weights by layer, with the card as metadata, in one step.

    Raises:
        InputError: the path does not end in ``.safetensors``.
    """
    if Path(path).suffix != ".safetensors":
        raise InputError(f"a personal metric must end in .safetensors, got {str(path)!r}")
    write_files({Path(path): metric_bytes(layers, card)})


def metric_bytes(layers: Sequence[Vectors], card: Card) -> bytes:
    """What :func:`write_metric` writes, for a caller who writes several files or none."""
    # float64, so that saving and loading changes no distance at all.
    tensors = {f"layer{number}": np.ascontiguousarray(w) for number, w in enumerate(layers)}
    metadata = {"format": FORMAT, "card": json.dumps(asdict(card), sort_keys=True)}
    return safetensors.numpy.save(tensors, metadata=metadata)


def read_metric(path: str | os.PathLike[str]) -> tuple[list[Vectors], Card]:
    """Weights by layer, and the card.

    Raises:
        MetricFileError: anything that :func:`write_metric` would not have written.
    """
    source = Path(path)
    if not os.path.isfile(source):  # noqa: PTH113 - Path.is_file raises on names too long
        raise _refused(source, "no such personal metric")
    try:
        with safetensors.safe_open(source, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (safetensors.SafetensorError, TypeError, ValueError) as error:
        raise _refused(source, f"not a safetensors file ({error})") from error
    card = _card(source, metadata)
    return _layers(source, tensors, card), card


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


def _refused(path: Path, rule: str) -> MetricFileError:
    return MetricFileError(one_line(f"{path}: {rule}"))


def _card(path: Path, metadata: Mapping[str, str]) -> Card:
    if metadata.get("format") not in (FORMAT, FORMER):
        found = metadata.get("format", "none")
        raise _refused(path, f"the format must be {FORMAT!r}, got {found!r}")
    try:
        told = json.loads(metadata["card"])
        if metadata["format"] == FORMER:
            told = _brought_up_to_date(told)
        values = _typed("card", told, _CARD_TYPES)
        values["settings"] = FitSettings(**_typed("settings", values["settings"], _SETTINGS_TYPES))
        values["participants"] = tuple(values["participants"])
        values["blocks"] = tuple(
            Block(**_typed("block", each, _BLOCK_TYPES)) for each in values["blocks"]
        )
        card = Card(**values)
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError, InputError) as error:
        raise _refused(path, f"the card cannot be read ({error})") from error
    if not is_space_name(card.backbone):
        raise _refused(path, f"backbone must be one of {SPACES} or a model, got {card.backbone!r}")
    if not card.participants or not all(isinstance(one, str) for one in card.participants):
        raise _refused(path, f"participants must be names, got {list(card.participants)!r:.80}")
    if min(card.n_rankings, card.n_comparisons, card.n_targets) < 1 or not math.isfinite(card.gap):
        raise _refused(path, "the card's counts must be at least 1, and its gap a finite number")
    if card.backbone in SPACES:
        _check_space(path, card)
    return card


def _check_space(path: Path, card: Card) -> None:
    space = space_of(card.backbone)
    if space.checksum and card.backbone_sha256 != space.checksum:
        raise _refused(
            path,
            f"backbone_sha256 must be that of the {card.backbone} weights, "
            f"{space.checksum[:12]}…, got {card.backbone_sha256[:12]!r}",
        )
    if tuple(each.channels for each in card.blocks) != space.channels:
        raise _refused(
            path,
            f"the blocks must have the channels of {card.backbone}, {space.channels}, "
            f"got {tuple(each.channels for each in card.blocks)}",
        )


def _brought_up_to_date(told: Any) -> Any:
    """A card of the former format with what has come since."""
    if not isinstance(told, dict) or told.get("backbone") not in BACKBONES:
        return told
    blocks = [asdict(block) for block in space_of(told["backbone"]).blocks]
    settings = told.get("settings")
    settings = {**settings, "start": "stock"} if isinstance(settings, dict) else settings
    return {**told, "blocks": blocks, "settings": settings}


def _typed(what: str, values: Any, types: Mapping[str, type | tuple[type, ...]]) -> dict[str, Any]:
    """A JSON object with exactly the entries that it must have, each of its type."""
    if not isinstance(values, dict):
        raise TypeError(f"the {what} must be an object, got {type(values).__name__}")
    wrong = sorted(set(types) ^ set(values))
    if wrong:
        raise ValueError(f"{what}: {wrong[0]} is {'missing' if wrong[0] in types else 'unknown'}")
    for name, its_type in types.items():
        value = values[name]
        if isinstance(value, bool) or not isinstance(value, its_type):
            raise TypeError(f"{what}: {name} has the wrong type, got {value!r:.80}")
    return values


def _layers(path: Path, tensors: Mapping[str, Any], card: Card) -> list[Vectors]:
    backbone, channels = card.backbone, [block.channels for block in card.blocks]
    expected = [f"layer{number}" for number in range(len(channels))]
    missing, extra = sorted(set(expected) - set(tensors)), sorted(set(tensors) - set(expected))
    if missing or extra:
        raise _refused(
            path,
            f"the weights of {backbone} must be named {expected[0]} to {expected[-1]}, "
            f"missing {missing or 'none'}, extra {extra or 'none'}",
        )
    layers = []
    for name, size in zip(expected, channels, strict=True):
        weights = tensors[name]
        if weights.shape != (size,) or weights.dtype.kind != "f":
            raise _refused(
                path,
                f"{name} must hold {size} floating-point weights, "
                f"got {weights.dtype} {weights.shape}",
            )
        if not np.isfinite(weights).all() or weights.min() < 0:
            raise _refused(path, f"{name} must hold finite weights of at least 0")
        layers.append(weights.astype(np.float64))
    if not any(layer.any() for layer in layers):
        raise _refused(path, "at least one weight must be above 0, got zeros only")
    return layers


def _version() -> str:
    from clpips import __version__

    return __version__
