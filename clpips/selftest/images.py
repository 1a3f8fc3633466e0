"""Small pictures for the self-test, the same on every machine, and their known distances.

They are made by whole-number arithmetic alone, so no library's version can change a pixel. The
distances were measured with the ``lpips`` package 0.1.4 (version 0.1 weights, torch 2.15, CPU).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from clpips.features.names import Backbone

Picture: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]

SIDE = 96
GOLDEN: Mapping[Backbone, Mapping[str, float]] = {
    "alex": {"reference": 0.0, "moved": 0.371164, "striped": 0.565889, "darker": 0.060766},
    "vgg": {"reference": 0.0, "moved": 0.363150, "striped": 0.617364, "darker": 0.074395},
}
"""Distances from ``reference``, by backbone and picture, to six decimals."""
ROUNDING = 1e-5
"""How far another processor's single precision, and the sixth decimal, may take them."""


def pictures(side: int = SIDE) -> dict[str, Picture]:
    """``reference``, and it with its disc moved, with stripes, and darker: (side, side, 3) each."""
    return {
        "reference": _drawn(side, across=3),
        "moved": _drawn(side, across=6),
        "striped": _drawn(side, across=3, striped=True),
        "darker": _drawn(side, across=3) // 2,
    }


def _drawn(side: int, *, across: int, striped: bool = False) -> Picture:
    """A shaded ground with a disc ``across`` ninths of the way from the left."""
    y, x = np.mgrid[0:side, 0:side]
    ground = np.stack([255 * x // side, 255 * y // side, 255 - 255 * (x + y) // (2 * side)], axis=2)
    inside = (9 * x - across * side) ** 2 + (9 * y - 4 * side) ** 2 < (2 * side) ** 2
    ground[inside] = (220, 60, 30)
    if striped:
        ground[(x + 2 * y) % 12 < 4] //= 3
    return ground.astype(np.uint8)
