"""What a picture shows, apart from the file that holds it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from PIL import Image


def pixel_hash(image: Image.Image) -> str:
    """SHA-256 over size and RGB bytes, hexadecimal: the same for every way to store them."""
    whole = hashlib.sha256(f"{image.width}x{image.height}\0".encode())
    whole.update(image.convert("RGB").tobytes())
    return whole.hexdigest()


@dataclass(frozen=True, slots=True)
class Difference:
    """How far one picture is from another of the same size.

    Args:
        pixels: share of pixels that differ at all, in [0, 1].
        largest: largest difference of a channel, 0 to 255.
    """

    pixels: float
    largest: int

    @property
    def is_none(self) -> bool:
        """Whether every byte is the same."""
        return self.largest == 0


def difference(one: Image.Image, other: Image.Image) -> Difference:
    """Compare two pictures byte for byte; of different sizes, every pixel differs."""
    if one.size != other.size:
        return Difference(1.0, 255)
    first, second = (np.asarray(each.convert("RGB"), dtype=np.int16) for each in (one, other))
    apart = np.abs(first - second).max(axis=2)
    return Difference(float((apart > 0).mean()), int(apart.max()))
