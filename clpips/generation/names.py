"""The names of makers, as a study's settings hold them."""

from __future__ import annotations

from clpips.errors import GenerationError

BUILT_IN: tuple[str, ...] = ("scenes", "tiny")
NAMED: dict[str, str] = {
    "diffusers": "folder or id",
    "http": "base-url",
    "pool": "folder or .zip",
}
"""Makers that need something behind their name and a colon, and what."""
NO_PROMPT = "(no prompt)"
"""The prompt of rounds in studies in which participants write none."""
STARTS_FROM_IMAGE: frozenset[str] = frozenset({"tiny", "diffusers", "http"})
"""Makers that can start from an image instead of from nothing."""


def kind_of(name: str) -> str:
    """The maker's kind: what stands before the colon, or the whole name."""
    return name.partition(":")[0]


def can_start_from_image(name: str) -> bool:
    """Whether a maker can start from an image, judged by its name, without opening it."""
    return kind_of(name) in STARTS_FROM_IMAGE


def can_cost(name: str) -> bool:
    """Whether a maker's images can cost something, judged by its name."""
    return kind_of(name) == "http"


def check_maker_name(name: str) -> None:
    """Check the form of a maker's name; whether it can be opened is not checked.

    Raises:
        GenerationError: no maker has such a name.
    """
    kind, colon, rest = name.partition(":")
    if (not colon and kind in BUILT_IN) or (kind in NAMED and rest.strip()):
        return
    known = ", ".join([*BUILT_IN, *(f"{each}:<{what}>" for each, what in NAMED.items())])
    raise GenerationError(f"maker must be one of {known}, got {name!r}")
