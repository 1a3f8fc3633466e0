"""Pictures for tests: random ones, and ones with edges, shading and texture like real scenes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from scipy.stats import rankdata

from clpips.features.architecture import spec_of
from clpips.features.weights import stock_weights
from clpips.metric.observations import Observation
from clpips.types import Ranking


def noise(seed: int, size: tuple[int, int] = (64, 64)) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(values)


def scene(seed: int, size: int = 96) -> Image.Image:
    """Shaded ground, a few blobs and boxes, soft focus and grain."""
    rng = np.random.default_rng(seed)
    sky, ground = rng.integers(40, 256, 3), rng.integers(0, 200, 3)
    ramp = np.linspace(0, 1, size)[:, None, None]
    base = np.broadcast_to(sky * (1 - ramp) + ground * ramp, (size, size, 3)).astype(np.uint8)
    image = Image.fromarray(base.copy())
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(2, 7)):
        x, y, side = rng.integers(0, size), rng.integers(0, size), rng.integers(8, size // 2)
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        shape((x - side // 2, y - side // 2, x + side // 2, y + side // 2), fill=colour)
    image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0, 1.5))))
    grain = rng.normal(0, rng.uniform(1, 12), (size, size, 3))
    return Image.fromarray((np.asarray(image) + grain).clip(0, 255).astype(np.uint8))


def layer_person(layer: int, backbone: str = "alex") -> np.ndarray:
    """True weights with nearly everything on one layer (from 0) of the stock weights."""
    stock, channels = stock_weights(backbone), spec_of(backbone).channels
    return np.where(np.repeat(np.arange(len(channels)), channels) == layer, stock, 0.01 * stock)


def simulated(
    table: np.ndarray,
    truth: np.ndarray,
    targets: Sequence[int],
    *,
    seed: int,
    images: int = 8,
    noise: float = 0.0,
    participant: str = "sim",
) -> list[Observation]:
    """Rankings by true weights over a table of difference vectors (target, image, channel)."""
    rng = np.random.default_rng(seed)
    found = []
    for target in targets:
        others = [index for index in range(table.shape[1]) if index != target]
        chosen = rng.choice(others, images, replace=False)
        vectors = table[target][chosen]
        distances = vectors @ truth
        distances = distances + noise * distances.std() * rng.normal(size=images)
        ranks = tuple(int(rank) for rank in rankdata(distances, method="min"))
        names = tuple(f"image {index}" for index in chosen)
        ranking = Ranking(participant, f"target {target}", names, ranks)
        found.append(Observation(ranking, vectors))
    return found


def huge_png_header(width: int, height: int) -> bytes:
    """A PNG that only claims to be huge: signature, header, an empty data chunk."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
