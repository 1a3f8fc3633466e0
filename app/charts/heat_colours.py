"""The colours of the heat-maps, for the worker that paints them and the page that explains them."""

from __future__ import annotations

from collections.abc import Sequence

TOP = 3.0
"""The brightest colour: places whose distance is this many times the metric's mean, or more.

One scale for every map, so that any two can be compared.
"""
COVER = 0.72
"""How much of an image the colour covers; the rest shows through in grey."""
# Evenly spaced samples of the colour map "inferno" (S. van der Walt and N. Smith, CC0): rising
# evenly in lightness, so it also reads in grey and with any colour vision.
COLOURS = (
    "#000004",
    "#1b0c41",
    "#4a0c6b",
    "#781c6d",
    "#a52c60",
    "#cf4446",
    "#ed6925",
    "#fb9b06",
    "#f7d13d",
    "#fcffa4",
)


def rgb(colour: str) -> tuple[int, int, int]:
    """``#cf4446`` as three numbers from 0 to 255.

    >>> rgb("#cf4446")
    (207, 68, 70)
    """
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def gradient(colours: Sequence[str] = COLOURS) -> str:
    """The scale as CSS, lowest colour to the left."""
    return f"linear-gradient(to right, {', '.join(colours)})"
