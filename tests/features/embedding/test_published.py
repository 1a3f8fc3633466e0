"""Encoders of transformers, timm and MiewID, from local folders with random weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import transformers
from pictures import scene
from safetensors.torch import save_file
from small_encoders import MEAN, STD, a_timm_folder, saved, vit
from timm.data.transforms_factory import create_transform

from clpips.errors import WeightsError
from clpips.features.embedding.published import _open_miewid
from clpips.features.embedding.registry import open_encoder
from clpips.io.resources import tiny_clip_folder

PICTURES = [scene(1, 80), scene(2, 64).resize((90, 50))]


def unit(rows: torch.Tensor) -> np.ndarray:
    return (rows / rows.norm(dim=1, keepdim=True)).detach().numpy()


def test_a_transformers_encoder_is_the_cls_token_after_the_models_own_processor(
    tmp_path: Path,
) -> None:
    model = vit().eval()
    folder = saved(tmp_path / "vit", model, processor=False)
    processor = transformers.ViTImageProcessor(
        size={"height": 48, "width": 48}, image_mean=MEAN, image_std=STD
    )
    processor.save_pretrained(folder)
    values = processor(images=PICTURES, return_tensors="pt")["pixel_values"]
    expected = unit(model(pixel_values=values).last_hidden_state[:, 0])
    encoder = open_encoder(f"transformers:{folder}")
    np.testing.assert_allclose(encoder.embed(PICTURES), expected, atol=1e-4)
    assert "image_mean [0.4, 0.5, 0.6]" in encoder.card.preprocessing


def test_a_clip_encoder_is_the_embedding_that_the_model_compares_with_text() -> None:
    folder = str(tiny_clip_folder())
    model = transformers.CLIPModel.from_pretrained(folder).float().eval()
    processor = transformers.CLIPImageProcessor.from_pretrained(folder)
    values = processor(images=PICTURES, return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        found = model(input_ids=torch.tensor([[1, 2]]), pixel_values=values).image_embeds
    np.testing.assert_allclose(open_encoder("tiny-clip").embed(PICTURES), unit(found), atol=1e-4)


def test_a_timm_encoder_uses_the_models_own_transform(tmp_path: Path) -> None:
    folder = a_timm_folder(tmp_path / "model")
    model = timm.create_model(f"local-dir:{folder}", pretrained=True, num_classes=0).eval()
    transform = create_transform(**timm.data.resolve_model_data_config(model), is_training=False)
    expected = unit(model(torch.stack([transform(picture) for picture in PICTURES])))
    np.testing.assert_allclose(open_encoder(f"timm:{folder}").embed(PICTURES), expected, atol=1e-6)


def test_other_preprocessing_is_another_checksum(tmp_path: Path) -> None:
    folder = a_timm_folder(tmp_path / "model")
    before = open_encoder(f"timm:{folder}").card.checksum
    config = json.loads((folder / "config.json").read_text())
    config["pretrained_cfg"]["crop_pct"] = 0.5
    (folder / "config.json").write_text(json.dumps(config))
    assert open_encoder(f"timm:{folder}").card.checksum != before


def test_miewid_is_its_backbone_pooled_and_normalised(tmp_path: Path) -> None:
    torch.manual_seed(0)
    backbone = timm.create_model("resnet10t", num_classes=0, global_pool="")
    norm = torch.nn.BatchNorm1d(backbone.num_features)
    norm.running_mean.uniform_(-1, 1)
    tensors = {f"backbone.{key}": value for key, value in backbone.state_dict().items()}
    tensors |= {f"bn.{key}": value for key, value in norm.state_dict().items()}
    tensors |= {"pooling.p": torch.tensor([2.0]), "final.weight": torch.zeros(3)}
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"model_name": "resnet10t"}))
    encoder = _open_miewid(torch.device("cpu"), str(tmp_path))
    pixels = torch.stack([encoder.prepare(picture) for picture in PICTURES])
    assert pixels.shape == (2, 3, 440, 440)
    maps = backbone.eval()(pixels).clamp(min=1e-6)
    expected = unit(norm.eval()(maps.square().mean(dim=(2, 3)).sqrt()))
    np.testing.assert_allclose(encoder.embed(PICTURES), expected, atol=1e-5)
    del tensors["bn.weight"]
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=r"none for bn\.weight"):
        _open_miewid(torch.device("cpu"), str(tmp_path))


def test_a_model_that_does_not_embed_pictures_is_refused(tmp_path: Path) -> None:
    config = transformers.BertConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    folder = saved(tmp_path / "bert", transformers.BertModel(config))
    with pytest.raises(WeightsError, match="cannot embed pictures alone"):
        open_encoder(f"transformers:{folder}")
