"""Images a second of the benchmark's metrics, against the plain loop over the same packages.

Run ``python benchmarks/bench_metrics.py [--users 6] [--methods 4]``.

The plain loop computes every pair on its own, as the released scripts do: the ``lpips`` package
(VGG), torchmetrics' SSIM at both data ranges, transformers' CLIP (the tiny one of this project) for
CPS and CPIS; target and three history images of each sample. Ours computes the same numbers, each
image's part once. Both run in this process on one thread, models are loaded before the clock
starts, nothing is kept on disk, and the largest difference between the two is printed.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lpips
import numpy as np
import torch
import transformers
from PIL import Image
from torchmetrics.functional.image import structural_similarity_index_measure

from clpips.bench.datasets.synthetic import items, tastes
from clpips.bench.datasets.windows import numbered, windows
from clpips.bench.features import Features
from clpips.bench.generated import Generated
from clpips.bench.metrics.card import Metric
from clpips.bench.metrics.clip import cpis_history, cps
from clpips.bench.metrics.lpips import lpips_metrics
from clpips.bench.metrics.ssim import ssim_metrics
from clpips.bench.preference_text import preference_text
from clpips.bench.samples import Item, Sample
from clpips.features.weights import backbone_tensors
from clpips.io.resources import tiny_clip_folder
from clpips.progress import Watch

SIDE = 512
Loop = Callable[[Sequence[Generated]], list[list[float]]]


def planted(folder: Path, users: int, methods: int) -> list[Generated]:
    """Every method's images: other people's pictures."""
    samples: list[Sample] = []
    pictures: list[str] = []
    for number, taste in enumerate(tastes(users + methods, seed=0)):
        own = []
        for place, (caption, picture) in enumerate(items(taste, number, seed=0)):
            path = str(folder / f"{number}-{place}.png")
            picture.save(path)
            pictures.append(path)
            own.append(Item(path, path, path, caption))
        if number < users:
            samples += windows(taste.user, own, style=taste.words, left_out=Counter())
    chance = np.random.default_rng(0)
    found = []
    for sample in numbered(samples, Counter()):
        for method in range(methods):
            path = folder / f"made-{sample.index}-{method}.png"
            pixels = np.array(Image.open(pictures[chance.integers(len(pictures))]))
            Image.fromarray(pixels ^ chance.integers(0, 4, pixels.shape, dtype=np.uint8)).save(path)
            found.append(Generated(sample, f"method-{method}", str(path)))
    return found


def square(path: str) -> torch.Tensor:
    """(1, 3, 512, 512) in [0, 1]."""
    picture = Image.open(path).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255


def pairs(
    images: Sequence[Generated], of_pair: Callable[[str, str], Sequence[float]]
) -> list[list[float]]:
    """To the target, and to the history on average."""
    found = []
    for one in images:
        target = of_pair(one.path, one.sample.target.path)
        history = np.mean([of_pair(one.path, item.path) for item in one.sample.history], axis=0)
        found.append([*target, *history])
    return found


def lpips_loop() -> Loop:
    """The ``lpips`` package, pair by pair."""
    model = lpips.LPIPS(net="vgg", pnet_rand=True, verbose=False).eval()
    tensors, _ = backbone_tensors("vgg")
    own = {name: tensors["features." + name.split(".", 1)[1]] for name in model.net.state_dict()}
    model.net.load_state_dict(own)

    def loop(images: Sequence[Generated]) -> list[list[float]]:
        return pairs(images, lambda a, b: [float(model(2 * square(a) - 1, 2 * square(b) - 1))])

    return loop


def ssim_loop() -> Loop:
    """torchmetrics, pair by pair and range by range."""

    def of_pair(first: str, second: str) -> list[float]:
        return [
            float(structural_similarity_index_measure(square(first), square(second), data_range=r))
            for r in (1.0, 2.0)
        ]

    return lambda images: pairs(images, of_pair)


def clip_loop() -> Loop:
    """transformers, image by image and text by text."""
    folder = str(tiny_clip_folder())
    model: Any = transformers.CLIPModel.from_pretrained(folder).float().eval()
    processor: Any = transformers.CLIPImageProcessor.from_pretrained(folder)
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(folder)

    def image(path: str) -> torch.Tensor:
        pixels = processor(images=Image.open(path).convert("RGB"), return_tensors="pt")
        return model.get_image_features(**pixels).pooler_output[0]

    def values(one: Generated) -> list[float]:
        tokens = tokenizer(
            preference_text(one.sample), truncation=True, max_length=32, return_tensors="pt"
        )
        text = model.get_text_features(**tokens).pooler_output[0]
        made = image(one.path)
        own = float(torch.cosine_similarity(made, text, dim=0))
        cosines = [
            float(torch.cosine_similarity(made, image(item.path), dim=0))
            for item in one.sample.history
        ]
        return [own, float(np.mean(cosines))]

    return lambda images: [values(one) for one in images]


def main() -> None:
    """Time both ways of each group of metrics."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=6, help="two samples each")
    parser.add_argument("--methods", type=int, default=4)
    parser.add_argument("--only", help="metrics whose name begins so")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        images = planted(Path(folder), options.users, options.methods)
        features = Features(cache=None, device="cpu")
        groups: dict[str, tuple[Callable[[], list[Metric]], Callable[[], Loop]]] = {
            "LPIPS (vgg)": (lambda: [*lpips_metrics(cache=None).values()], lpips_loop),
            "SSIM": (
                lambda: [
                    (own := ssim_metrics(cache=None))["ssim_target"],
                    own["ssim_compat_target"],
                    own["ssim_history"],
                    own["ssim_compat_history"],
                ],
                ssim_loop,
            ),
            "CPS, CPIS (tiny-clip)": (
                lambda: [cps(features, "tiny-clip"), cpis_history(features, "tiny-clip")],
                clip_loop,
            ),
        }
        print(f"{len(images)} images of {options.methods} methods")
        print("| metrics | images a second | plain loop | times | largest difference |")
        print("| --- | --- | --- | --- | --- |")
        for name, (opened, loop) in groups.items():
            if options.only and not name.startswith(options.only):
                continue
            metrics, plain = opened(), loop()
            start = time.perf_counter()
            ours = np.stack([metric.values(images, Watch()) for metric in metrics], axis=1)
            between = time.perf_counter()
            with torch.inference_mode():
                theirs = np.array(plain(images))
            taken, looped = between - start, time.perf_counter() - between
            gap = np.abs(ours - theirs).max()
            print(
                f"| {name} | {len(images) / taken:.2f} | {len(images) / looped:.2f} | "
                f"{looped / taken:.1f} | {gap:.1g} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
