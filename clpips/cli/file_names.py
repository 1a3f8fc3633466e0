"""Participants' names as file names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from clpips.errors import InputError

MAX_STEM_BYTES = 200
"""Longest file name made of a participant's name: file systems stop at 255, endings included."""


def file_stem(participant: str) -> str:
    """A participant's name as a file name: anything that could leave the folder becomes ``_``."""
    return re.sub(r"[^\w.@+-]", "_", participant).lstrip(".") or "_"


def file_stems(participants: Iterable[str]) -> dict[str, str]:
    """Each participant's file name without ending; no two may share one."""
    stems = {name: file_stem(name) for name in participants}
    owner: dict[str, str] = {}
    for name, stem in stems.items():
        length = len(stem.encode())
        if length > MAX_STEM_BYTES:
            raise InputError(
                f"participant {name[:20]!r}…: a file name must have at most {MAX_STEM_BYTES} "
                f"bytes, got {length}"
            )
        # Upper and lower case are one file on some systems.
        other = owner.setdefault(stem.casefold(), name)
        if other != name:
            raise InputError(f"participants {other!r} and {name!r} would share the file {stem!r}")
    return stems
