"""Which encoders need no network."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import constants

from clpips.features.embedding.names import OFFLINE, encoders_here


def test_a_published_encoder_counts_once_its_weights_were_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert encoders_here() == OFFLINE
    model = tmp_path / "models--facebook--dinov2-base"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text("abc")
    (model / "snapshots" / "abc").mkdir(parents=True)
    (model / "snapshots" / "abc" / "config.json").touch()
    assert encoders_here() == OFFLINE
    (model / "snapshots" / "abc" / "model.safetensors").touch()
    assert encoders_here() == (*OFFLINE, "dinov2-base")
