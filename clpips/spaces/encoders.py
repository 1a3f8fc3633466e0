"""``timm:<name>`` and ``transformers:<id>``: any vision encoder, by name or from a local folder.

A name is downloaded by its library where the model hub can be reached; a folder needs no
network. Nothing is unpickled and no remote code runs: weights must be safetensors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from clpips.errors import WeightsError
from clpips.files import one_line
from clpips.spaces.pooled import PooledEncoder, Taps

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


def open_timm(name: str, device: str | torch.device) -> PooledEncoder:
    """A timm model's pooled features.

    Args:
        name: of a model with published weights, or a folder with timm's ``config.json`` and
            ``model.safetensors``.
        device: where it runs.

    Raises:
        WeightsError: timm does not know it, or its weights could not be had.
    """
    try:
        import timm
        from timm.data.config import resolve_model_data_config

        source = f"local-dir:{Path(name).absolute()}" if Path(name).is_dir() else name
        model = timm.create_model(source, pretrained=True, num_classes=0)
        settings: Any = resolve_model_data_config(model)  # type: ignore[no-untyped-call]  # timm
    except Exception as error:  # whatever the library, the hub or the file system says
        raise _not_had("timm", name, error) from error
    return PooledEncoder(
        _only(_frozen(model, device)),
        checksum=checksum_of(model),
        side=int(settings["input_size"][-1]),
        mean=settings["mean"],
        std=settings["std"],
        device=device,
    )


def open_transformers(name: str, device: str | torch.device) -> PooledEncoder:
    """A transformers vision model: its image embedding (CLIP, SigLIP), else its pooled features.

    Args:
        name: a model id or a local folder in transformers' layout.
        device: where it runs.

    Raises:
        WeightsError: transformers does not know it, or its weights could not be had.
    """
    try:
        from transformers import AutoConfig, AutoImageProcessor, AutoModel

        config = AutoConfig.from_pretrained(name, trust_remote_code=False)
        model = AutoModel.from_pretrained(name, trust_remote_code=False, use_safetensors=True)
        processors: Any = AutoImageProcessor
        prepare = processors.from_pretrained(name, trust_remote_code=False)
    except Exception as error:  # whatever the library, the hub or the file system says
        raise _not_had("transformers", name, error) from error
    vision = getattr(config, "vision_config", config)
    return PooledEncoder(
        _embedding(_frozen(model, device)),
        checksum=checksum_of(model),
        side=_side(vision),
        mean=_three(getattr(prepare, "image_mean", None), CLIP_MEAN),
        std=_three(getattr(prepare, "image_std", None), CLIP_STD),
        device=device,
    )


def checksum_of(model: nn.Module) -> str:
    """SHA-256 over a model's tensors, by name: the same weights give the same number."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _frozen(model: Any, device: str | torch.device) -> Any:
    return model.requires_grad_(False).eval().to(device)


def _only(model: Any) -> Taps:
    return lambda images: (model(images),)


def _embedding(model: Any) -> Taps:
    def taps(images: Tensor) -> tuple[Tensor, ...]:
        if hasattr(model, "get_image_features"):
            found = model.get_image_features(pixel_values=images)
        else:
            found = model(pixel_values=images)
        if isinstance(found, Tensor):
            return (found,)
        pooled = getattr(found, "pooler_output", None)
        return (found.last_hidden_state[:, 0] if pooled is None else pooled.flatten(1),)

    return taps


def _side(config: Any) -> int:
    side = getattr(config, "image_size", 224)
    return int(side[0] if isinstance(side, Sequence) else side)


def _three(found: Any, otherwise: Sequence[float]) -> Sequence[float]:
    return otherwise if found is None else tuple(float(value) for value in found)


def _not_had(library: str, name: str, error: Exception) -> WeightsError:
    return WeightsError(
        f"{library}:{name} could not be had ({one_line(error)[:200]}); a local folder in "
        f"{library}'s own layout works without a network: {library}:/path/to/folder"
    )
