"""The ONNX export, checked by onnx and run by onnxruntime against the metric itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from pictures import layer_person, noise, scene

from clpips.errors import ClpipsError, InputError
from clpips.export import onnx as onnx_file
from clpips.export.onnx import PairDistance, write_onnx
from clpips.features.architecture import empty_network, spec_of
from clpips.io.images import load_image
from clpips.metric.clpips import CLPIPS
from clpips.metric.observations import Observation
from clpips.types import Ranking


def personal() -> CLPIPS:
    """A fitted metric, by one ranking out of thin air."""
    vectors = np.random.default_rng(0).random((4, 1152)) / 100
    ranking = Ranking("Ada", "target", ("a", "b", "c", "d"), (1, 2, 3, 4))
    metric = CLPIPS("alex").fit([Observation(ranking, vectors)])
    metric.weights_ = layer_person(2)
    return metric


@pytest.fixture(scope="module")
def metric() -> CLPIPS:
    return personal()


@pytest.fixture(scope="module")
def file(metric: CLPIPS, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "new" / "ada.onnx"
    write_onnx(metric, path)
    return path


def distances(path: Path, target: torch.Tensor, image: torch.Tensor) -> np.ndarray[Any, Any]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"target": target.numpy(), "image": image.numpy()})
    return found


@pytest.mark.parametrize("sides", [(64, 64), (97, 131), (256, 40)])
def test_onnxruntime_gives_the_metrics_distances_for_any_size_and_number(
    metric: CLPIPS, file: Path, sides: tuple[int, int]
) -> None:
    pairs = [(noise(seed, sides), noise(seed + 50, sides)) for seed in range(3)]
    target, image = (
        torch.stack([load_image(one) for one in side]) for side in zip(*pairs, strict=True)
    )
    for n in (1, 3):
        found = distances(file, target[:n], image[:n])
        assert (found.shape, found.dtype) == ((n,), np.float32)
        wanted = [metric.distance(*pair) for pair in pairs[:n]]
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)


def test_where_every_feature_is_zero_the_file_still_has_a_distance(
    metric: CLPIPS, file: Path
) -> None:
    def darkest(image: torch.Tensor) -> float:
        activation = (image[None] - module.get_buffer("shift")) / module.get_buffer("scale")
        for layers in module.slices:
            activation = layers(activation)
        return activation.square().sum(dim=1).min().item()

    module = PairDistance(metric)
    images = (load_image(noise(seed, (256, 256))) for seed in range(60))
    blind = next(image for image in images if darkest(image) == 0)
    target = load_image(scene(1, 256))
    found = distances(file, target[None], blind[None])
    assert found[0] == pytest.approx(metric.distance(target, blind), abs=1e-5)


def test_an_image_is_at_no_distance_from_itself(file: Path) -> None:
    image = load_image(scene(3))[None]
    assert distances(file, image, image)[0] == pytest.approx(0, abs=1e-6)


def test_the_file_says_what_it_is_and_what_goes_in(metric: CLPIPS, file: Path) -> None:
    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    shapes = {
        one.name: [axis.dim_param or axis.dim_value for axis in one.type.tensor_type.shape.dim]
        for one in (*model.graph.input, *model.graph.output)
    }
    pair = ["n", 3, "height", "width"]
    assert shapes == {"target": pair, "image": pair, "distance": ["n"]}
    told = {one.key: one.value for one in model.metadata_props}
    assert json.loads(told["clpips.card"])["participants"] == ["Ada"]
    assert (told["clpips.backbone"], told["clpips.weights"]) == ("alex", "personal")
    assert "[-1, 1]" in told["clpips.input"]


def test_a_fixed_side_is_kept_a_stock_metric_has_no_card_and_nothing_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metric = CLPIPS("alex")
    write_onnx(metric, tmp_path / "stock.onnx", side=64)
    assert capsys.readouterr() == ("", "")
    model = onnx.load(tmp_path / "stock.onnx")
    (axes,) = {
        tuple(axis.dim_value for axis in one.type.tensor_type.shape.dim)
        for one in model.graph.input
    }
    assert axes == (0, 3, 64, 64)
    told = {one.key: one.value for one in model.metadata_props}
    assert (told["clpips.weights"], "clpips.card" in told) == ("stock", False)
    target, image = (load_image(scene(seed, 64)) for seed in (1, 2))
    found = distances(tmp_path / "stock.onnx", target[None], image[None])
    assert found[0] == pytest.approx(metric.distance(target, image), abs=1e-5)


@pytest.mark.parametrize("backbone", [pytest.param("vgg", marks=pytest.mark.slow), "squeeze"])
def test_the_other_networks_export_too(
    backbone: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tensors(name: Any, **_: object) -> tuple[dict[str, torch.Tensor], str]:
        """Random layers that keep the size of what flows through them."""
        generator = torch.Generator().manual_seed(1)
        made = {}
        for key, value in empty_network(name).state_dict().items():
            spread = 0.1 if value.ndim == 1 else value[0].numel() ** -0.5
            made[key] = spread * torch.randn(value.shape, generator=generator)
        return made, "0" * 64

    monkeypatch.setattr("clpips.features.lpips.backbone_tensors", tensors)
    monkeypatch.setattr("clpips.export.onnx.backbone_tensors", tensors)
    metric = CLPIPS(backbone)
    write_onnx(metric, tmp_path / "other.onnx")
    target, image = (load_image(scene(seed, 75)) for seed in (1, 2))
    found = distances(tmp_path / "other.onnx", target[None], image[None])
    assert found[0] == pytest.approx(metric.distance(target, image), abs=1e-5)
    assert len(metric.layer_weights()) == len(spec_of(backbone).channels)


def test_what_cannot_be_exported_is_one_sentence_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metric = CLPIPS("alex")
    with pytest.raises(InputError, match=r"must end in \.onnx, got 'ada\.pth'"):
        write_onnx(metric, "ada.pth")
    with pytest.raises(InputError, match="side must be at least 32 pixels, got 31"):
        write_onnx(metric, tmp_path / "a.onnx", side=31)
    monkeypatch.setattr(metric, "backbone", "st-alex")
    with pytest.raises(InputError, match=r"out of \('alex', 'vgg', 'squeeze'\), got 'st-alex'"):
        write_onnx(metric, tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime", "onnxscript"])
def test_a_missing_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setitem(__import__("sys").modules, missing, None)
    with pytest.raises(ClpipsError, match=rf"{missing}: pip install 'clpips\[onnx\]'"):
        write_onnx(CLPIPS("alex"), tmp_path / "a.onnx")


def test_a_file_that_computes_something_else_is_not_kept(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_file, "_exported", lambda module, side: onnx.load(file))
    with pytest.raises(ClpipsError, match="must give the metric's distances to 1e-05"):
        write_onnx(CLPIPS("alex"), tmp_path / "a.onnx")  # stock, and the file is personal
    assert list(tmp_path.iterdir()) == []
