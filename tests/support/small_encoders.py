"""Encoders of timm and transformers with random weights, small enough to make in a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import timm
import torch
import transformers

VISION: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "image_size": 48,
    "patch_size": 16,
}
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


def saved(folder: Path, model: Any, *, processor: bool = True) -> Path:
    """A transformers model in a folder."""
    model.save_pretrained(folder)
    if processor:
        transformers.ViTImageProcessor(image_mean=MEAN, image_std=STD).save_pretrained(folder)
    return folder


def vit(**settings: Any) -> Any:
    torch.manual_seed(0)
    return transformers.ViTModel(transformers.ViTConfig(**VISION), **settings)


def a_timm_folder(folder: Path, name: str = "resnet10t", **settings: Any) -> Path:
    torch.manual_seed(0)
    model = timm.create_model(name, pretrained=False, num_classes=5, **settings)
    model.pretrained_cfg.update(mean=MEAN, std=STD, input_size=(3, 48, 48))
    timm.models.save_for_hf(model, folder, model_args=settings, safe_serialization=True)
    return folder
