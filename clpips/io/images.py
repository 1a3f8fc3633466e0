"""Load any image as a checked RGB tensor in [-1, 1].

The most common mistake with LPIPS is the value range: a [0, 1] tensor where [-1, 1] is expected
gives plausible but wrong distances. So a float array or tensor has a *stated* range
(``value_range``, by default LPIPS's own [-1, 1]) and is refused when its values do not fit it.

Images of unequal size: the candidate is resized to the target's size (bicubic with
antialiasing), never the other way round, and the result reports it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from clpips.errors import ImageError
from clpips.io.image_files import (
    MAX_PIXELS,
    check_size,
    first_frame,
    in_srgb,
    on_white,
    opened,
    pillow,
    upright,
)
from clpips.text import one_line

ImageSource: TypeAlias = str | os.PathLike[str] | Image.Image | np.ndarray[Any, Any] | Tensor

_INTEGER_TOP = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}


def load_image(
    source: ImageSource,
    *,
    value_range: tuple[float, float] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Tensor:
    """One picture as a float32 tensor (3, height, width), RGB, in [-1, 1].

    Args:
        source: a path; a PIL image; a NumPy array (height, width[, 1, 3 or 4]); or a tensor
            (1, 3 or 4, height, width), with or without a leading axis of length 1. EXIF
            rotation and an embedded colour profile are applied, alpha is laid on white,
            greyscale is repeated; of an animated file, the first frame is read. 16 bits are
            kept for greyscale files and for arrays; Pillow reads colour files of 16 bits as 8.
        value_range: the range of a *float* array or tensor: ``(-1, 1)`` (the default, as in
            LPIPS) or ``(0, 1)`` or ``(0, 255)``. Integer arrays have the range of their type.
        max_pixels: refuse anything larger, before decoding it.

    Raises:
        ImageError: not an image, too large, too small, not finite, or outside its range —
            also a tensor stated to lie in [-1, 1] that holds no value below -0.05, which is how
            a [0, 1] tensor looks, with the overshoot of resizing. (A picture that really is that
            bright: hand it in rescaled, as (x + 1) / 2, with ``value_range=(0, 1)``.)
    """
    if isinstance(source, Tensor):
        tensor = _from_tensor(source, value_range)
    elif isinstance(source, np.ndarray):
        tensor = _from_array(source, value_range)
    elif isinstance(source, Image.Image):
        with pillow("the image", max_pixels):
            tensor = _from_pil(source, "the image", max_pixels)
    elif isinstance(source, str | os.PathLike):
        tensor = _from_path(Path(os.fsdecode(source)), max_pixels)
    else:
        raise ImageError(
            "an image must be a path, a PIL image, a NumPy array or a tensor, "
            f"got {type(source).__name__}"
        )
    check_size(tensor.shape[2], tensor.shape[1], _name(source), max_pixels)
    return tensor


def resize_like(image: Tensor, target: Tensor) -> Tensor:
    """The image at the target's size: (3, h, w) → (3, H, W), bicubic, antialiased, in [-1, 1]."""
    if image.shape[1:] == target.shape[1:]:
        return image
    resized = torch.nn.functional.interpolate(
        image[None], size=target.shape[1:], mode="bicubic", antialias=True
    )
    return resized[0].clamp(-1, 1)


def _name(source: ImageSource) -> str:
    return one_line(source) if isinstance(source, str | os.PathLike) else "the image"


def _from_path(path: Path, max_pixels: int) -> Tensor:
    name = _name(path)
    with pillow(name, max_pixels), opened(path, name) as image:
        return _from_pil(first_frame(image, []), name, max_pixels)


