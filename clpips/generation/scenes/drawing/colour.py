"""Colours as sRGB triples in [0, 1], changed in OKLab so that steps look even."""

from __future__ import annotations

import math
from functools import lru_cache

RGB = tuple[float, float, float]

NAMED: dict[str, str] = {
    "red": "#d93a34", "crimson": "#b3173b", "scarlet": "#e8361f", "maroon": "#7a1f2b",
    "burgundy": "#6d1a36", "pink": "#f49ab8", "magenta": "#cf2f8f", "rose": "#e4577e",
    "coral": "#f9785f", "salmon": "#f59a85", "orange": "#f28a2e", "peach": "#fbbf95",
    "apricot": "#f8b878", "amber": "#f4ac24", "gold": "#e0ae34", "yellow": "#f8d23c",
    "mustard": "#d0a02a", "cream": "#f8edd3", "ivory": "#f6f0e0", "beige": "#dfcaa8",
    "tan": "#cda77a", "brown": "#85532f", "chocolate": "#57331f", "bronze": "#a9743a",
    "copper": "#c07245", "olive": "#86863a", "lime": "#a4d13a", "green": "#43a04c",
    "emerald": "#1a9a68", "mint": "#a0dfc2", "teal": "#1d8c8c", "turquoise": "#3cc7bf",
    "cyan": "#35c3dc", "sky-blue": "#80c4ee", "blue": "#2f6bd2", "navy": "#22346e",
    "indigo": "#4a409f", "purple": "#8145b0", "violet": "#8d5fd6", "lavender": "#b9a6e4",
    "lilac": "#caa6de", "white": "#f7f5f0", "silver": "#bcc3ca", "grey": "#8b9097",
    "charcoal": "#42474e", "black": "#2a2a2f",
}  # fmt: skip


def rgb(text: str) -> RGB:
    """``#rrggbb`` or a known colour name as a triple."""
    code = NAMED.get(text, text).lstrip("#")
    return (int(code[0:2], 16) / 255, int(code[2:4], 16) / 255, int(code[4:6], 16) / 255)


def css(colour: RGB) -> str:
    """A triple as ``#rrggbb``; values outside [0, 1] are clipped."""
    r, g, b = (max(0, min(255, round(part * 255))) for part in colour)
    return f"#{r:02x}{g:02x}{b:02x}"


def mix(first: RGB, second: RGB, share: float) -> RGB:
    """``first`` with ``share`` (0 to 1) of ``second``."""
    keep = 1 - share
    return (
        first[0] * keep + second[0] * share,
        first[1] * keep + second[1] * share,
        first[2] * keep + second[2] * share,
    )


def times(first: RGB, second: RGB) -> RGB:
    """The two colours multiplied, as a coloured light on a surface."""
    return (first[0] * second[0], first[1] * second[1], first[2] * second[2])


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else math.pow((value + 0.055) / 1.055, 2.4)


def _display(value: float) -> float:
    if value <= 0.0031308:
        return max(0.0, value * 12.92)
    return min(1.0, 1.055 * math.pow(value, 1 / 2.4) - 0.055)


@lru_cache(maxsize=4096)
def to_lch(colour: RGB) -> tuple[float, float, float]:
    """OKLab lightness (0 to 1), chroma (0 to about 0.35) and hue in degrees."""
    r, g, b = (_linear(max(0.0, part)) for part in colour)
    long = math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
    middle = math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
    short = math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
    light = 0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short
    bb = 0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short
    return light, math.hypot(a, bb), math.degrees(math.atan2(bb, a)) % 360


def from_lch(light: float, chroma: float, hue: float) -> RGB:
    """The sRGB colour of an OKLab lightness, chroma and hue; clipped into [0, 1]."""
    light = max(0.0, min(1.0, light))
    a = chroma * math.cos(math.radians(hue))
    b = chroma * math.sin(math.radians(hue))
    long = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (light - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        _display(4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short),
        _display(-1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short),
        _display(-0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short),
    )


def _towards(hue: float, goal: float, share: float) -> float:
    gap = (goal - hue + 180) % 360 - 180
    return hue + gap * share


@lru_cache(maxsize=4096)
def shade(colour: RGB, amount: float) -> RGB:
    """Lighter (amount > 0) or darker (amount < 0), in [-1, 1].

    Shadows lean to blue and lights to yellow, as under a sky; that keeps them lively.
    """
    light, chroma, hue = to_lch(colour)
    if amount >= 0:
        return from_lch(
            light + (0.99 - light) * amount,
            chroma * (1 - 0.55 * amount),
            _towards(hue, 95, 0.12 * amount),
        )
    depth = -amount
    return from_lch(
        light * (1 - 0.72 * depth), chroma * (1 - 0.25 * depth), _towards(hue, 285, 0.16 * depth)
    )


def tweak(colour: RGB, *, light: float = 0.0, chroma: float = 1.0, hue: float = 0.0) -> RGB:
    """Add to the lightness, multiply the chroma, turn the hue (degrees)."""
    old_light, old_chroma, old_hue = to_lch(colour)
    return from_lch(old_light + light, old_chroma * chroma, old_hue + hue)


def bent(colour: RGB, modifier: str) -> RGB:
    """A colour after 'dark', 'light', 'pale', 'bright', 'deep', 'soft' or 'vivid'."""
    moves = {
        "dark": (-0.17, 0.9), "deep": (-0.11, 1.1), "light": (0.13, 0.8), "pale": (0.17, 0.5),
        "bright": (0.05, 1.3), "vivid": (0.02, 1.35), "soft": (0.06, 0.65), "dull": (-0.03, 0.5),
    }  # fmt: skip
    if modifier not in moves:
        return colour
    light, chroma = moves[modifier]
    return tweak(colour, light=light, chroma=chroma)
