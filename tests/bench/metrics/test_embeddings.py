"""Metrics on embeddings agree with independent implementations of the same definitions."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import torch
import transformers
from PIL import Image
from torchmetrics.image.fid import _compute_fid

from clpips.bench.features import Features
from clpips.bench.generated import Generated
from clpips.bench.metrics import aesthetic, clip, dino, fid
from clpips.bench.metrics.registry import MetricOptions, open_metrics
from clpips.bench.preference_text import preference_text
from clpips.bench.samples import Item, Sample
from clpips.errors import InputError, WeightsError
from clpips.io.resources import tiny_clip_folder
from clpips.progress import Watch

from ..conftest import SmallBench


@pytest.fixture(scope="module")
def features() -> Features:
    return Features(cache=None, device="cpu", batch_size=4)


@pytest.fixture(scope="module")
def images(small_bench: SmallBench) -> list[Generated]:
    return [one for own in small_bench.generated.values() for one in own[1:3]]


class TransformersClip:
    """The tiny CLIP by transformers' own classes, one picture or text at a time."""

    def __init__(self) -> None:
        folder = str(tiny_clip_folder())
        self.model = transformers.CLIPModel.from_pretrained(folder).float().eval()
        self.processor = transformers.CLIPImageProcessor.from_pretrained(folder)
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)

    @torch.no_grad()
    def image(self, path: str) -> torch.Tensor:
        picture = Image.open(path).convert("RGB")
        pixels = self.processor(images=picture, return_tensors="pt")["pixel_values"]
        return self.model.get_image_features(pixel_values=pixels).pooler_output[0]

    @torch.no_grad()
    def text(self, words: str) -> torch.Tensor:
        tokens = self.tokenizer(words, return_tensors="pt")
        return self.model.get_text_features(**tokens).pooler_output[0]


@pytest.fixture(scope="module")
def theirs() -> TransformersClip:
    return TransformersClip()


def cosine(first: torch.Tensor, second: torch.Tensor) -> float:
    return float(torch.cosine_similarity(first, second, dim=0))


def test_cps_is_the_cosine_with_the_joined_keywords(
    features: Features, images: list[Generated], theirs: TransformersClip
) -> None:
    found = clip.cps(features, "tiny-clip").values(images, Watch())
    text = theirs.text("grey, plain")
    np.testing.assert_allclose(
        found, [cosine(theirs.image(one.path), text) for one in images], atol=1e-4
    )


def test_an_image_whose_user_has_no_preferences_has_no_cps(
    features: Features, images: list[Generated]
) -> None:
    silent = replace(images[0], sample=replace(images[0].sample, style=" "))
    found = clip.cps(features, "tiny-clip").values([silent, images[1]], Watch())
    assert np.isnan(found[0]) and np.isfinite(found[1])


def test_cpis_is_the_mean_cosine_with_the_history(
    features: Features, images: list[Generated], theirs: TransformersClip
) -> None:
    found = clip.cpis_history(features, "tiny-clip").values(images, Watch())
    expected = [
        np.mean([cosine(theirs.image(one.path), theirs.image(i.path)) for i in one.sample.history])
        for one in images
    ]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_feature_norm_is_the_length_before_normalisation(
    features: Features, images: list[Generated], theirs: TransformersClip
) -> None:
    metric = aesthetic.FeatureNorm(features, "tiny-clip")
    expected = [float(theirs.image(one.path).norm()) for one in images]
    np.testing.assert_allclose(metric.values(images, Watch()), expected, rtol=1e-4)
    assert metric.card.direction == "none"