def _from_pil(image: Image.Image, name: str, max_pixels: int) -> Tensor:
    check_size(*image.size, name, max_pixels)
    image = in_srgb(upright(image), [])
    if image.mode in ("La", "RGBa"):  # colours multiplied by alpha
        image = image.convert(image.mode.upper())
    if image.mode == "F":
        raise ImageError(f"{name}: a float image has no stated range; hand it in as an array")
    if image.mode.startswith("I"):
        grey = np.asarray(image).astype(np.int64)
        if grey.min() < 0 or grey.max() > 65535:
            raise ImageError(
                f"{name}: a whole-number image must lie in [0, 65535], "
                f"got [{grey.min()}, {grey.max()}]"
            )
        return _scaled(np.repeat(grey[..., None], 3, axis=2), 0, 65535)
    return _scaled(np.asarray(on_white(image)), 0, 255)


def _scaled(array: np.ndarray[Any, Any], low: float, high: float) -> Tensor:
    """(height, width, 3) in [low, high] → (3, height, width) in [-1, 1]."""
    half = (high - low) / 2
    # Division by the half range, then minus one: bit for bit what the lpips package does.
    scaled = (array.astype(np.float64) - low) / half - 1
    return torch.from_numpy(np.ascontiguousarray(scaled.transpose(2, 0, 1), dtype=np.float32))


def _from_array(array: np.ndarray[Any, Any], value_range: tuple[float, float] | None) -> Tensor:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4):
        raise ImageError(
            "an image array must have the shape (height, width), (height, width, 3) or "
            f"(height, width, 4), got {array.shape}"
        )
    low, high = _stated_range(array, value_range)
    values = (array.astype(np.float64) - low) / (high - low)
    if array.shape[2] == 4:
        alpha = values[..., 3:]
        values = values[..., :3] * alpha + (1 - alpha)
    if array.shape[2] == 1:
        values = np.repeat(values, 3, axis=2)
    return _scaled(values, 0, 1)


def _from_tensor(tensor: Tensor, value_range: tuple[float, float] | None) -> Tensor:
    if tensor.ndim == 4 and tensor.shape[0] == 1:
        tensor = tensor[0]
    if tensor.ndim != 3 or tensor.shape[0] not in (1, 3, 4):
        raise ImageError(
            "an image tensor must have the shape (3, height, width), with 1, 3 or 4 channels, "
            f"got {tuple(tensor.shape)}"
        )
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.float()
    try:
        array = tensor.detach().cpu().numpy()
    except (TypeError, RuntimeError) as error:  # a number type without NumPy's like, no data
        raise ImageError(
            f"an image tensor must be uint8, uint16 or floating point, and hold data, "
            f"got {tensor.dtype} on {tensor.device}"
        ) from error
    return _from_array(array.transpose(1, 2, 0), value_range)


def _stated_range(
    array: np.ndarray[Any, Any], value_range: tuple[float, float] | None
) -> tuple[float, float]:
    """The range that the values were stated to have, after checking that they do."""
    if array.dtype in _INTEGER_TOP:
        return (0.0, _INTEGER_TOP[array.dtype])
    if array.dtype.kind != "f":
        raise ImageError(
            f"an image array must be uint8, uint16 or floating point, got {array.dtype}"
        )
    try:
        low, high = map(float, (-1.0, 1.0) if value_range is None else value_range)
    except (TypeError, ValueError):
        low = high = np.nan
    if not (np.isfinite([low, high]).all() and low < high):
        raise ImageError(f"value_range must be (lowest, highest), got {value_range!r}")
    if array.size == 0 or not np.isfinite(array).all():
        raise ImageError("an image must hold finite numbers only, got NaN, infinity or nothing")
    least, most = float(array.min()), float(array.max())
    slack = 1e-3 * (high - low)
    if least < low - slack or most > high + slack:
        raise ImageError(
            f"an image stated to lie in [{low:g}, {high:g}] holds values in "
            f"[{least:.4g}, {most:.4g}]; state its range with value_range"
        )
    # Not zero: resizing makes a [0, 1] image overshoot a little.
    if low < 0 and least >= 0.05 * low:
        raise ImageError(
            f"an image stated to lie in [{low:g}, {high:g}] holds no value below {0.05 * low:g}, "
            "as a [0, 1] image would: if it is one, pass value_range=(0, 1); if it really is "
            "that bright, hand it in rescaled to [0, 1], with value_range=(0, 1)"
        )
    return (low, high)
