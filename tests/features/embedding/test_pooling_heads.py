"""Heads over token maps, and encoders' maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from PIL import Image

from clpips.errors import InputError
from clpips.features.embedding.network import NetworkEncoder
from clpips.features.embedding.pooling import make_head
from clpips.features.embedding.registry import open_encoder
from tests.support.small_encoders import VISION, a_timm_folder, saved, vit

PICTURES = [Image.new("RGB", (40, 30), "red"), Image.effect_noise((50, 50), 80).convert("RGB")]


def folder_of(folder: Path, model: Any) -> Path:
    """A model with a processor for its own size."""
    side = VISION["image_size"]
    transformers.ViTImageProcessor(size={"height": side, "width": side}).save_pretrained(folder)
    return saved(folder, model, processor=False)


def opened(name: str) -> NetworkEncoder:
    encoder = open_encoder(name)
    assert isinstance(encoder, NetworkEncoder)
    return encoder


def test_a_head_from_siglips_own_gives_siglips_pooled_output(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**VISION))
    encoder = opened(f"transformers:{folder_of(tmp_path, model)}")
    (tokens,) = encoder.tokens(PICTURES)
    assert tokens.shape == (2, 9, 32) and encoder.own_head is not None
    head = make_head("attention", [(9, 32)], dimensions=7, heads=1, own=encoder.own_head)
    batch = torch.stack([encoder.prepare(each) for each in PICTURES])
    with torch.inference_mode():
        theirs = model.eval()(pixel_values=batch).pooler_output
        torch.testing.assert_close(head.eval()([tokens]), theirs, rtol=1e-5, atol=1e-6)
    assert all(each.requires_grad for each in head.parameters())


def test_patch_tokens_are_without_cls_and_after_the_last_normalisation(tmp_path: Path) -> None:
    model = vit(add_pooling_layer=False).eval()
    encoder = opened(f"transformers:{folder_of(tmp_path, model)}")
    (tokens,) = encoder.tokens(PICTURES)
    batch = torch.stack([encoder.prepare(each) for each in PICTURES])
    whole = model(pixel_values=batch).last_hidden_state
    torch.testing.assert_close(tokens, whole[:, 1:], rtol=1e-5, atol=1e-6)


def test_a_timm_networks_feature_map_averages_to_its_embedding(tmp_path: Path) -> None:
    encoder = opened(f"timm:{a_timm_folder(tmp_path)}")
    (tokens,) = encoder.tokens(PICTURES)
    batch = torch.stack([encoder.prepare(each) for each in PICTURES])
    with torch.inference_mode():
        torch.testing.assert_close(tokens.mean(dim=1), encoder.forward(batch))


def test_efficientnet_gives_stages_5_and_7() -> None:
    encoder = opened("efficientnet-lite0")
    fifth, seventh = encoder.tokens(PICTURES)
    assert fifth.shape == (2, 196, 112) and seventh.shape == (2, 49, 320)


def test_an_encoder_without_maps_takes_the_linear_head_alone() -> None:
    encoder = opened("alex")
    (tokens,) = encoder.tokens(PICTURES)
    assert tokens.shape == (2, 1, 256)
    assert make_head("linear", [(1, 256)], dimensions=8, heads=1)([tokens]).shape == (2, 8)
    with pytest.raises(InputError, match="gives one vector: use --head linear"):
        make_head("attention", [(1, 256)], dimensions=8, heads=1)
    with pytest.raises(InputError, match="a head must be one of"):
        make_head("quadratic", [(1, 256)], dimensions=8, heads=1)


@pytest.mark.parametrize("kind", ["attention", "attention-linear", "linear"])
def test_a_heads_weights_follow_its_seed(kind: str) -> None:
    maps = [torch.randn(3, 4, 6), torch.randn(3, 2, 5)]
    shapes = [(4, 6), (2, 5)]
    heads = [make_head(kind, shapes, dimensions=8, heads=2, seed=s) for s in (0, 0, 1)]
    first, again, other = (head(maps) for head in heads)
    assert first.shape == (3, 8) and torch.equal(first, again) and not torch.equal(first, other)
