"""Paint a distance map over the image that it belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from app.charts.heat_colours import COLOURS, COVER, TOP, rgb

Array: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]


def paint(picture: Image.Image | Path, values: Array) -> Image.Image:
    """The image in grey under the map's colours, at the map's size.

    Args:
        picture: what was compared with the target.
        values: (height, width) ≥ 0, in units of the metric's mean distance; from
            :data:`app.charts.heat_colours.TOP` on everything is as bright as can be.
    """
    if isinstance(picture, Path):
        with Image.open(picture) as opened:
            return paint(opened.convert("RGB"), values)
    size = (values.shape[1], values.shape[0])
    grey = np.asarray(picture.convert("L").resize(size), dtype=np.float64)[..., None]
    mixed = COVER * colours(values / TOP) + (1 - COVER) * grey
    return Image.fromarray(mixed.round().astype(np.uint8))


def colours(shares: Array) -> Array:
    """Values in [0, 1] → (…, 3) in [0, 255], between the scale's colours; others are clipped."""
    table = np.array([rgb(colour) for colour in COLOURS], dtype=np.float64)
    place = np.clip(shares, 0, 1) * (len(table) - 1)
    below = np.minimum(place.astype(np.intp), len(table) - 2)
    share = (place - below)[..., None]
    mixed: Array = (1 - share) * table[below] + share * table[below + 1]
    return mixed
