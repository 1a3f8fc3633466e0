"""``head:FILE``: a trained head over a frozen encoder, as an encoder of its own.

The file is safetensors with the head's weights; its card, in the metadata, names the encoder and
the checksum of its weights and preparation. Over another encoder the head is refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from clpips.errors import InputError, WeightsError
from clpips.features.base import joint_checksum
from clpips.features.cache import content_hash
from clpips.features.embedding.encoder import Embeddings, EncoderCard, ImageEncoder, unit
from clpips.features.embedding.network import NetworkEncoder
from clpips.features.embedding.pooling import make_head
from clpips.io.atomic_files import atomic_file
from clpips.text import one_line
from clpips.version import __version__

FORMAT = "clpips-identity-head-1"
PREFIX = "head:"


@dataclass(frozen=True, slots=True)
class HeadCard:
    """Where a trained head came from.

    Args:
        encoder, encoder_checksum: what it stands on.
        kind: of the head (:data:`clpips.features.embedding.pooling.KINDS`).
        shapes: positions and channels of each of the encoder's maps.
        dimensions, heads: of the head, as it was made.
        from_own_head: whether it started from the encoder's own pooling head.
        settings: how it was trained.
        dataset: on what, by its file or folder name.
        split: how many identities in ``train``, ``val`` and ``test``.
        curve: each epoch's losses and validation SSR.
        best_epoch: whose weights these are.
        library: this project's version.
    """

    encoder: str
    encoder_checksum: str
    kind: str
    shapes: tuple[tuple[int, int], ...]
    dimensions: int
    heads: int
    from_own_head: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    dataset: str = ""
    split: dict[str, int] = field(default_factory=dict)
    curve: tuple[dict[str, Any], ...] = ()
    best_epoch: int = 0
    library: str = __version__


@dataclass(frozen=True)
class HeadEncoder:
    """A head over a frozen encoder.

    Args:
        card: name ``head:FILE``; its checksum covers the encoder's and the file.
        base: the encoder.
        head: the trained part, on the encoder's device.
        trained: where the head came from.
    """

    card: EncoderCard
    base: NetworkEncoder
    head: nn.Module
    trained: HeadCard

    @torch.inference_mode()
    def embed(self, images: Sequence[Image.Image]) -> Embeddings:
        """See :class:`~clpips.features.embedding.encoder.ImageEncoder`.

        The maps pass through float16, in which the head was trained on them.
        """
        maps = [each.half().float() for each in self.base.tokens(images)]
        return unit(self.head(maps).float().cpu().numpy())


def save_head(head: nn.Module, card: HeadCard, path: str | os.PathLike[str]) -> None:
    """Write a head with its card, in one step."""
    tensors = {k: v.detach().cpu().contiguous().clone() for k, v in head.state_dict().items()}
    metadata = {"format": FORMAT, "card": json.dumps(asdict(card), ensure_ascii=False)}
    with atomic_file(Path(path)) as partial:
        save_file(tensors, partial, metadata=metadata)


def read_head_card(path: str | os.PathLike[str]) -> HeadCard:
    """Where a head came from, without opening its encoder.

    Raises:
        InputError: no such file, or one that is not a head.
    """
    return _card(Path(path), _read(Path(path))[0])


def open_head(
    path: str | os.PathLike[str],
    open_base: Callable[[str], ImageEncoder],
) -> HeadEncoder:
    """A trained head, over the encoder that it names, on that encoder's device.

    Args:
        path: the file.
        open_base: opens an encoder by its name.

    Raises:
        InputError: no such file, or one that is not a head.
        WeightsError: the encoder cannot be had, or it is not the one that the head was trained on.
    """
    file = Path(path)
    metadata, tensors = _read(file)
    card = _card(file, metadata)
    base = open_base(card.encoder)
    if not isinstance(base, NetworkEncoder):
        raise InputError(f"{file}: a head must stand on a network, got {card.encoder}")
    if base.card.checksum != card.encoder_checksum:
        raise WeightsError(
            f"{file}: the head was trained on {card.encoder} with checksum "
            f"{card.encoder_checksum[:12]}…, got one with {base.card.checksum[:12]}…"
        )
    own = base.own_head if card.from_own_head else None
    head = make_head(card.kind, card.shapes, dimensions=card.dimensions, heads=card.heads, own=own)
    try:
        head.load_state_dict(tensors)
    except RuntimeError as error:
        raise InputError(f"{file}: the weights must be those of the head in its card") from error
    ready = head.to(base.device).requires_grad_(False).eval()
    name = f"{PREFIX}{os.fspath(path)}"
    checksum = joint_checksum(base.card.checksum, content_hash(str(file)).decode())
    words = f"{base.card.preprocessing}; then a trained head ({card.kind}) over {card.encoder}"
    blank = [torch.zeros(1, *shape, device=base.device) for shape in card.shapes]
    with torch.inference_mode():
        dimensions = ready(blank).shape[1]
    return HeadEncoder(EncoderCard(name, checksum, dimensions, words), base, ready, card)


def _read(file: Path) -> tuple[Mapping[str, str], dict[str, torch.Tensor]]:
    try:
        with safe_open(file, framework="pt") as held:
            metadata = held.metadata() or {}
            tensors = {name: held.get_tensor(name) for name in held.keys()}  # noqa: SIM118 # no dict
    except FileNotFoundError as error:
        raise InputError(f"{file}: no such head") from error
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"{file}: a head must be a safetensors file ({one_line(error)})"
        ) from error
    return metadata, tensors


def _card(file: Path, metadata: Mapping[str, str]) -> HeadCard:
    if metadata.get("format") != FORMAT:
        found = metadata.get("format", "none")
        raise InputError(f"{file}: a head must have the format {FORMAT}, got {found}")
    try:
        return TypeAdapter(HeadCard).validate_json(metadata.get("card", ""))
    except ValidationError as error:
        raise InputError(f"{file}: the card of the head is damaged") from error
