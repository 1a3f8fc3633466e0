"""The names of image encoders, checked without importing any library."""

from __future__ import annotations

from collections.abc import Mapping

from clpips.errors import InputError
from clpips.features.names import LIBRARIES, checked_space_name
from clpips.text import quoted

OFFLINE = ("efficientnet-lite0", "alex", "vgg", "mobilenet-v2", "tiny-clip")
"""Encoders whose weights a package, or this project, ships."""
REPOSITORIES: Mapping[str, str] = {
    "clip-b32": "openai/clip-vit-base-patch32",
    "dinov2-base": "facebook/dinov2-base",
    "siglip2": "google/siglip2-so400m-patch14-384",
    "bioclip-2": "imageomics/bioclip-2",
    "miewid": "conservationxlabs/miewid-msv2",
}
"""Where the encoders of the papers are on the model hub."""
PUBLISHED = tuple(REPOSITORIES)
WEIGHTS = ("model.safetensors", "open_clip_model.safetensors", "open_clip_pytorch_model.bin")
"""Files of which a published encoder has one."""
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


def encoders_here() -> tuple[str, ...]:
    """The encoders that need no network: :data:`OFFLINE`, and published ones that were fetched."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return OFFLINE
    fetched = (
        name
        for name, repository in REPOSITORIES.items()
        if any(isinstance(try_to_load_from_cache(repository, file), str) for file in WEIGHTS)
    )
    return (*OFFLINE, *fetched)
