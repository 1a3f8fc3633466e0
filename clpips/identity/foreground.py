"""Foreground masks: cleaned as the released evaluation cleans them, and laid on pictures.

The release works with OpenCV; here SciPy does the same steps. Blur, threshold, closing and opening
are equal to OpenCV's (5 × 5, its border rules included). The largest object is found by the number
of its pixels with its holes filled, where OpenCV takes the area of the polygon through its border
pixels: the two may choose differently between objects of nearly the same size.
"""

from __future__ import annotations

import io
from typing import Any, TypeAlias

import numpy as np
from PIL import Image
from scipy import ndimage

from clpips.io.image_files import MAX_PIXELS, check_size, opened, pillow

Mask: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]

SIDE = 5
THRESHOLD = 10
_KERNEL = np.array([1, 4, 6, 4, 1])  # OpenCV's own for a blur of 5 pixels
_SQUARE = np.ones((SIDE, SIDE), dtype=bool)
_EIGHT = np.ones((3, 3), dtype=bool)


def cleaned_mask(grey: np.ndarray[Any, np.dtype[np.uint8]]) -> Mask:
    """A mask of one filled object.

    A Gaussian blur over 5 × 5 pixels, everything above 10 of 255 kept, closed and opened with a
    square of 5 × 5, then the largest object alone, its holes filled.

    Args:
        grey: (height, width), 0…255.

    Returns:
        (height, width), true where the object is; all false where there is none.
    """
    blurred = grey.astype(np.int64)
    for axis in (0, 1):
        blurred = ndimage.correlate1d(blurred, _KERNEL, axis=axis, mode="mirror")
    mask = (blurred + 128) // 256 > THRESHOLD
    # Outside the picture nothing is known: neither step takes it for object or background.
    mask = _eroded(_dilated(mask))
    mask = _dilated(_eroded(mask))
    labels, count = ndimage.label(mask, structure=_EIGHT)
    if not count:
        return mask
    boxes = ndimage.find_objects(labels)
    filled = [ndimage.binary_fill_holes(labels[box] == k) for k, box in enumerate(boxes, 1)]
    largest = max(range(count), key=lambda k: np.count_nonzero(filled[k]))
    found = np.zeros(mask.shape, dtype=bool)
    found[boxes[largest]] = filled[largest]
    return found


def foreground(picture: Image.Image, mask: Mask) -> Image.Image:
    """The picture with everything outside the mask black.

    Args:
        picture: RGB.
        mask: of another size, it is scaled to the picture's (nearest pixel).
    """
    if mask.shape[::-1] != picture.size:
        scaled = Image.fromarray(mask).resize(picture.size, Image.Resampling.NEAREST)
        mask = np.asarray(scaled, dtype=bool)
    pixels = np.array(picture)
    pixels[~mask] = 0
    return Image.fromarray(pixels)


def read_mask(data: bytes, name: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A mask's file as grey values (height, width); transparency is passed over.

    Raises:
        ImageError: not a picture; ``name`` names it in the message.
    """
    with pillow(name, MAX_PIXELS), opened(io.BytesIO(data), name) as image:
        check_size(*image.size, name, MAX_PIXELS, min_side=1)
        return np.asarray(image.convert("L"))


def _dilated(mask: Mask) -> Mask:
    return np.asarray(ndimage.binary_dilation(mask, _SQUARE, border_value=0), dtype=bool)


def _eroded(mask: Mask) -> Mask:
    return np.asarray(ndimage.binary_erosion(mask, _SQUARE, border_value=1), dtype=bool)
