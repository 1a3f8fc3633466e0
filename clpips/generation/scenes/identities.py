"""Near-identity sets drawn by ``scenes``: things with a look, and others on the same backgrounds.

An identity is one thing with a look: its colours, material, pattern and pose. It has three views
in different places and lights. Every view has a distractor at each level: another thing that
stands at the same spot, in the same size, before the same background to the last pixel.

* ``far``: the same kind of thing in a clearly other colour, material and pattern.
* ``near``: the same look on a similar kind of thing, or the same thing in a close colour; which
  of the two is the seed's choice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from PIL import Image

from clpips.errors import GenerationError
from clpips.generation.scenes.composition.stage import Stage
from clpips.generation.scenes.drawing.appearance import Look
from clpips.generation.scenes.drawing.colour import NAMED, RGB, rgb, to_lch, tweak
from clpips.generation.seeds import Chance, image_seed

VIEWS = 3
LEVELS = ("far", "near")
SIMILAR: tuple[tuple[str, ...], ...] = (
    ("ball", "cube", "cone", "cylinder", "pyramid", "egg", "box", "gift"),
    ("bowl", "cup", "bottle", "vase", "teapot"),
    ("house", "castle", "lighthouse", "tower", "church", "tent"),
    ("cat", "dog", "rabbit", "bear", "sheep"),
    ("bird", "owl", "penguin", "duck"),
    ("car", "bus", "truck", "train"),
    ("apple", "pear", "pumpkin", "mushroom", "cake"),
    ("flower", "tulip"),
    ("lamp", "chair", "table", "book", "clock"),
)
"""Kinds that may be taken for each other: 44 in nine groups."""
PLACES = (
    "meadow", "forest", "beach", "desert", "mountains", "snow", "city", "room", "table-top",
    "plain",
)  # fmt: skip
LIGHTS = ("noon", "golden", "overcast", "dawn")
MATERIALS = ("matte", "gloss", "wood", "metal", "stone", "wool", "brick", "marble", "fur", "rust")
PATTERNS = ("", "striped", "dotted", "checkered", "zigzag")
APART, CLOSE = 0.22, (0.07, 0.13)
"""Distances in OKLab between the main colours of an identity and a distractor: at least this for
``far``, between these for ``near``."""


@dataclass(frozen=True, slots=True)
class SceneIdentity:
    """The pictures of one identity.

    Args:
        id: ``000000`` and so on.
        category: the kind of thing.
        views: three RGB pictures.
        distractors: by level, the three others on the views' backgrounds.
    """

    id: str
    category: str
    views: tuple[Image.Image, ...]
    distractors: Mapping[str, tuple[Image.Image, ...]]


def scene_identities(
    count: int, *, seed: int = 0, levels: Sequence[str] = LEVELS, side: int = 224
) -> Iterator[SceneIdentity]:
    """Draw identities one after another; each depends on the seed and its number alone.

    Args:
        count: how many.
        seed: of the set.
        levels: of the distractors, from :data:`LEVELS`.
        side: of the square pictures, in pixels.

    Raises:
        GenerationError: another level, a count below 1, or a side outside 32…2048.
    """
    if unknown := [level for level in levels if level not in LEVELS]:
        raise GenerationError(f"a level must be one of {LEVELS}, got {unknown[0]!r}")
    if count < 1:
        raise GenerationError(f"there must be at least 1 identity, got {count}")
    if not 32 <= side <= 2048:
        raise GenerationError(f"pictures must have sides of 32 to 2048 pixels, got {side}")
    for index in range(count):
        yield _identity(index, image_seed(seed, index), levels, side)


def _identity(index: int, seed: int, levels: Sequence[str], side: int) -> SceneIdentity:
    chance = Chance(seed)
    kind = chance.at("kind").pick([kind for group in SIMILAR for kind in group])
    look = random_look(chance.at("look"))
    places, lights = _three(PLACES, chance.at("places")), _three(LIGHTS, chance.at("lights"))
    views = []
    others: dict[str, list[Image.Image]] = {level: [] for level in levels}
    for number, (place, light) in enumerate(zip(places, lights, strict=True)):
        stage = Stage.of(kind, place, light, chance.at(f"view/{number}"))
        views.append(stage.drawn(kind, look, side))
        for level, pictures in others.items():
            other = _OTHERS[level](kind, look, chance.at(f"{level}/{number}"))
            pictures.append(stage.drawn(*other, side))
    distractors = {level: tuple(pictures) for level, pictures in others.items()}
    return SceneIdentity(f"{index:06d}", kind, tuple(views), distractors)


def random_look(chance: Chance) -> Look:
    """A look for an identity: any colour, one far from it, a material, a pattern and a pose."""
    main = _any_colour(chance.at("colour"))
    return Look(
        main=main,
        accent=_far_colour(main, chance.at("accent")),
        material=chance.at("material").pick(MATERIALS),
        pattern=chance.at("pattern").pick(PATTERNS),
        pose=chance.at("pose"),
        twin=chance.at("twin"),
    )


def _far(kind: str, look: Look, chance: Chance) -> tuple[str, Look]:
    main = _far_colour(look.main, chance.at("colour"))
    return kind, Look(
        main=main,
        accent=_far_colour(main, chance.at("accent")),
        material=chance.at("material").pick([m for m in MATERIALS if m != look.material]),
        pattern=chance.at("pattern").pick([p for p in PATTERNS if p != look.pattern]),
        pose=chance.at("pose"),
        twin=look.twin,
    )


def _near(kind: str, look: Look, chance: Chance) -> tuple[str, Look]:
    if chance.at("which").flip():
        group = next(group for group in SIMILAR if kind in group)
        return chance.at("kind").pick([other for other in group if other != kind]), look
    return kind, replace(look, main=_close_colour(look.main, chance.at("colour")))


_OTHERS = {"far": _far, "near": _near}


def _three(choices: Sequence[str], chance: Chance) -> list[str]:
    """Three different ones."""
    left = list(choices)
    found = []
    for _ in range(VIEWS):
        found.append(chance.pick(left))
        left.remove(found[-1])
    return found


def _any_colour(chance: Chance) -> RGB:
    colour = rgb(chance.pick(list(NAMED)))
    return tweak(colour, light=chance.between(-0.04, 0.04), hue=chance.between(-12, 12))


def _far_colour(main: RGB, chance: Chance) -> RGB:
    far = [name for name in NAMED if _apart(rgb(name), main) >= APART]
    return rgb(chance.pick(far))


def _close_colour(main: RGB, chance: Chance) -> RGB:
    """A colour a little beside the main one, in whichever direction the seed finds first."""
    for _ in range(200):
        moved = tweak(
            main,
            light=chance.between(-0.13, 0.13),
            chroma=chance.between(0.7, 1.3),
            hue=chance.between(-50, 50),
        )
        if CLOSE[0] <= _apart(moved, main) <= CLOSE[1]:
            return moved
    return tweak(main, light=-0.1 if to_lch(main)[0] > 0.5 else 0.1)


@lru_cache(maxsize=65536)
def _apart(first: RGB, second: RGB) -> float:
    """The distance of two colours in OKLab; black to white is 1."""
    found = []
    for light, chroma, hue in (to_lch(first), to_lch(second)):
        turn = math.radians(hue)
        found.append((light, chroma * math.cos(turn), chroma * math.sin(turn)))
    return math.dist(*found)
