# ruff: noqa: E501 # a path is one string: broken over lines it cannot be read as a shape
"""How a picture is made: settings for the pen, and what happens to the finished pixels.

Every radius and grain is a share of the picture's side, so one scene looks the same at 256 and
at 1024 pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from clpips.generation.scenes.drawing.texture import tileable_noise
from clpips.generation.seeds import Chance

Field = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Style:
    """A style: ``hard`` two-tone shading, ``outline`` ink width in units, and a finish."""

    name: str
    hard: bool = False
    outline: float = 0.0


STYLES: dict[str, Style] = {
    "soft": Style("soft"), "flat": Style("flat", hard=True), "watercolour": Style("watercolour"),
    "pixel": Style("pixel", hard=True), "sketch": Style("sketch", outline=3.0),
    "oil": Style("oil"), "neon": Style("neon", outline=2.0), "pastel": Style("pastel"),
    "vintage": Style("vintage"), "poster": Style("poster", hard=True, outline=3.4),
    "clay": Style("clay"), "ink": Style("ink", hard=True, outline=4.2),
}  # fmt: skip
_OPEN = {"soft": 0.62, "flat": 0.12, "pastel": 0.08, "ink": 0.08, "vintage": 0.05, "clay": 0.05}


def settle_style(asked: str | None, chance: Chance) -> Style:
    """The style that the words ask for, or one of the quieter ones."""
    return STYLES[asked or chance.weighted(_OPEN)]


@lru_cache(maxsize=8)
def _noise(side: int, kind: str) -> Field:
    weights = {"fine": (0, 0, 0, 0, 0.2, 0.7, 1, 1), "broad": (1, 0.8, 0.5, 0.2),
               "paper": (0, 0, 0.2, 0.3, 0.6, 0.8, 0.8, 0.3), "strokes": (0, 0, 0, 0.4, 1, 1, 0.4)}[kind]  # fmt: skip
    base = tileable_noise(512, weights, seed=len(kind)) * 255
    image = Image.fromarray(base.astype(np.uint8)).resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(image, dtype=np.float32) / np.float32(255) - np.float32(0.5)


def _field(size: tuple[int, int], kind: str, chance: Chance) -> Field:
    """Noise in about [-0.5, 0.5] of the picture's size, shifted by the seed."""
    side = max(size)
    field = _noise(side, kind)
    down, across = (
        int(chance.between(0, 512) * side / 512),
        int(chance.between(0, 512) * side / 512),
    )
    return np.roll(field, (down, across), axis=(0, 1))[: size[1], : size[0]]


@lru_cache(maxsize=4)
def _vignette(size: tuple[int, int]) -> Field:
    y = np.linspace(-1, 1, size[1], dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, size[0], dtype=np.float32)[None, :]
    return np.clip((x * x + y * y - 0.7) * 0.75, 0, 1)


def _array(image: Image.Image) -> Field:
    return np.asarray(image, dtype=np.float32)


def _image(pixels: NDArray[np.floating[Any]]) -> Image.Image:
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _blur(image: Image.Image, share: float) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(share * max(image.size)))


def _displaced(image: Image.Image, chance: Chance, kind: str, reach: float) -> Image.Image:
    """Pixels pushed about by noise, up to ``reach`` of the side."""
    w, h = image.size
    far = reach * max(w, h) * 2
    dx = (_field((w, h), kind, chance.at("dx")) * far).astype(np.int32)
    dy = (_field((w, h), kind, chance.at("dy")) * far).astype(np.int32)
    rows = np.clip(np.arange(h, dtype=np.int32)[:, None] + dy, 0, h - 1)
    columns = np.clip(np.arange(w, dtype=np.int32)[None, :] + dx, 0, w - 1)
    return Image.fromarray(np.asarray(image)[rows, columns])


def _finish(image: Image.Image, chance: Chance, *, vignette: float, grain: float) -> Image.Image:
    shade = 1 - vignette * _vignette(image.size)
    pixels = _array(image) * shade[..., None]
    pixels += (grain * _field(image.size, "fine", chance))[..., None]
    return _image(pixels)


def _soft(image: Image.Image, chance: Chance) -> Image.Image:
    return _finish(image, chance, vignette=0.15, grain=7)


def _flat(image: Image.Image, chance: Chance) -> Image.Image:
    return image


