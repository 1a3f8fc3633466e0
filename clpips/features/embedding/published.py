"""Encoders of transformers, timm and open_clip, each with its library's own preparation.

No remote code runs. A name is downloaded by its library where the model hub can be reached; a
folder needs no network.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from clpips.errors import InputError, WeightsError
from clpips.extras import requires
from clpips.features.base import joint_checksum
from clpips.features.embedding.encoder import EncoderCard
from clpips.features.embedding.names import REPOSITORIES
from clpips.features.embedding.network import (
    Forward,
    NetworkEncoder,
    Prepare,
    Tokens,
    resized_square,
)
from clpips.features.embedding.text import TextTower
from clpips.features.pretrained import (
    checksum_of,
    embedding_of,
    frozen,
    model_folder,
    not_had,
    quietly,
    reachable_hub,
)
from clpips.text import cut, one_line

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
MIEWID, MIEWID_SIDE = REPOSITORIES["miewid"], 440
MODELS: Mapping[str, str] = {
    "clip-b32": f"transformers:{REPOSITORIES['clip-b32']}",
    "dinov2-base": f"transformers:{REPOSITORIES['dinov2-base']}",
    "siglip2": f"transformers:{REPOSITORIES['siglip2']}",
    "bioclip-2": f"open_clip:hf-hub:{REPOSITORIES['bioclip-2']}",
}


def open_published(name: str, device: torch.device) -> NetworkEncoder:
    """An encoder of one of the libraries.

    Raises:
        InputError: the library or the hub has no such model.
        WeightsError: its weights cannot be had, or it does not embed pictures.
    """
    if name == "miewid":
        return _open_miewid(device)
    library, _, model = MODELS.get(name, name).partition(":")
    return _OPENED[library](name, model, device)


def open_transformers_encoder(name: str, model: str, device: torch.device) -> NetworkEncoder:
    """A transformers model: its image embedding (CLIP, SigLIP), else its CLS token or pooled map.

    Args:
        name: what reports call it.
        model: an id on the model hub, or a folder.
        device: where it runs.
    """
    folder = model_folder("transformers", model, "*.safetensors")
    source = str(folder) if folder else model
    kept: dict[str, Any] = {"trust_remote_code": False}
    with requires("encoders", name):
        from transformers import AutoImageProcessor, AutoModel
    try:
        with quietly(), reachable_hub(folder):
            network, loading = AutoModel.from_pretrained(
                source, use_safetensors=True, output_loading_info=True, **kept
            )
            processor: Any = AutoImageProcessor.from_pretrained(source, use_fast=False, **kept)
    except Exception as error:  # any error of the library, the hub or the file system
        raise not_had("transformers", model, error) from error
    absent = [key for key in loading["missing_keys"] if "pooler" not in key.split(".")]
    if absent:
        raise WeightsError(f"{name}: the file must hold every weight, got none for {absent[0]}")
    network = frozen(network, device).float()

    def prepare(image: Image.Image) -> Tensor:
        with quietly():
            found: Tensor = processor(images=image, return_tensors="pt")["pixel_values"]
        return found[0]

    # DINOv2's pooled output is its normalised CLS token; a model with an image tower has its own.
    taps = embedding_of(network, pooled=False)
    settings = processor.to_json_string()
    words = f"transformers' {type(processor).__name__} as published: {_brief(settings)}"
    encoder = _checked(name, network, prepare, lambda x: taps(x)[0], words, settings, device)
    tower = getattr(network, "vision_model", network)
    head = getattr(tower, "head", None)
    own = head if isinstance(getattr(head, "attention", None), nn.MultiheadAttention) else None
    has_texts = hasattr(network, "get_text_features")
    texts = TextTower(network, model, folder, device) if has_texts else None
    return replace(encoder, maps=_patch_tokens(tower), own_head=own, texts=texts)


def _patch_tokens(tower: Any) -> Tokens | None:
    """A vision transformer's patch tokens after its last normalisation, without CLS and registers;
    ``None`` for a network of another kind.
    """
    side = getattr(tower.config, "patch_size", None)
    if not isinstance(side, int):
        return None

    def tokens(images: Tensor) -> tuple[Tensor, ...]:
        found = tower(pixel_values=images).last_hidden_state
        patches = (images.shape[-2] // side) * (images.shape[-1] // side)
        # SigLIP and DINOv2 have normalised their last state; CLIP normalises its CLS token alone.
        if hasattr(tower, "post_layernorm") and not hasattr(tower, "head"):
            found = tower.post_layernorm(found)
        return (found[:, -patches:],)

    return tokens


def _open_timm(name: str, model: str, device: torch.device) -> NetworkEncoder:
    folder = model_folder("timm", model, "model.safetensors")
    with requires("encoders", name):
        import timm
        from timm.data.config import resolve_model_data_config
        from timm.data.transforms_factory import create_transform
    try:
        with reachable_hub(folder):
            source = f"local-dir:{folder}" if folder else model
            network: Any = timm.create_model(source, pretrained=True, num_classes=0)
        settings: Any = resolve_model_data_config(network)  # type: ignore[no-untyped-call]  # timm
        prepare: Any = create_transform(**settings, is_training=False)
    except Exception as error:  # any error of the library, the hub or the file system
        raise not_had("timm", model, error) from error
    network = frozen(network, device)
    words = f"timm's own evaluation transform: {_brief(json.dumps(settings, default=str))}"
    encoder = _checked(name, network, prepare, network, words, repr(settings), device)
    return replace(encoder, maps=_timm_maps(network))


def _timm_maps(network: Any) -> Tokens:
    """A timm network's last feature map, or its tokens without CLS and registers."""

    def maps(images: Tensor) -> tuple[Tensor, ...]:
        found = network.forward_features(images)
        if found.ndim == 4 and found.shape[1] == network.num_features:
            return (found.flatten(2).transpose(1, 2),)
        if found.ndim == 4:  # channels last, as in Swin
            return (found.flatten(1, 2),)
        return (found[:, getattr(network, "num_prefix_tokens", 0) :],)

    return maps


