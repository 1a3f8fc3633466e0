"""Adds pictures to the store, without loading anything that generates or compares images."""

from __future__ import annotations

import io

from PIL import Image

from app.store import Store
from clpips.generation.scenes import SampleTarget

# PNG is lossless at every level; this one is four times as fast as the smallest.
COMPRESS_LEVEL = 3


def add_picture(store: Store, picture: Image.Image) -> str:
    """Store a picture as PNG and return its content hash."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=COMPRESS_LEVEL)
    return store.images.add(buffer.getvalue(), width=picture.width, height=picture.height)


def add_target(store: Store, sample: SampleTarget, side: int) -> str:
    """Store a sample target at a study's size, because equal sizes are compared faster."""
    with Image.open(sample.path) as picture:
        if picture.size == (side, side):
            return store.images.add(sample.path.read_bytes(), width=side, height=side)
        return add_picture(store, picture.resize((side, side), Image.Resampling.LANCZOS))
