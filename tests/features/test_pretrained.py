"""``timm:`` and ``transformers:`` spaces, on tiny models that the tests make; no network."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
import transformers
from pictures import noise, scene
from small_encoders import MEAN, STD, VISION, a_timm_folder, saved, vit
from torch.nn import functional

from clpips import CLPIPS
from clpips.errors import InputError, WeightsError
from clpips.features import registry
from clpips.features.names import checked_space_name
from clpips.features.registry import open_space, space_of
from clpips.io.images import load_image
from clpips.metric.observations import Observation
from clpips.types import Ranking

TEXT: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "vocab_size": 64,
    "bos_token_id": 1,
    "eos_token_id": 3,
}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError("no network in tests")

    monkeypatch.setattr(socket, "getaddrinfo", refused)
    for cached in (registry._opened, registry._named):
        cached.cache_clear()


def dinov2() -> Any:
    torch.manual_seed(0)
    settings = {name: value for name, value in VISION.items() if name != "intermediate_size"}
    return transformers.Dinov2Model(transformers.Dinov2Config(**settings))


def clip() -> Any:
    torch.manual_seed(0)
    config = transformers.CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=24)
    return transformers.CLIPModel(config)


def resnet() -> Any:
    torch.manual_seed(0)
    sizes = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]}
    return transformers.ResNetModel(transformers.ResNetConfig(layer_type="basic", **sizes))


def cosine_distances(reference: Callable[[torch.Tensor], torch.Tensor], side: int) -> np.ndarray:
    """2 − 2 · cosine of each picture from the first, straight from a model."""
    images = torch.stack([load_image(each) for each in PICTURES])
    square = functional.interpolate(images, (side, side), mode="bicubic", antialias=True)
    mean, std = (torch.tensor(each)[:, None, None] for each in (MEAN, STD))
    with torch.no_grad():
        found = reference((square.clamp(-1, 1) / 2 + 0.5 - mean) / std)
    return 2 - 2 * functional.cosine_similarity(found[:1], found[1:]).numpy()


PICTURES = [scene(1, 64), scene(2, 64), noise(3), scene(1, 64)]


@pytest.mark.parametrize(
    ("make", "channels", "side", "reference"),
    [
        (vit, 32, 48, lambda m, x: m(pixel_values=x).pooler_output),
        (dinov2, 32, 48, lambda m, x: m(pixel_values=x).pooler_output),
        (clip, 24, 48, lambda m, x: m.visual_projection(m.vision_model(x).pooler_output)),
        (resnet, 16, 224, lambda m, x: m(pixel_values=x).pooler_output.flatten(1)),
    ],
)
def test_a_transformers_folder_gives_the_models_own_cosine_distances(
    tmp_path: Path, make, channels: int, side: int, reference
) -> None:
    model = make().eval()
    name = f"transformers:{saved(tmp_path / 'model', model)}"
    metric = CLPIPS(name)
    found = metric.distances(PICTURES[0], PICTURES[1:]).values
    expected = cosine_distances(lambda images: reference(model, images), side)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found[0] > 1e-4
    assert metric.distance(PICTURES[0], PICTURES[0]) == 0.0
    (block,) = metric.space.blocks
    assert (block.name, block.channels) == (f"{name} features", channels)


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        ("resnet10t", {}),
        ("vit_tiny_patch16_224", {"img_size": 48, "depth": 2, "embed_dim": 48, "num_heads": 3}),
    ],
)
def test_a_timm_folder_gives_the_models_own_cosine_distances(
    tmp_path: Path, model: str, settings: dict[str, int]
) -> None:
    folder = a_timm_folder(tmp_path / "model", model, **settings)
    metric = CLPIPS(f"timm:{folder}")
    torch.manual_seed(0)
    same = timm.create_model(model, pretrained=False, num_classes=5, **settings).eval()
    same.reset_classifier(0)
    found = metric.distances(PICTURES[0], PICTURES[1:]).values
    np.testing.assert_allclose(found, cosine_distances(same, 48), atol=1e-5)
    assert found[0] > 1e-4


def test_a_folder_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path / "model", vit())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    there = space_of(f"transformers:{tmp_path}/model")
    for name in ("transformers:./model", "transformers:~/model"):
        assert space_of(name).checksum == there.checksum


def test_a_metric_of_a_named_space_is_saved_with_its_block_and_read_again(tmp_path: Path) -> None:
    name = f"timm:{a_timm_folder(tmp_path / 'model')}"
    metric = CLPIPS(name)
    vectors = metric.network().difference_vectors(PICTURES[0], PICTURES[1:3]).vectors
    metric.fit([Observation(Ranking("ada", "t", ("a", "b"), (2, 1)), vectors)])
    metric.save(tmp_path / "ada.safetensors")
    again = CLPIPS.load(tmp_path / "ada.safetensors")
    assert again.card_.blocks == space_of(name).blocks
    assert again.card_.backbone_sha256 == space_of(name).checksum
    assert again.distances(PICTURES[0], PICTURES[1:]) == metric.distances(PICTURES[0], PICTURES[1:])


def test_other_weights_or_another_scaling_make_another_checksum(tmp_path: Path) -> None:
    first = saved(tmp_path / "first", vit())
    same = saved(tmp_path / "same", vit())
    other = saved(tmp_path / "other", transformers.ViTModel(transformers.ViTConfig(**VISION)))
    scaled = saved(tmp_path / "scaled", vit())
    settings = json.loads((scaled / "preprocessor_config.json").read_text())
    settings["image_mean"] = [0.1, 0.1, 0.1]
    (scaled / "preprocessor_config.json").write_text(json.dumps(settings))
    sums = [space_of(f"transformers:{path}").checksum for path in (first, same, other, scaled)]
    assert sums[0] == sums[1]
    assert len(set(sums)) == 3


def test_a_pooler_without_weights_is_not_made_up(tmp_path: Path) -> None:
    """As in most published ViT classifiers; the library would fill it with random numbers."""
    folder = saved(tmp_path / "model", vit(add_pooling_layer=False))
    name = f"transformers:{folder}"
    encoder, first = open_space(name), space_of(name).checksum
    model = vit(add_pooling_layer=False).eval()
    found = CLPIPS(name).distances(PICTURES[0], PICTURES[1:]).values
    expected = cosine_distances(lambda images: model(images).last_hidden_state[:, 0], 48)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    registry._opened.cache_clear()
    registry._named.cache_clear()
    torch.manual_seed(1)
    assert open_space(name) is not encoder
    assert space_of(name).checksum == first


def test_a_file_that_lacks_other_weights_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path / "model", vit())
    deeper = json.loads((folder / "config.json").read_text()) | {"num_hidden_layers": 3}
    (folder / "config.json").write_text(json.dumps(deeper))
    with pytest.raises(WeightsError, match=r"must hold every weight, got none for .*2\."):
        space_of(f"transformers:{folder}")


def test_loading_says_nothing_on_standard_error(tmp_path: Path, capfd) -> None:
    folder = saved(tmp_path / "model", vit())
    capfd.readouterr()
    space_of(f"transformers:{folder}")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("timm:resnet10t", "the model hub does not answer, and it is not in its cache"),
        ("transformers:nobody/nothing", "the model hub does not answer, and it is not in its"),
    ],
)
def test_weights_that_cannot_be_had_are_one_sentence(
    name: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsError) as caught:
        space_of(name)
    sentence = str(caught.value)
    assert sentence.startswith(name)
    assert words in sentence
    assert "\n" not in sentence
    assert ". " not in sentence
    assert len(sentence) < 300
    assert constants.HF_HUB_OFFLINE is False


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("timm:no_such_model", "must name one of its models or a folder, got 'no_such_model'"),
        ("timm:resnet10t.no_such_tag", "must name one of timm's models, and there is none"),
        ("timm:/no/such/folder", "must name a folder, and there is none"),
        ("transformers:nope", "must name a model as owner/model, or a folder, got 'nope'"),
        ("transformers:a/b/c", "must name a model as owner/model"),
        ("transformers:./no-such-folder", "must name a folder, and there is none"),
        ("resnet", "a feature space must be one of"),
    ],
)
def test_a_name_that_means_no_model_is_wrong_input(name: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        space_of(name)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["resnet10t", "vit_small_patch14_dinov2.lvd142m"])
def test_names_that_timm_has_pass_and_so_does_a_hub_id(name: str) -> None:
    for space in (f"timm:{name}", "timm:hf-hub:owner/model", "transformers:owner/model", "wide"):
        assert checked_space_name(space) == space


def test_every_model_of_timm_is_found_in_its_files() -> None:
    files = Path(timm.__file__).parent.glob("models/*.py")
    words = set(re.findall(r"(?:\bdef |['\"])(\w+)", "\n".join(f.read_text() for f in files)))
    missing = set(timm.list_models()) - words
    assert not missing, f"refused though timm has them: {sorted(missing)}"


def test_a_model_that_the_hub_does_not_have_is_wrong_input(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from huggingface_hub.errors import RepositoryNotFoundError

    def answered(*_: object, **__: object) -> None:
        # Made without its web response, which is no part of what is looked at.
        unknown = RepositoryNotFoundError.__new__(RepositoryNotFoundError)
        raise OSError("not a valid model identifier") from unknown

    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", answered)
    monkeypatch.setattr(
        "clpips.features.pretrained.reachable_hub", lambda folder: contextlib.nullcontext()
    )
    with pytest.raises(InputError, match="nobody/nothing must name a model that the hub has"):
        space_of("transformers:nobody/nothing")


@pytest.mark.parametrize(
    ("prepare", "library", "words"),
    [
        (lambda f: f.mkdir(), "timm", "the folder must hold config.json"),
        (lambda f: saved(f, vit(), processor=False), "transformers", "how its pictures are scaled"),
        (
            lambda f: (a_timm_folder(f) / "model.safetensors").unlink(),
            "timm",
            "the folder must hold model.safetensors",
        ),
        (
            lambda f: (saved(f, vit()) / "model.safetensors").write_bytes(b"torn"),
            "transformers",
            "could not be had",
        ),
        (
            lambda f: saved(
                f, transformers.BertModel(transformers.BertConfig(**TEXT, pad_token_id=0))
            ),
            "transformers",
            "cannot be used on pictures alone",
        ),
    ],
)
def test_a_folder_that_cannot_be_used_says_why(tmp_path: Path, prepare, library, words) -> None:
    prepare(tmp_path / "model")
    with pytest.raises(WeightsError) as caught:
        space_of(f"{library}:{tmp_path / 'model'}")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_encoder_of_other_pictures_is_refused(tmp_path: Path) -> None:
    folder = a_timm_folder(tmp_path / "model")
    settings = json.loads((folder / "config.json").read_text())
    settings["pretrained_cfg"]["input_size"] = [3, 64, 32]
    (folder / "config.json").write_text(json.dumps(settings))
    with pytest.raises(WeightsError, match=r"square pictures of 3 channels, got 3 × 64 × 32"):
        space_of(f"timm:{folder}")
