"""The weights of a bundle: each file must be of the study's own feature space.

A metric's file names the space that is opened to measure with it, which may be a folder.
"""

from __future__ import annotations

import json
from pathlib import Path

import safetensors

from clpips.errors import StudyError


def check_weights(place: Path, backbone: str) -> None:
    """Check that a file is a metric of a feature space; its weights are checked when they are used.

    Raises:
        StudyError: it is something else.
    """
    if _space(place) != backbone:
        raise StudyError(
            "a bundle's weights must be metrics of its study's feature space, "
            f"got '{place.name}', which is not"
        )


def _space(place: Path) -> str | None:
    """The feature space that a metric's card names; ``None`` for any other file."""
    try:
        with safetensors.safe_open(place, framework="numpy") as file:
            card = json.loads((file.metadata() or {}).get("card", "null"))
    except (safetensors.SafetensorError, OSError, TypeError, ValueError, RecursionError):
        return None
    return card.get("backbone") if isinstance(card, dict) else None
