"""The names of feature spaces, checked without importing timm or transformers.

Importing them takes seconds, and contacting a model hub longer; a mistyped name is rejected first.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

from clpips.errors import InputError
from clpips.text import quoted

Backbone: TypeAlias = str
"""The name of a feature space: one of ``SPACES``, ``timm:<model>`` or ``transformers:<model>``."""
BACKBONES: tuple[Backbone, ...] = ("alex", "vgg", "squeeze")
"""The networks of LPIPS itself."""
SPACES: tuple[Backbone, ...] = (*BACKBONES, "st-alex", "st-vgg", "wide")
"""The built-in feature spaces."""
LIBRARIES = ("timm", "transformers")

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_TIMM_SOURCES = ("hf-hub:", "hf_hub:", "local-dir:")


def is_space_name(name: str) -> bool:
    """Whether the name of a feature space is well formed; its model may still not exist."""
    library, _, model = name.partition(":")
    return name in SPACES or (library in LIBRARIES and bool(model))


def checked_space_name(name: str) -> str:
    """The checked name of a feature space.

    A name that passes may still belong to no published model.

    Raises:
        InputError: no built-in space, or ``timm:`` or ``transformers:`` with a name that is no
            folder, that timm's own files do not mention, or that is no model id.
    """
    if not is_space_name(name):
        raise InputError(
            f"a feature space must be one of {SPACES}, timm:<name or folder> or "
            f"transformers:<id or folder>, got {quoted(name)}"
        )
    library, _, model = name.partition(":")
    if name in SPACES or Path(model).expanduser().is_dir():
        return name
    if Path(model).is_absolute() or model.startswith((".", "~")):
        raise InputError(f"{library}:{model} must name a folder, and there is none")
    if library == "timm" and not _is_in_timm(model):
        raise InputError(f"timm: must name one of its models or a folder, got {quoted(model)}")
    if library == "transformers" and not _HUB_ID.fullmatch(model):
        raise InputError(
            f"transformers: must name a model as owner/model, or a folder, got {quoted(model)}"
        )
    return name


def _is_in_timm(model: str) -> bool:
    """Whether timm's source files name an architecture; true where they cannot be read."""
    if model.startswith(_TIMM_SOURCES):
        return True
    found = find_spec("timm")  # finds the package, does not import it
    folders = found.submodule_search_locations if found is not None else None
    files = [path for folder in folders or () for path in Path(folder, "models").glob("*.py")]
    if not files:
        return True
    # As a function, or as an entry of a table of models and their former names.
    named = re.compile(rf"(\bdef |['\"]){re.escape(model.partition('.')[0])}\b")
    return any(named.search(path.read_text(encoding="utf-8")) for path in files)
