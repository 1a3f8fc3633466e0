"""Image files, read with Pillow and checked before they are decoded; without torch."""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageFile, ImageOps, UnidentifiedImageError

from clpips.errors import ImageError
from clpips.io.file_kinds import LFS, is_lfs_pointer
from clpips.text import cut, one_line

MAX_PIXELS = 50_000_000
"""Largest accepted image, in pixels (width × height), checked before it is decoded."""
MIN_SIDE = 32
"""Smallest accepted side, in pixels: below it the networks' last layers are empty."""


FORMATS = ("PNG", "JPEG", "MPO", "JPEG2000", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM")
"""Raster formats that are read. No EPS: Pillow would start Ghostscript for it."""

ANIMATED = "animated, first frame used"

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
    except _PILLOW_FAILURES as error:
        reason = cut(one_line(error), 200) or type(error).__name__
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


def first_frame(image: Image.Image, notes: list[str]) -> Image.Image:
    """The first frame of an animation, which need not be the file's default image."""
    if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":  # MPO: views of one photo
        if image.info.get("default_image"):
            image.seek(1)
        notes.append(ANIMATED)
    return image


def upright(image: Image.Image) -> Image.Image:
    """The image with its EXIF rotation applied."""
    if isinstance(image, ImageFile.ImageFile) and image.filename:
        # Pillow maps an uncompressed TIFF file into memory by its size after rotation, which
        # scrambles the pixels; without a file name it reads them instead.
        name, image.filename = image.filename, ""
        try:
            image.load()
        finally:
            image.filename = name
    return ImageOps.exif_transpose(image)


def in_srgb(image: Image.Image, notes: list[str]) -> Image.Image:
    """The image with its embedded colour profile applied and dropped, as browsers show it.

    An image without a profile, or with one that cannot be used, is taken as sRGB.

    Args:
        image: any mode but 16-bit greyscale, which has more digits than a profile's tables.
        notes: receives the profile's name, where the colours were converted.
    """
    embedded = image.info.get("icc_profile")
    if not embedded or image.mode.startswith(("I", "F")):
        return image
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
    colours = image.convert(image.mode.removesuffix("A")) if alpha else image
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(embedded))
        name = one_line(ImageCms.getProfileDescription(profile)) or "unnamed"
        if "srgb" in name.lower():
            return image
        converted = ImageCms.profileToProfile(
            colours,
            profile,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, *_PILLOW_FAILURES):  # as browsers do
        return image
    if converted is None:
        return image
    if alpha is not None:
        converted.putalpha(alpha)
    notes.append(f"colours converted from the profile {name[:60]!r} to sRGB")
    return converted


def read_picture(
    data: bytes,
    name: str,
    *,
    formats: Sequence[str] = FORMATS,
    max_pixels: int = MAX_PIXELS,
    min_side: int = MIN_SIDE,
) -> Image.Image:
    """An image file's bytes as an upright sRGB picture of 8 bits; transparency is laid on white.

    Its ``info`` holds nothing but ``notes``: a list of what was done to the file that its owner
    may not expect.

    Args:
        data: the whole file.
        name: the image's name in error messages.
        formats: the formats that are read, of ``FORMATS``.
        max_pixels: refuse anything larger, before decoding it.
        min_side: refuse a shorter side, before decoding it.

    Raises:
        ImageError: not such a picture, damaged, too large or too small.
    """
    with pillow(name, max_pixels), opened(io.BytesIO(data), name, formats) as image:
        check_size(*image.size, name, max_pixels, min_side)
        notes = list[str]()
        image = upright(first_frame(image, notes))
        found = on_white(in_srgb(_eight_bits(image, name), notes))
        found.info = {"notes": notes}
        return found


def picture_size(
    path: Path, *, formats: Sequence[str] = FORMATS, max_pixels: int = MAX_PIXELS
) -> tuple[int, int]:
    """Width and height from an image file's header; nothing is decoded.

    Raises:
        ImageError: the header is not of such a picture, or states too many pixels.
    """
    with pillow(path.name, max_pixels), opened(path, path.name, formats) as image:
        check_size(*image.size, path.name, max_pixels, min_side=1)
        return image.size


def opened(source: io.BytesIO | Path, name: str, formats: Sequence[str] = FORMATS) -> Image.Image:
    """An image file whose header was read; call it within :func:`pillow`.

    Raises:
        ImageError: not a regular file, or of none of the formats.
    """
    if isinstance(source, Path) and source.exists() and not source.is_file():
        raise ImageError(f"{name}: an image must be a regular file, got a folder or device")
    Image.init()  # a build of Pillow may lack some readers
    known = [format_ for format_ in formats if format_ in Image.OPEN]
    try:
        return Image.open(source, formats=known)
    except UnidentifiedImageError:
        found = LFS if _is_pointer(source) else "a file that is not one"
        raise ImageError(f"{name}: an image must be {', '.join(formats)}, got {found}") from None


def _is_pointer(source: io.BytesIO | Path) -> bool:
    """Whether Git LFS keeps the file's content elsewhere."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            return is_lfs_pointer(file.read(100))
    return is_lfs_pointer(source.getvalue())


def _eight_bits(image: Image.Image, name: str) -> Image.Image:
    """Greyscale of 16 bits as 8: Pillow's own conversion clips it at 255."""
    if image.mode == "F":
        raise ImageError(f"{name}: an image must hold whole numbers, got a float image")
    if not image.mode.startswith("I"):
        return image
    grey = np.asarray(image).astype(np.float64) / 257
    return Image.fromarray(grey.round().clip(0, 255).astype(np.uint8))
