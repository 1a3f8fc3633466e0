"""The images that the tiny model is trained on: rendered by ``scenes``, kept as arrays on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clpips.generation.scenes import draw
from clpips.generation.scenes.composition.compose import extents
from clpips.generation.scenes.language.parser import parse
from clpips.io.atomic_files import atomic_file
from clpips.progress import Watch
from tools.train_tiny.captions import Caption, caption, captions

SIDE = 64
SHARD = 1000
MARGIN = 0.02
"""Around an object's box, in heights of the image: outlines, and what sticks out."""

# The first seed of each set. The sets share no image; ``evaluators`` and ``model`` share no random
# numbers either. No caption of ``test`` is in ``model``; one in ten is in ``evaluators``, with
# another image.
FIRST = {"model": 0, "evaluators": 10_000_000, "test": 20_000_000}

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class CaptionedImages:
    """Images with their captions.

    Args:
        pixels: (images, 64, 64, 3) bytes, RGB.
        captions: one an image.
    """

    pixels: Array
    captions: tuple[Caption, ...]

    @property
    def texts(self) -> list[str]:
        """The text of every caption."""
        return [each.text for each in self.captions]


def image_set(name: str, count: int, folder: Path, watch: Watch) -> CaptionedImages:
    """The first ``count`` images of a set; shards that ``folder`` holds are not rendered again.

    Args:
        name: ``model`` or ``evaluators``.
        count: how many, in whole thousands.
        folder: of the shards, made where it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shards = []
    for number in range(count // SHARD):
        path = folder / f"{name}-{number:04d}.npy"
        if not path.exists():
            watch.report(number * SHARD / count, f"Rendering images ({name})")
            with atomic_file(path) as partial, partial.open("wb") as file:
                np.save(file, _shard(name, number))
        shards.append(np.load(path))
    first = FIRST[name]
    known = tuple(caption(first + number) for number in range(len(shards) * SHARD))
    return CaptionedImages(np.concatenate(shards), known)


def object_masks(name: str, count: int, side: int, watch: Watch) -> Array:
    """Where the named objects are in the first ``count`` images of a set.

    Returns:
        (images, side, side) in [0, 1]: how much of each square an object's box covers.
    """
    first, found = FIRST[name], []
    for number in range(first, first + count):
        if number % SHARD == 0:
            watch.report((number - first) / count, "Locating the objects in the images")
        boxes = extents(parse(caption(number).prompt), number, aspect=1.0)
        found.append(np.max([_coverage(*each, side=side) for each in boxes], axis=0))
    return np.stack(found).astype(np.float16)


def _coverage(left: float, top: float, right: float, bottom: float, *, side: int) -> Array:
    """(side, side) share of each square of an image that a box with a small margin covers."""
    edges = np.arange(side + 1) / side

    def along(low: float, high: float) -> Array:
        return np.diff(np.clip(edges, low - MARGIN, high + MARGIN)) * side

    return np.outer(along(top, bottom), along(left, right))


def unseen_captions(count: int, images: CaptionedImages) -> tuple[Caption, ...]:
    """New captions that no image of a set has, each with a colour for its first object."""
    found = captions(FIRST["test"], 2 * count, without=images.texts)
    return tuple(each for each in found if each.objects[0][1])[:count]


def rendered(asked: tuple[Caption, ...]) -> CaptionedImages:
    """What ``scenes`` itself renders for some captions."""
    first = FIRST["test"]
    pixels = [_pixels(each, first + number) for number, each in enumerate(asked)]
    return CaptionedImages(np.stack(pixels), asked)


def _shard(name: str, number: int) -> Array:
    first = FIRST[name] + number * SHARD
    return np.stack([_pixels(caption(first + each), first + each) for each in range(SHARD)])


def _pixels(asked: Caption, seed: int) -> Array:
    return np.asarray(draw(asked.prompt, seed, width=SIDE, height=SIDE))
