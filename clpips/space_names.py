"""The names of feature spaces, as settings and files hold them."""

from __future__ import annotations

from typing import TypeAlias

Backbone: TypeAlias = str
"""The name of a feature space: one of ``SPACES``, ``timm:<model>`` or ``transformers:<model>``."""
BACKBONES: tuple[Backbone, ...] = ("alex", "vgg", "squeeze")
"""The networks of LPIPS itself."""
SPACES: tuple[Backbone, ...] = (*BACKBONES, "st-alex", "st-vgg", "wide")
"""The feature spaces that are built in."""
LIBRARIES = ("timm", "transformers")


def is_space_name(name: str) -> bool:
    """Whether a feature space may bear this name; its model may still not be there."""
    library, _, model = name.partition(":")
    return name in SPACES or (library in LIBRARIES and bool(model))
