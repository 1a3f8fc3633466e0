"""Pictures uploaded as targets: checked, turned upright, made PNG; without torch."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import PurePath

from PIL import Image, ImageOps, UnidentifiedImageError

from clpips.errors import ImageError

FORMATS = ("PNG", "JPEG", "WEBP")
MAX_BYTES = 20_000_000
MAX_PIXELS = 50_000_000
MAX_SIDE = 1024
MIN_SIDE = 64


@dataclass(frozen=True, slots=True)
class TargetPicture:
    """A picture ready to be a target: ``data`` is a PNG of at most 1024 pixels a side."""

    name: str
    data: bytes
    width: int
    height: int


def target_picture(filename: str, data: bytes) -> TargetPicture:
    """Read an uploaded PNG, JPEG or WebP picture and make it a target.

    EXIF rotation is applied, transparency is laid on white, larger pictures are scaled down.
    The target's name is the file's name without its ending.

    Args:
        filename: as the browser sent it; also names the picture in a refusal.
        data: the file's bytes.

    Raises:
        ImageError: not such a picture, a damaged one, or one outside the stated sizes.
    """
    if len(data) > MAX_BYTES:
        raise ImageError(
            f"{filename}: a target must have at most {MAX_BYTES // 1_000_000} MB, "
            f"got {len(data) / 1_000_000:.0f} MB"
        )
    image = _opened(filename, data)
    image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    name = " ".join(PurePath(filename).stem.replace("_", " ").split()) or "target"
    return TargetPicture(name[:80], buffer.getvalue(), image.width, image.height)


def _opened(filename: str, data: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            # The size is checked below, before anything is decoded.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _check_size(filename, *image.size)
                return _on_white(ImageOps.exif_transpose(image))
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ImageError(
            f"{filename}: a target must be a PNG, JPEG or WebP picture, got a file that is not one"
        ) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise ImageError(
            f"{filename}: a target must be a whole picture, got a damaged file"
        ) from error


def _check_size(filename: str, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"{filename}: a target must have at most {MAX_PIXELS // 1_000_000} million pixels, "
            f"got {width:,} × {height:,}"
        )
    if min(width, height) < MIN_SIDE:
        raise ImageError(
            f"{filename}: a target must have at least {MIN_SIDE} pixels on each side, "
            f"got {width} × {height}"
        )


def _on_white(image: Image.Image) -> Image.Image:
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    see_through = image.convert("RGBA")
    white = Image.new("RGBA", see_through.size, "white")
    return Image.alpha_composite(white, see_through).convert("RGB")