def _watercolour(image: Image.Image, chance: Chance) -> Image.Image:
    wash = _displaced(image, chance, "broad", 0.012)
    wash = _displaced(wash, chance.at("fine"), "paper", 0.004).filter(ImageFilter.MedianFilter(3))
    pixels = _array(wash)
    wet = _array(_blur(wash, 0.006))
    edge = np.abs(pixels - wet).max(axis=2)
    pigment = 1 + 0.3 * _field(image.size, "broad", chance.at("pigment"))
    pixels = 255 - (255 - pixels * 0.45 - wet * 0.55) * 0.84 * pigment[..., None]
    pixels -= np.minimum(edge * 0.7, 46)[..., None]
    pixels += (34 * _field(image.size, "paper", chance.at("paper")))[..., None]
    return _paper_edge(pixels, image.size, chance)


def _paper_edge(pixels: Field, size: tuple[int, int], chance: Chance) -> Image.Image:
    """Paint that ends unevenly before the paper does."""
    y = np.linspace(0, 1, size[1], dtype=np.float32)[:, None]
    x = np.linspace(0, 1, size[0], dtype=np.float32)[None, :]
    inside = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y))
    rough = (
        inside
        + 0.035 * _field(size, "broad", chance.at("edge"))
        + 0.02 * _field(size, "paper", chance)
    )
    cover = np.clip((rough - 0.018) * 90, 0, 1)[..., None]
    paper = np.array([252, 249, 241], dtype=np.float32)
    return _image(pixels * cover + paper * (1 - cover))


