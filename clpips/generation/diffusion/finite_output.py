"""What a diffusion pipeline computed, refused where it is not finite numbers.

Half precision overflows in some models. The result would become a black or white picture like any
other: the conversion to 8 bits turns NaN into 0 and clips infinity.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from PIL import Image

from clpips.errors import GenerationError


def require_finite(values: Any, words: str, dtype: torch.dtype) -> None:
    """Refuse an array or tensor with NaN or infinity in it; anything else passes.

    Args:
        values: what a pipeline computed.
        words: where, for the message.
        dtype: of the pipeline's weights.

    Raises:
        GenerationError: not all of it is finite.
    """
    if isinstance(values, torch.Tensor):
        finite = not values.is_floating_point() or bool(torch.isfinite(values).all())
    elif isinstance(values, np.ndarray):
        finite = values.dtype.kind != "f" or bool(np.isfinite(values).all())
    else:
        return
    if not finite:
        name = str(dtype).removeprefix("torch.")
        advice = "" if dtype == torch.float32 else "; this model may need dtype float32"
        raise GenerationError(
            "the model's output must be finite numbers, got NaN or infinity "
            f"{words}, with weights in {name}{advice}"
        )


@contextmanager
def finite_decoding(pipeline: Any, dtype: torch.dtype) -> Iterator[None]:
    """Check what the pipeline's decoder returns, before it is clipped to a picture's range.

    Raises:
        GenerationError: it returned NaN or infinity.
    """
    decoder = getattr(getattr(pipeline, "vae", None), "decoder", None)
    if not isinstance(decoder, torch.nn.Module):
        yield
        return

    def check(module: object, given: object, found: object) -> None:
        require_finite(found, "from its decoder", dtype)

    handle = decoder.register_forward_hook(check)
    try:
        yield
    finally:
        handle.remove()


def as_picture(found: Any, dtype: torch.dtype) -> Image.Image:
    """One image of a pipeline, as (height, width, channels) numbers in [0, 1] or as a picture.

    The rounding is that of diffusers.

    Raises:
        GenerationError: NaN or infinity in it.
    """
    if isinstance(found, Image.Image):
        return found.convert("RGB")
    values = np.asarray(found)
    require_finite(values, "in the image", dtype)
    pixels = (values * 255).round().astype(np.uint8)
    return Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).convert("RGB")
