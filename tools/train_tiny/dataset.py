"""The pictures that the tiny model learns from: drawn by ``scenes``, kept as arrays on disk."""

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
"""Around a thing's box, in heights of the picture: outlines, and what sticks out."""

# Where the seeds of each set begin. Sets share no picture; ``judges`` and ``model`` share none
# of the chance either. No caption of ``questions`` stands in ``model``; one in ten stands in
# ``judges``, with another picture.
FIRST = {"model": 0, "judges": 10_000_000, "questions": 20_000_000}

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures with their captions.

    Args:
        pixels: (pictures, 64, 64, 3) bytes, RGB.
        captions: one a picture.
    """

    pixels: Array
    captions: tuple[Caption, ...]

    @property
    def texts(self) -> list[str]:
        """The words of every caption."""
        return [each.text for each in self.captions]


def drawn(name: str, count: int, folder: Path, watch: Watch) -> Pictures:
    """The first ``count`` pictures of a set; what ``folder`` holds already is not drawn again.

    Args:
        name: ``model`` or ``judges``.
        count: how many, in whole thousands.
        folder: of the shards, made where it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shards = []
    for number in range(count // SHARD):
        path = folder / f"{name}-{number:04d}.npy"
        if not path.exists():
            watch.report(number * SHARD / count, f"Drawing pictures ({name})")
            with atomic_file(path) as partial, partial.open("wb") as file:
                np.save(file, _shard(name, number))
        shards.append(np.load(path))
    first = FIRST[name]
    known = tuple(caption(first + number) for number in range(len(shards) * SHARD))
    return Pictures(np.concatenate(shards), known)


def covered(name: str, count: int, side: int, watch: Watch) -> Array:
    """Where the things are in the first ``count`` pictures of a set.

    Returns:
        (pictures, side, side) in [0, 1]: how much of each square a thing's box covers.
    """
    first, found = FIRST[name], []
    for number in range(first, first + count):
        if number % SHARD == 0:
            watch.report((number - first) / count, "Finding the things in the pictures")
        boxes = extents(parse(caption(number).prompt), number, aspect=1.0)
        found.append(np.max([_cover(*each, side=side) for each in boxes], axis=0))
    return np.stack(found).astype(np.float16)


def _cover(left: float, top: float, right: float, bottom: float, *, side: int) -> Array:
    """(side, side) share of each square of a picture that a box with a small margin covers."""
    edges = np.arange(side + 1) / side

    def along(low: float, high: float) -> Array:
        return np.diff(np.clip(edges, low - MARGIN, high + MARGIN)) * side

    return np.outer(along(top, bottom), along(left, right))


def questions(count: int, seen: Pictures) -> tuple[Caption, ...]:
    """Fresh captions that no picture of a set was drawn for, each with a colour for
    its first thing."""
    found = captions(FIRST["questions"], 2 * count, without=seen.texts)
    return tuple(each for each in found if each.things[0][1])[:count]


def rendered(asked: tuple[Caption, ...]) -> Pictures:
    """What ``scenes`` itself draws for some captions."""
    first = FIRST["questions"]
    pixels = [_pixels(each, first + number) for number, each in enumerate(asked)]
    return Pictures(np.stack(pixels), asked)


def _shard(name: str, number: int) -> Array:
    first = FIRST[name] + number * SHARD
    return np.stack([_pixels(caption(first + each), first + each) for each in range(SHARD)])


def _pixels(asked: Caption, seed: int) -> Array:
    return np.asarray(draw(asked.prompt, seed, width=SIDE, height=SIDE))
