"""Image files, read with Pillow and checked before they are decoded; without torch."""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from clpips.errors import ImageError
from clpips.text import one_line

MAX_PIXELS = 50_000_000
"""Largest accepted image, in pixels (width × height), checked before it is decoded."""
MIN_SIDE = 32
"""Smallest accepted side, in pixels: below it the networks' last layers are empty."""


FORMATS = ("PNG", "JPEG", "MPO", "JPEG2000", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM")
"""Raster formats that are read. No EPS: Pillow would start Ghostscript for it."""

# What Pillow's readers were seen to raise on damaged files; MemoryError comes of absurd headers.
_PILLOW_FAILURES = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    EOFError,
    MemoryError,
    struct.error,
)


@contextlib.contextmanager
def pillow(name: str, max_pixels: int) -> Iterator[None]:
    """Whatever Pillow raises becomes an :class:`ImageError` of one line; its warnings are silent.

    (The warnings are about damaged metadata, and of sizes that are checked here before decoding.)
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except FileNotFoundError:
        raise ImageError(f"{name}: no such image") from None
    except Image.DecompressionBombError:
        raise ImageError(f"{name}: an image must have at most {max_pixels:,} pixels") from None
    except UnidentifiedImageError:
        raise ImageError(f"{name}: not an image of a known format ({', '.join(FORMATS)})") from None
    except _PILLOW_FAILURES as error:
        reason = one_line(error) or type(error).__name__
        raise ImageError(f"{name}: the image cannot be read: {reason}") from error


def check_size(
    width: int, height: int, name: str, max_pixels: int, min_side: int = MIN_SIDE
) -> None:
    """Refuse a picture of more pixels than ``max_pixels`` or of a side below ``min_side``.

    Raises:
        ImageError: it is such a picture; ``name`` names it in the message.
    """
    if width * height > max_pixels:
        raise ImageError(
            f"{name}: an image must have at most {max_pixels:,} pixels, got {width}×{height}"
        )
    if min(width, height) < min_side:
        raise ImageError(
            f"{name}: an image must be at least {min_side} pixels on each side, "
            f"got {width}×{height}"
        )


def on_white(image: Image.Image) -> Image.Image:
    """The picture as RGB, with transparency laid on white."""
    if "A" in image.getbands() or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, rgba)
    return image.convert("RGB")


def read_picture(
    data: bytes,
    name: str,
    *,
    formats: Sequence[str] = FORMATS,
    max_pixels: int = MAX_PIXELS,
    min_side: int = MIN_SIDE,
) -> Image.Image:
    """An image file's bytes as an upright RGB picture of 8 bits; transparency is laid on white.

    Args:
        data: the whole file.
        name: the image's name in error messages.
        formats: the formats that are read, of ``FORMATS``.
        max_pixels: refuse anything larger, before decoding it.
        min_side: refuse a shorter side, before decoding it.

    Raises:
        ImageError: not such a picture, damaged, too large or too small.
    """
    with pillow(name, max_pixels), _opened(io.BytesIO(data), name, formats) as image:
        check_size(*image.size, name, max_pixels, min_side)
        return on_white(_eight_bits(ImageOps.exif_transpose(image)))


def picture_size(
    path: Path, *, formats: Sequence[str] = FORMATS, max_pixels: int = MAX_PIXELS
) -> tuple[int, int]:
    """Width and height from an image file's header; nothing is decoded.

    Raises:
        ImageError: the header is not of such a picture, or states too many pixels.
    """
    with pillow(path.name, max_pixels), _opened(path, path.name, formats) as image:
        check_size(*image.size, path.name, max_pixels, min_side=1)
        return image.size


def _opened(source: io.BytesIO | Path, name: str, formats: Sequence[str]) -> Image.Image:
    Image.init()  # a build of Pillow may lack some readers
    known = [format_ for format_ in formats if format_ in Image.OPEN]
    try:
        return Image.open(source, formats=known)
    except UnidentifiedImageError:
        raise ImageError(
            f"{name}: an image must be {', '.join(formats)}, got a file that is not one"
        ) from None


def _eight_bits(image: Image.Image) -> Image.Image:
    """Greyscale of 16 bits as 8: Pillow's own conversion clips it at 255."""
    if not image.mode.startswith("I"):
        return image
    grey = np.asarray(image).astype(np.float64) / 257
    return Image.fromarray(grey.round().clip(0, 255).astype(np.uint8))
