"""What a prompt asks for: frozen values, with ``None`` wherever the words leave it open."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ColourWord:
    """A named colour with its modifier: 'dark green' is ``("green", "dark")``."""

    name: str
    modifier: str = ""


@dataclass(frozen=True, slots=True)
class Relation:
    """Where a thing stands to others: ``anchors`` are indexes into ``Description.things``.

    ``how`` is one of behind, front, beside, left_of, right_of, on, above, under, in, between.
    """

    how: str
    anchors: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Thing:
    """One noun phrase: ``count`` things of one kind that look alike.

    ``count`` is 0 when the words ask for some number of them (a bare plural); ``few`` and
    ``many`` narrow it. ``across`` is left, centre or right; ``upright`` is top, middle or
    bottom; ``depth`` is near or far.
    """

    kind: str
    count: int = 1
    amount: str = ""
    colours: tuple[ColourWord, ...] = ()
    accents: tuple[ColourWord, ...] = ()
    lightness: str = ""
    size: str | None = None
    material: str | None = None
    pattern: str | None = None
    across: str | None = None
    upright: str | None = None
    depth: str | None = None
    relation: Relation | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """A whole prompt: its things, the place, the light, the style, and what was not understood."""

    things: tuple[Thing, ...] = ()
    place: str | None = None
    place_colours: tuple[ColourWord, ...] = ()
    place_material: str | None = None
    sky_colours: tuple[ColourWord, ...] = ()
    light: str | None = None
    light_from: str | None = None
    weather: tuple[str, ...] = ()
    style: str | None = None
    not_understood: tuple[str, ...] = ()
