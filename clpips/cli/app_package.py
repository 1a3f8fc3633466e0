"""Modules of the study platform, for the commands that work on its data.

The library does not import the platform. Its package is found where it lies, in a checkout or
inside the installed package, and put on the path of this process alone.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

from clpips.extras import requires
from clpips.io.resources import app_root

DEFAULT_DATA = Path("data/local")


def app_module(name: str, what: str) -> Any:
    """A module of the platform, by its full name; ``what`` needs it.

    Raises:
        MissingExtra: a package that the platform needs is not installed.
    """
    root = str(app_root())
    if root not in sys.path:
        sys.path.insert(0, root)
    with requires("app", what):
        return importlib.import_module(name)


def data_folder(stated: str | None) -> Path:
    """The data folder: the stated one, else ``$CLPIPS_DATA``, else ``data/local`` here."""
    return Path(stated or os.environ.get("CLPIPS_DATA") or DEFAULT_DATA).expanduser().absolute()
