# ruff: noqa: E501 # a path is one string: broken over lines it cannot be read as a shape
"""Surface textures as SVG patterns, drawn over a shape's own shading.

Noise comes from small tiles made once and embedded as images: a tile costs a hundredth of what
an feTurbulence filter over the same area costs.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image

from clpips.generation.scenes.drawing.colour import RGB, css, shade
from clpips.generation.seeds import Chance

_TILE = 128


def tileable_noise(side: int, roughness: tuple[float, ...], *, seed: int = 7) -> np.ndarray:
    """A (side, side) noise field in [0, 1] that repeats; one weight per octave, coarse first."""
    source = np.random.Generator(np.random.PCG64(seed))
    total = np.zeros((side, side), dtype=np.float32)
    for octave, weight in enumerate(roughness):
        cells = min(side, 4 << octave)
        grid = source.random((cells, cells), dtype=np.float32)
        padded = np.pad(grid, 2, mode="wrap")
        image = Image.fromarray((padded * 255).astype(np.uint8))
        step = side // cells
        big = image.resize(((cells + 4) * step,) * 2, Image.Resampling.BICUBIC)
        field = np.asarray(big, dtype=np.float32)[2 * step : 2 * step + side]
        total += weight * field[:, 2 * step : 2 * step + side] / 255
    total -= total.min()
    return total / max(float(total.max()), 1e-6)


_GRAINS: dict[str, tuple[float, ...]] = {
    "stone": (0.5, 0.8, 1.0, 0.9, 0.8),
    "rust": (0.6, 1.0, 0.9, 0.7, 0.4),
    "fine": (0.0, 0.0, 0.1, 0.6, 1.0, 1.0),
    "cloudy": (1.0, 0.7, 0.3),
}


@lru_cache(maxsize=16)
def grain_tile(kind: str) -> str:
    """A repeating tile as a data address: dark and light specks with alpha, on nothing."""
    field = tileable_noise(_TILE, _GRAINS[kind]) - 0.5
    alpha = np.clip(np.abs(field) * 2 - 0.08, 0, 1) * 255
    rgba = np.zeros((_TILE, _TILE, 4), dtype=np.uint8)
    rgba[..., :3] = np.where(field > 0, 255, 20)[..., None].astype(np.uint8)
    rgba[..., 3] = alpha.astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(rgba).save(buffer, "PNG", compress_level=6)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _grain(kind: str, size: float) -> str:
    return (
        f'width="{size:g}" height="{size:g}">'
        f'<image width="{size:g}" height="{size:g}" href="{grain_tile(kind)}"/>'
    )


def _wood(colour: RGB, chance: Chance) -> str:
    dark, pale = css(shade(colour, -0.45)), css(shade(colour, 0.3))
    lines = []
    for row in range(4):
        y = 2.5 + row * 5.5
        bend = chance.between(-2.4, 2.4)
        lines.append(
            f'<path d="M0 {y:.1f}C15 {y + bend:.1f} 25 {y - bend:.1f} 40 {y:.1f}" '
            f'stroke="{dark if row % 2 else pale}" stroke-width="{chance.between(0.5, 1.2):.2f}" '
            'fill="none" opacity=".5"/>'
        )
    lines.append(f'<path d="M0 0H40" stroke="{dark}" stroke-width="1.2" opacity=".7"/>')
    return f'width="40" height="22">{"".join(lines)}'


def _brick(colour: RGB, chance: Chance) -> str:
    mortar, other = css(shade(colour, 0.45)), css(shade(colour, -0.2))
    return (
        f'width="16" height="10"><rect x="8" y="0" width="8" height="5" fill="{other}" '
        f'opacity=".4"/><path d="M0 0H16M0 5H16M4 0V5M12 5V10" stroke="{mortar}" '
        'stroke-width=".8" fill="none" opacity=".75"/>'
    )


def _fabric(colour: RGB, chance: Chance) -> str:
    dark, pale = css(shade(colour, -0.35)), css(shade(colour, 0.35))
    return (
        f'width="3" height="3"><path d="M0 .75H3M.75 0V3" stroke="{dark}" stroke-width=".5" '
        f'opacity=".5"/><path d="M0 2.2H3" stroke="{pale}" stroke-width=".5" opacity=".5"/>'
    )


def _wool(colour: RGB, chance: Chance) -> str:
    dark, pale = css(shade(colour, -0.4)), css(shade(colour, 0.3))
    return (
        f'width="7" height="6"><path d="M0 0L3.5 4.5L7 0M0 6L3.5 10.5L7 6" stroke="{dark}" '
        f'stroke-width="1.4" fill="none" opacity=".55"/><path d="M0 -2.4L3.5 2L7 -2.4M0 3.6L3.5 8'
        f'L7 3.6" stroke="{pale}" stroke-width="1.2" fill="none" opacity=".5"/>'
    )


def _fur(colour: RGB, chance: Chance) -> str:
    dark, pale = css(shade(colour, -0.4)), css(shade(colour, 0.4))
    hairs = "".join(
        f'<path d="M{chance.between(0, 24):.1f} {chance.between(0, 24):.1f}q'
        f'{chance.between(-2, 2):.1f} 2.5 {chance.between(-1, 2):.1f} 5" '
        f'stroke="{dark if hair % 2 else pale}"/>'
        for hair in range(34)
    )
    return f'width="24" height="24"><g fill="none" stroke-width=".7" opacity=".6">{hairs}</g>'


def _marble(colour: RGB, chance: Chance) -> str:
    vein = css(shade(colour, -0.35))
    lines = "".join(
        f'<path d="M{chance.between(-5, 30):.0f} 0q{chance.between(-9, 20):.0f} 20 '
        f'{chance.between(0, 9):.0f} 30t{chance.between(0, 20):.0f} 30" stroke-width="{width}"/>'
        for width in (0.5, 1.1, 0.4, 0.8)
    )
    return f'width="60" height="60"><g fill="none" stroke="{vein}" opacity=".5">{lines}</g>'


_MATERIALS: dict[str, Callable[[RGB, Chance], str]] = {
    "wood": _wood, "brick": _brick, "fabric": _fabric, "wool": _wool, "fur": _fur,
    "marble": _marble,
    "stone": lambda colour, chance: _grain("stone", 55),
    "rust": lambda colour, chance: _grain("rust", 70),
    "paper": lambda colour, chance: _grain("fine", 60),
}  # fmt: skip


def material_pattern(material: str, colour: RGB, chance: Chance) -> str | None:
    """The inside of a ``<pattern`` element for a material, ``None`` for a plain surface."""
    make = _MATERIALS.get(material)
    return make(colour, chance) if make else None


def printed_pattern(pattern: str, accent: RGB, chance: Chance) -> str | None:
    """The inside of a ``<pattern`` element for stripes, dots, checks or zigzags."""
    ink = css(accent)
    size = chance.between(13, 22)
    turn = f'patternTransform="rotate({chance.pick((0, 0, 90, 35, -35))})" '
    if pattern == "striped":
        return (
            f'{turn}width="{size:.1f}" height="9"><path d="M0 0h{size / 2:.1f}v9H0" fill="{ink}"/>'
        )
    if pattern == "dotted":
        r = size * 0.24
        return (
            f'width="{size:.1f}" height="{size:.1f}"><g fill="{ink}"><circle cx="{size * 0.25:.1f}" '
            f'cy="{size * 0.25:.1f}" r="{r:.1f}"/><circle cx="{size * 0.75:.1f}" '
            f'cy="{size * 0.75:.1f}" r="{r:.1f}"/></g>'
        )
    if pattern == "checkered":
        h = size / 2
        return (
            f'width="{size:.1f}" height="{size:.1f}"><path d="M0 0h{h:.1f}v{h:.1f}H0zM{h:.1f} '
            f'{h:.1f}h{h:.1f}v{h:.1f}h-{h:.1f}z" fill="{ink}"/>'
        )
    if pattern == "zigzag":
        return (
            f'width="14" height="14"><path d="M-1 10L7 3L15 10" stroke="{ink}" stroke-width="4.4" '
            'fill="none"/>'
        )
    return None
