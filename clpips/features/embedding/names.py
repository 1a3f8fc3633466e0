"""The names of image encoders, checked without importing any library."""

from __future__ import annotations

from clpips.errors import InputError
from clpips.features.names import LIBRARIES, checked_space_name
from clpips.text import quoted

OFFLINE = ("efficientnet-lite0", "alex", "vgg", "tiny-clip")
"""Encoders whose weights a package, or this project, ships."""
PUBLISHED = ("clip-b32", "dinov2-base", "siglip2", "bioclip-2", "miewid")
"""Encoders of the papers; their weights are on the model hub."""
ENCODERS = (*OFFLINE, *PUBLISHED)
OPEN_CLIP, HEAD = "open_clip", "head"


def checked_encoder_name(name: str) -> str:
    """The checked name of an encoder; a name that passes may still belong to no published model.

    Raises:
        InputError: none of :data:`ENCODERS`, no ``head:``, ``timm:``, ``transformers:`` or
            ``open_clip:`` name or folder.
    """
    library, colon, model = name.partition(":")
    if name in ENCODERS or (library == HEAD and model):
        return name
    if colon and model and library in LIBRARIES:
        return checked_space_name(name)
    if library == OPEN_CLIP and model:
        return name
    raise InputError(
        f"an encoder must be one of {', '.join(ENCODERS)}, timm:<name or folder>, "
        f"transformers:<id or folder>, open_clip:<name or folder> or head:<file>, "
        f"got {quoted(name)}"
    )
