"""What a kind of thing is: how it is drawn, how large it stands, where it belongs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from clpips.generation.scenes.drawing.appearance import Look
from clpips.generation.scenes.drawing.svg import Pen

Stance = Literal["ground", "air", "sky", "water", "swim", "land"]
Draw = Callable[[Pen, Look], None]
OUTDOORS = ("meadow", "forest", "snow", "mountains", "desert", "beach")
INDOORS = ("table-top", "plain", "room")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of thing.

    Args:
        draw: draws it about 100 units high, foot at the origin (air things: centre at y −50).
        height: how much of the picture's height it takes when alone, 0 to 1.
        aspect: width over height.
        stance: on the ground, in the air, in the sky, on water, swimming, or part of the land.
        scale: 0 a fruit, 1 a cat, 2 a car, 3 a house, 4 a mountain; orders unlike things.
        colours, accents: what the seed picks from when the words leave them open.
        materials: likewise, with weights.
        homes: places that suit it.
        seat: where something can rest on it, as a share of its height.
    """

    draw: Draw
    height: float
    aspect: float
    colours: tuple[str, ...]
    accents: tuple[str, ...] = ("cream", "white", "mustard", "coral")
    stance: Stance = "ground"
    scale: int = 1
    materials: dict[str, float] = field(default_factory=lambda: {"matte": 1.0})
    homes: tuple[str, ...] = OUTDOORS
    seat: float = 1.0
