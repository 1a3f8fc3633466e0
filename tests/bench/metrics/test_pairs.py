"""LPIPS and SSIM agree with the packages that the published table was made with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import lpips
import numpy as np
import pytest
import torch
from PIL import Image
from torchmetrics.functional.image import structural_similarity_index_measure

from clpips.bench.generated import Generated
from clpips.bench.metrics.lpips import lpips_metrics
from clpips.bench.metrics.pairs import PairMetric
from clpips.bench.metrics.ssim import ssim_metrics
from clpips.features.cache import VectorCache
from clpips.features.weights import backbone_tensors
from clpips.progress import Watch

from ..conftest import SmallBench

SIDE = 64


def tensor(path: str) -> torch.Tensor:
    picture = Image.open(path).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].double() / 255


def expected(
    images: list[Generated], against: str, of_pair: Callable[[torch.Tensor, torch.Tensor], float]
) -> list[float]:
    found = []
    for one in images:
        items = [one.sample.target] if against == "target" else one.sample.history
        found.append(np.mean([of_pair(tensor(one.path), tensor(i.path)) for i in items]))
    return found


@pytest.fixture(scope="module")
def images(small_bench: SmallBench) -> list[Generated]:
    return [one for own in small_bench.generated.values() for one in own[:3]]


@pytest.mark.parametrize("against", ["target", "history"])
def test_lpips_equals_the_lpips_package(images: list[Generated], against: str) -> None:
    theirs = lpips.LPIPS(net="alex", verbose=False, pnet_rand=True).eval()
    tensors, _ = backbone_tensors("alex")
    own = {name: tensors["features." + name.split(".", 1)[1]] for name in theirs.net.state_dict()}
    theirs.net.load_state_dict(own)
    metric = lpips_metrics("alex", cache=None, side=SIDE)[f"lpips_alex_{against}"]
    with torch.inference_mode():
        values = expected(
            images, against, lambda a, b: float(theirs((2 * a - 1).float(), (2 * b - 1).float()))
        )
    np.testing.assert_allclose(metric.values(images, Watch()), values, atol=1e-5)


@pytest.mark.parametrize("against", ["target", "history"])
def test_ssim_equals_torchmetrics_at_both_ranges(images: list[Generated], against: str) -> None:
    metrics = ssim_metrics(cache=None, side=SIDE)
    found = {}
    for name, data_range in (("ssim", 1.0), ("ssim_compat", 2.0)):
        found[name] = metrics[f"{name}_{against}"].values(images, Watch())
        values = expected(
            images,
            against,
            lambda a, b, d=data_range: float(
                structural_similarity_index_measure(a.double(), b.double(), data_range=d)
            ),
        )
        np.testing.assert_allclose(found[name], values, atol=1e-9)
    # The published range inflates.
    assert (found["ssim_compat"] > found["ssim"] + 0.08).all()


class Counted:
    def __init__(self, metric: PairMetric) -> None:
        self.prepared = self.compared = 0
        prepare, compare = metric.family.prepare, metric.family.compare

        def counted_prepare(picture: Image.Image) -> object:
            self.prepared += 1
            return prepare(picture)

        def counted_compare(first: object, second: object) -> object:
            self.compared += 1
            return compare(first, second)

        metric.family.prepare, metric.family.compare = counted_prepare, counted_compare


def test_each_image_is_prepared_once_and_each_pair_computed_once(
    small_bench: SmallBench, tmp_path: Path
) -> None:
    images = [one for method in ("light", "same") for one in small_bench.generated[method][:2]]
    images.sort(key=lambda one: one.sample.index)
    metrics = ssim_metrics(cache=VectorCache(tmp_path), side=SIDE)
    counts = Counted(metrics["ssim_target"])
    first = {name: metric.values(images, Watch()) for name, metric in metrics.items()}
    assert counts.prepared == 2 * (4 + 2)  # of two samples: history, target, two methods
    assert counts.compared == 2 * 2 * 4
    # Another process finds the numbers on disk.
    again = ssim_metrics(cache=VectorCache(tmp_path), side=SIDE)
    counts = Counted(again["ssim_target"])
    for name, metric in again.items():
        np.testing.assert_array_equal(metric.values(images, Watch()), first[name])
    assert (counts.prepared, counts.compared) == (0, 0)