def _open_open_clip(name: str, model: str, device: torch.device) -> NetworkEncoder:
    with requires("encoders", name):
        import open_clip
    try:
        path = Path(model).expanduser()
        folder = path if path.is_dir() else None
        with reachable_hub(folder):
            source = f"local-dir:{path}" if folder else model
            network, _, prepare = open_clip.create_model_and_transforms(source)
    except Exception as error:  # any error of the library, the hub or the file system
        raise not_had("open_clip", model, error) from error
    network = frozen(network, device)
    words = f"open_clip's validation transform: {one_line(prepare)}"
    return _checked(name, network, prepare, network.encode_image, words, words, device)


class _MiewId(nn.Module):
    """MiewID's network for inference: a timm backbone, generalised-mean pooling, batch norm."""

    def __init__(self, backbone: Any) -> None:
        super().__init__()
        self.backbone, self.bn = backbone, nn.BatchNorm1d(backbone.num_features)
        self.pooling = nn.ParameterDict({"p": nn.Parameter(torch.full((1,), 3.0))})

    def forward(self, images: Tensor) -> Tensor:
        """(n, 3, 440, 440) → (n, width)."""
        features: Tensor = self.backbone.forward_features(images).clamp(min=1e-6)
        power = self.pooling["p"]
        pooled = features.pow(power).mean(dim=(2, 3)).pow(1.0 / power)
        found: Tensor = self.bn(pooled)
        return found


def _open_miewid(device: torch.device, source: str = MIEWID) -> NetworkEncoder:
    """MiewID from its published weights, without its own code (a picture is resized, not cropped).

    Not run on the published file here: no model hub could be reached. A file of another layout is
    refused, not filled in.
    """
    with requires("encoders", "miewid"):
        import safetensors.torch
        import timm
        from huggingface_hub import hf_hub_download
    folder = model_folder("miewid", source, "model.safetensors")
    try:
        with reachable_hub(folder):
            config, weights = (
                Path(folder / name) if folder else Path(hf_hub_download(source, name))
                for name in ("config.json", "model.safetensors")
            )
        settings = json.loads(config.read_text("utf-8"))
        tensors = safetensors.torch.load_file(weights)
        backbone = timm.create_model(
            settings.get("model_name", "efficientnetv2_rw_m"), num_classes=0, global_pool=""
        )
    except Exception as error:  # any error of the library, the hub or the file system
        raise not_had("transformers", source, error) from error
    network = _MiewId(backbone)
    wanted = set(network.state_dict())
    kept = {key: value for key, value in tensors.items() if key in wanted}
    if absent := sorted(wanted - set(kept)):
        raise WeightsError(f"miewid: the file must hold every weight, got none for {absent[0]}")
    network.load_state_dict(kept)
    prepare, words = resized_square(MIEWID_SIDE, IMAGENET_MEAN, IMAGENET_STD)
    network = frozen(network, device)
    return _checked("miewid", network, prepare, network, words, words, device)


_OPENED: Mapping[str, Callable[[str, str, torch.device], NetworkEncoder]] = {
    "transformers": open_transformers_encoder,
    "timm": _open_timm,
    "open_clip": _open_open_clip,
}


def _checked(
    name: str,
    network: nn.Module,
    prepare: Prepare,
    forward: Forward,
    words: str,
    settings: str,
    device: torch.device,
) -> NetworkEncoder:
    """The encoder, after it has turned a grey picture into one vector."""
    try:
        with torch.inference_mode():
            found = forward(prepare(Image.new("RGB", (64, 64), "grey"))[None].to(device))
    except Exception as error:  # a model that also needs text, or another kind of image
        reason = cut(one_line(error), 160)
        raise WeightsError(f"{name} cannot embed pictures alone ({reason})") from error
    if found.ndim != 2:
        raise InputError(f"{name} must give one vector a picture, got {tuple(found.shape)}")
    checksum = joint_checksum(checksum_of(network), settings)
    return NetworkEncoder(
        EncoderCard(name, checksum, found.shape[1], words), prepare, forward, device
    )


def _brief(settings: str) -> str:
    """The settings that say how a picture is scaled, in one line."""
    found = json.loads(settings)
    words = ("size", "crop_size", "resample", "do_center_crop", "image_mean", "image_std",
             "input_size", "interpolation", "crop_pct", "crop_mode", "mean", "std")  # fmt: skip
    return ", ".join(f"{word} {found[word]}" for word in words if found.get(word) is not None)