def test_aesthetic_heads_are_linear_maps_of_the_normalised_feature(
    features: Features, images: list[Generated], theirs: TransformersClip, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    width = len(theirs.image(images[0].path))
    linear = torch.nn.Linear(width, 1)
    torch.save(linear.state_dict(), tmp_path / "v1.pth")
    widths = (width, *aesthetic.V2_WIDTHS[1:])
    layers = torch.nn.Sequential(*(torch.nn.Linear(a, b) for a, b in itertools.pairwise(widths)))
    torch.save({f"layers.{k}": v for k, v in layers.state_dict().items()}, tmp_path / "v2.pth")
    first = aesthetic.aesthetic_v1(features, tmp_path / "v1.pth", encoder="tiny-clip")
    second = aesthetic.aesthetic_v2(features, tmp_path / "v2.pth", encoder="tiny-clip")
    with torch.no_grad():
        for head, metric in ((linear, first), (layers, second)):
            expected = [
                float(head(torch.nn.functional.normalize(theirs.image(one.path), dim=0)))
                for one in images
            ]
            np.testing.assert_allclose(metric.values(images, Watch()), expected, atol=1e-5)
    with pytest.raises(WeightsError, match="must have layers of"):
        aesthetic.aesthetic_v2(features, tmp_path / "v1.pth", encoder="tiny-clip")


def test_a_head_that_would_run_code_is_refused(features: Features, tmp_path: Path) -> None:
    torch.save({"weight": Path("x")}, tmp_path / "bad.pth")
    with pytest.raises(WeightsError, match="not a file of plain weights"):
        aesthetic.aesthetic_v1(features, tmp_path / "bad.pth", encoder="tiny-clip")


def test_similarity_to_target_and_margin_over_another_history(
    features: Features, images: list[Generated], small_bench: SmallBench
) -> None:
    made = dino.dino_metrics(features, "alex", small_bench.samples)
    target = made["dino_target"].values(images, Watch())
    rows = features.of_images("alex", [one.path for one in images], Watch())
    its = features.of_images("alex", [one.sample.target.path for one in images], Watch())
    np.testing.assert_allclose(target, (rows * its).sum(axis=1), atol=1e-6)
    margin = made["margin_history"].values(images, Watch())
    for one, value in zip(images, margin, strict=True):
        index = one.sample.index
        other = small_bench.samples[index + (1 if index % 2 else 2)]  # the next person's first
        own, away = (
            features.of_images("alex", [item.path for item in sample.history], Watch())
            for sample in (one.sample, other)
        )
        image = features.of_images("alex", [one.path], Watch())[0]
        assert value == pytest.approx((own @ image).mean() - (away @ image).mean(), abs=1e-6)


def test_fid_and_kid_equal_other_implementations() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(40, 6)), 0.5 + 1.4 * rng.normal(size=(50, 6))
    tensors = [torch.from_numpy(each) for each in (first, second)]
    expected = _compute_fid(
        tensors[0].mean(0), tensors[0].T.cov(), tensors[1].mean(0), tensors[1].T.cov()
    )
    assert fid.frechet_distance(first, second) == pytest.approx(float(expected), rel=1e-6)
    root = scipy.linalg.sqrtm(np.cov(first.T) @ np.cov(second.T)).real
    trace = np.trace(np.cov(first.T) + np.cov(second.T) - 2 * root)
    gap = ((first.mean(0) - second.mean(0)) ** 2).sum()
    assert fid.frechet_distance(first, second) == pytest.approx(trace + gap, rel=1e-6)

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return float((x @ y / 6 + 1) ** 3)

    pairs = [
        np.mean([kernel(a, b) for i, a in enumerate(s) for j, b in enumerate(s) if i != j])
        for s in (first, second)
    ]
    across = np.mean([kernel(a, b) for a in first for b in second])
    assert fid.kernel_distance(first, second) == pytest.approx(sum(pairs) - 2 * across)


def test_sets_that_are_too_small_are_left_out(small_bench: SmallBench, features: Features) -> None:
    found, left_out = fid.set_figures(small_bench.generated, features, "tiny-clip", Watch())
    assert found == {"light": {}, "none": {}, "same": {}}
    assert "needs more images than" in left_out["fid"]
    assert "20 images or more" in left_out["kid"]


@pytest.mark.parametrize(
    ("style", "is_worker", "text"),
    [
        ("red, blue,red\ngreen", False, "red, blue, green"),
        ("About A.\nStyle preferences:\n* a note, here\nmoody, dark\nmoody", True, "moody, dark"),
        ("style preferences: old\nStyle Preferences: soft warm light", True, "soft, warm, light"),
        (", ".join(map(str, range(30))), True, ", ".join(map(str, range(20)))),
        ("", False, ""),
    ],
)
def test_preference_texts_are_taken_apart_as_in_the_original(
    style: str, is_worker: bool, text: str
) -> None:
    item = Item("a", "a.png")
    assert preference_text(Sample(0, "u", (item,), item, style, is_worker=is_worker)) == text


def test_what_is_not_at_hand_is_left_out_by_name_and_reason(
    small_bench: SmallBench, features: Features, tmp_path: Path
) -> None:
    options = MetricOptions(clip="tiny-clip", dino="alex", hpsv2=tmp_path / "none.pt", side=32)
    names = ("hpsv2", "ssim_target", "cps", "verifier", "aesthetic_v1", "cps_judge")
    opened, left_out = open_metrics(names, small_bench.samples, options, features)
    assert [metric.card.name for metric in opened] == ["ssim_target", "cps"]
    assert left_out["hpsv2"] == f"{tmp_path / 'none.pt'}: no such file of weights"
    assert left_out["verifier"] == "a trained verifier is not at hand (--verifier names it)"
    assert list(left_out) == ["cps_judge", "hpsv2", "aesthetic_v1", "verifier"]
    with pytest.raises(InputError, match=r"a metric must be one of .* got 'fvd'"):
        open_metrics(["fvd"], small_bench.samples, options, features)
    no_text = MetricOptions(clip="alex")
    _, left_out = open_metrics(["cps"], small_bench.samples, no_text, features)
    assert "compares pictures with texts" in left_out["cps"]
