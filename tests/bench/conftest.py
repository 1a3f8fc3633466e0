"""A small benchmark: five people, ten samples, three methods, and metrics that count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clpips.bench.generated import Generated
from clpips.bench.metrics.card import MetricCard, Values
from clpips.bench.samples import Item, Sample
from clpips.io.image_files import read_picture
from clpips.progress import Watch


@dataclass(frozen=True)
class Brightness:
    """Mean grey level, as it is or against the target's."""

    name: str = "grey"
    direction: str = "higher"
    against_target: bool = False

    @property
    def card(self) -> MetricCard:
        low, high = (None, None) if self.against_target else (0.0, 255.0)
        title = self.name.title()
        return MetricCard(self.name, title, self.direction, low, high, "none", "", "1", "-", "-")

    def values(self, images: Sequence[Generated], watch: Watch) -> Values:
        found = []
        for one in images:
            value = grey(one.path) - (grey(one.sample.target.path) if self.against_target else 0)
            found.append(abs(value) if self.against_target else value)
        return np.array(found)


def grey(path: str) -> float:
    picture = read_picture(Path(path).read_bytes(), path)
    return float(np.asarray(picture.convert("L"), dtype=float).mean())


@dataclass(frozen=True)
class SmallBench:
    """Samples, and each method's images; sample 3 has no image by the method ``none``."""

    folder: Path
    samples: list[Sample]
    generated: dict[str, list[Generated]]


@pytest.fixture(scope="session")
def small_bench(tmp_path_factory: pytest.TempPathFactory) -> SmallBench:
    folder = tmp_path_factory.mktemp("bench")
    rng = np.random.default_rng(0)

    def picture(name: str, level: float) -> str:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        pixels = np.clip(level + rng.normal(0, 3, (32, 32, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(path)
        return str(path)

    samples = []
    generated: dict[str, list[Generated]] = {"light": [], "none": [], "same": []}
    for index in range(10):
        user = f"user-{index // 2}"
        history = tuple(
            Item(f"h{index}{k}", "", picture(f"real/h{index}-{k}.png", 100), "a thing")
            for k in range(3)
        )
        target = Item(f"t{index}", "", picture(f"real/t{index}.png", 110 + index), "the target")
        sample = Sample(index, user, history, target, "grey, plain")
        samples.append(sample)
        levels = {"light": 150 + 4 * (index // 2), "none": 100, "same": 110 + index}
        for method, level in levels.items():
            if (method, index) != ("none", 3):
                path = picture(f"{method}/{index:06}.png", level)
                generated[method].append(Generated(sample, method, path, str(index), "a thing"))
    return SmallBench(folder, samples, generated)
