"""Uploaded target pictures: checked, turned upright and converted to PNG; without torch."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import PurePath

from PIL import Image

from clpips.errors import ImageError
from clpips.io.image_files import MIN_SIDE as MIN_READ
from clpips.io.image_files import read_picture

FORMATS = ("PNG", "JPEG", "WEBP")
MAX_BYTES = 20_000_000
MAX_SIDE = 1024
MIN_SIDE = 64


@dataclass(frozen=True, slots=True)
class TargetPicture:
    """A picture ready to be a target.

    Args:
        name: the target's name.
        data: a PNG of at most 1024 pixels a side.
        width, height: pixels.
        notes: what was done to the file that its owner may not expect.
    """

    name: str
    data: bytes
    width: int
    height: int
    notes: tuple[str, ...] = ()


def target_picture(filename: str, data: bytes) -> TargetPicture:
    """Convert an uploaded PNG, JPEG or WebP picture to a target.

    EXIF rotation and a colour profile are applied, transparency is laid on white, larger
    pictures are scaled down. The target's name is the file's name without its ending.

    Args:
        filename: as the browser sent it; error messages begin with it.
        data: the file's bytes.

    Raises:
        ImageError: another format, a damaged file, or a size outside the limits.
    """
    if len(data) > MAX_BYTES:
        raise ImageError(
            f"{filename}: a target must have at most {MAX_BYTES // 1_000_000} MB, "
            f"got {len(data) / 1_000_000:.0f} MB"
        )
    image = read_picture(data, filename, formats=FORMATS, min_side=MIN_SIDE)
    notes = image.info["notes"]
    image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    if min(image.size) < MIN_READ:
        raise ImageError(
            f"{filename}: a target must have at least {MIN_READ} pixels on each side when it is "
            f"scaled to at most {MAX_SIDE}, got {image.width}×{image.height}"
        )
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    name = " ".join(PurePath(filename).stem.replace("_", " ").split()) or "target"
    return TargetPicture(name[:80], buffer.getvalue(), image.width, image.height, tuple(notes))
