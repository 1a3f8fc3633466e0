"""People with known tastes, drawn by ``scenes``: the benchmark offline, with the truth at hand.

A person likes one group of things, two colours, one material, one light and one style. Every item
of theirs is drawn from that taste, in places of any kind; so is the target. Person k is the same
whatever the number of people.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from PIL import Image

from clpips.generation.scenes import draw

GROUPS = (
    ("ball", "cube", "cone"), ("bowl", "cup", "teapot"), ("house", "castle", "lighthouse"),
    ("cat", "dog", "rabbit"), ("bird", "owl", "duck"), ("car", "bus", "truck"),
    ("apple", "pear", "pumpkin"), ("flower", "tulip", "cactus"), ("lamp", "chair", "clock"),
)  # fmt: skip
COLOURS = (
    "red", "blue", "green", "yellow", "purple", "orange", "pink", "teal", "navy", "gold", "crimson",
    "emerald", "lavender", "mint", "coral", "ivory",
)  # fmt: skip
MATERIALS = ("striped", "dotted", "checkered", "zigzag", "wood", "metal", "wool", "marble")
LIGHTS = ("dawn", "noon", "sunset", "overcast", "foggy", "moonlit")
STYLES = ("clay", "flat", "ink", "neon", "oil", "pastel", "poster", "watercolour")
PLACES = ("meadow", "forest", "beach", "desert", "mountains", "city", "room")
ITEMS = 5
"""Of each person: two windows of three and one."""
SIDE = 192


@dataclass(frozen=True, slots=True)
class Taste:
    """What one person likes.

    Args:
        user: who.
        things, colours: that their pictures show.
        material, light, style: of every picture.
    """

    user: str
    things: tuple[str, ...]
    colours: tuple[str, ...]
    material: str
    light: str
    style: str

    @property
    def words(self) -> str:
        """The taste as keywords."""
        return ", ".join(
            (*self.things, *self.colours, self.material, self.light, f"{self.style} style")
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def tastes(users: int, *, seed: int) -> list[Taste]:
    """So many people's tastes."""
    found = []
    for number in range(users):
        chance = _chance(seed, number, "taste")
        found.append(
            Taste(
                f"user-{number:03}",
                chance.choice(GROUPS),
                tuple(chance.sample(COLOURS, 2)),
                chance.choice(MATERIALS),
                chance.choice(LIGHTS),
                chance.choice(STYLES),
            )
        )
    return found


def items(taste: Taste, number: int, *, seed: int) -> Iterator[tuple[str, Image.Image]]:
    """A person's pictures with their captions, in order; no caption twice.

    Args:
        taste: the person's.
        number: of the person, from 0.
        seed: of everything.
    """
    chance = _chance(seed, number, "items")
    captions: Counter[str] = Counter()
    while len(captions) < ITEMS:
        thing, colour = chance.choice(taste.things), chance.choice(taste.colours)
        place, image_seed = chance.choice(PLACES), chance.randrange(2**31)
        caption = (
            f"a {taste.material} {colour} {thing}, {place}, {taste.light}, {taste.style} style"
        )
        if not captions[caption]:
            captions[caption] += 1
            yield caption, draw(caption, image_seed, width=SIDE, height=SIDE)


def _chance(seed: int, number: int, what: str) -> random.Random:
    return random.Random(f"{seed}/{number}/{what}")
