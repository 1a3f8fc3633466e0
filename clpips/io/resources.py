"""Files that ship with the project: sample targets, the tiny model, the app.

A checkout has them beside the package (``data/``, ``app/``). A wheel has them inside it, as
``clpips/_data`` and ``clpips/_app``: see ``pyproject.toml``.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from clpips.errors import ClpipsError


def package_folder(package: str) -> Path:
    """The folder of an importable package, for libraries that read real files.

    Raises:
        ClpipsError: the package was imported from a zip file, where it has no folder.
    """
    found = files(package)
    if not isinstance(found, Path):
        raise ClpipsError(f"{package} must be installed unpacked, as pip does it, got {found}")
    return found.absolute()


def targets_folder() -> Path:
    """The sample targets and ``targets.json``, which lists them."""
    return _data_folder() / "targets"


def tiny_model_folder() -> Path:
    """The tiny diffusion model, in the layout of diffusers."""
    return _data_folder() / "models" / "tiny"


def tiny_clip_folder() -> Path:
    """The tiny CLIP, in the layout of transformers; its text tower is the tiny model's."""
    return _data_folder() / "models" / "tiny-clip"


def app_root() -> Path:
    """The folder that holds the study platform: the package ``app`` and ``.streamlit/``."""
    return _inside_or_beside("_app", "")


def _data_folder() -> Path:
    return _inside_or_beside("_data", "data")


def _inside_or_beside(inside: str, beside: str) -> Path:
    package = package_folder("clpips")
    shipped = package / inside
    return shipped if shipped.is_dir() else package.parent / beside