def _pixel(image: Image.Image, chance: Chance) -> Image.Image:
    w, h = image.size
    cells = (max(8, round(104 * w / max(w, h))), max(8, round(104 * h / max(w, h))))
    small = image.resize(cells, Image.Resampling.BOX)
    small = ImageEnhance.Color(ImageEnhance.Contrast(small).enhance(1.12)).enhance(1.2)
    few = small.quantize(28, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    return few.convert("RGB").resize((w, h), Image.Resampling.NEAREST)


def _sketch(image: Image.Image, chance: Chance) -> Image.Image:
    grey = image.convert("L")
    soft = _array(_blur(grey, 0.005))
    tone = _array(grey)
    lines = np.clip(tone / np.maximum(soft, 1), 0, 1.02)
    y = np.arange(image.height, dtype=np.float32)[:, None] / max(image.size)
    x = np.arange(image.width, dtype=np.float32)[None, :] / max(image.size)
    wobble = 0.012 * _field(image.size, "broad", chance.at("wobble"))
    hatch = np.sin((x + y + wobble) * 640) * 0.5 + 0.5
    cross = np.sin((x - y + wobble) * 560) * 0.5 + 0.5
    dark = np.clip((205 - soft) / 150, 0, 1)
    deep = np.clip((120 - soft) / 110, 0, 1)
    grain = 1 + 0.5 * _field(image.size, "fine", chance.at("lead"))
    ink = (0.5 * dark * hatch + 0.45 * deep * cross + 0.18 * dark) * grain
    page = 246 * lines**2.2 * (1 - np.clip(ink, 0, 0.86)) + 14 * _field(image.size, "paper", chance)
    tint = np.array([1.0, 0.985, 0.95], dtype=np.float32)
    colour = _array(ImageEnhance.Color(image).enhance(0.55))
    return _image(page[..., None] * tint * (0.86 + 0.14 * colour / 255) + 4)


def _oil(image: Image.Image, chance: Chance) -> Image.Image:
    side = max(image.size)
    work = image.resize(
        (image.width * 512 // side, image.height * 512 // side), Image.Resampling.BOX
    )
    work = ImageEnhance.Color(work).enhance(1.25)
    for name in ("first", "second"):
        work = _displaced(work, chance.at(name), "strokes", 0.0035)
        work = work.filter(ImageFilter.MedianFilter(5))
    paint = work.resize(image.size, Image.Resampling.BICUBIC)
    height = (
        _field(image.size, "strokes", chance.at("relief")) * 34 + _array(paint.convert("L")) * 0.25
    )
    step = max(1, side // 512)
    slope = np.roll(height, step, axis=1) - height + np.roll(height, step, axis=0) - height
    return _image(_array(paint) * (1 + np.clip(slope / 90, -0.22, 0.22))[..., None])


def _neon(image: Image.Image, chance: Chance) -> Image.Image:
    vivid = ImageEnhance.Color(image).enhance(2.2)
    step = max(1, round(max(image.size) / 420))
    pixels = _array(image.convert("L"))
    edge = np.abs(np.roll(pixels, step, 0) - np.roll(pixels, -step, 0))
    edge += np.abs(np.roll(pixels, step, 1) - np.roll(pixels, -step, 1))
    edge[:step], edge[-step:], edge[:, :step], edge[:, -step:] = 0, 0, 0, 0
    strength = np.clip((edge - 14) / 70, 0, 1)[..., None]
    colour = _array(vivid)
    colour = colour / np.maximum(colour.max(axis=2, keepdims=True), 60) * 255
    tubes = _image(colour * strength)
    night = np.array([0.24, 0.17, 0.36], dtype=np.float32)
    glow = _array(_blur(tubes, 0.012)) * 1.5 + _array(_blur(tubes, 0.004)) * 0.8
    return _image(
        _array(vivid) * night
        + np.array([12, 6, 30], dtype=np.float32)
        + glow
        + _array(tubes) * 0.75
    )


def _pastel(image: Image.Image, chance: Chance) -> Image.Image:
    pixels = _array(ImageEnhance.Color(image).enhance(0.72)) * 0.7 + 76
    chalk = (
        _field(image.size, "paper", chance) * 20
        + _field(image.size, "fine", chance.at("chalk")) * 12
    )
    return _image(pixels + chalk[..., None])


def _vintage(image: Image.Image, chance: Chance) -> Image.Image:
    pixels = _array(ImageEnhance.Color(image).enhance(0.5))
    grey = pixels.mean(axis=2, keepdims=True)
    sepia = grey * np.array([1.06, 0.93, 0.72], dtype=np.float32)
    faded = (pixels * 0.45 + sepia * 0.55) * 0.86 + 26
    return _finish(_image(faded), chance, vignette=0.6, grain=22)


def _poster(image: Image.Image, chance: Chance) -> Image.Image:
    vivid = ImageEnhance.Contrast(ImageEnhance.Color(image).enhance(1.5)).enhance(1.2)
    flat = (
        vivid.filter(ImageFilter.MedianFilter(3))
        .quantize(14, dither=Image.Dither.NONE)
        .convert("RGB")
    )
    tone = _array(_blur(flat.convert("L"), 0.004))
    y = np.arange(image.height, dtype=np.float32)[:, None] / max(image.size)
    x = np.arange(image.width, dtype=np.float32)[None, :] / max(image.size)
    dots = np.sin((x + y) * 330) * np.sin((x - y) * 330) * 0.5 + 0.5
    ink = (dots < np.clip((130 - tone) / 180, 0, 0.6)).astype(np.float32)
    return _image(_array(flat) * (1 - 0.35 * ink)[..., None])


def _clay(image: Image.Image, chance: Chance) -> Image.Image:
    small = ImageEnhance.Color(image.filter(ImageFilter.MedianFilter(3))).enhance(1.12)
    height = (
        _array(_blur(small.convert("L"), 0.006)) * 0.7 + _field(image.size, "strokes", chance) * 26
    )
    step = max(1, round(max(image.size) / 300))
    slope = (
        np.roll(height, step, 1)
        - np.roll(height, -step, 1)
        + np.roll(height, step, 0)
        - np.roll(height, -step, 0)
    )
    lit = 1 + np.clip(slope / 110, -0.3, 0.3)
    return _finish(_image(_array(small) * lit[..., None]), chance, vignette=0.25, grain=6)


_FINISHES: dict[str, Callable[[Image.Image, Chance], Image.Image]] = {
    "soft": _soft, "flat": _flat, "watercolour": _watercolour, "pixel": _pixel, "sketch": _sketch,
    "oil": _oil, "neon": _neon, "pastel": _pastel, "vintage": _vintage, "poster": _poster,
    "clay": _clay, "ink": _flat,
}  # fmt: skip


def finish(image: Image.Image, style: Style, chance: Chance) -> Image.Image:
    """The rendered picture as its style has it; RGB in, RGB of the same size out."""
    return _FINISHES[style.name](image, chance)
