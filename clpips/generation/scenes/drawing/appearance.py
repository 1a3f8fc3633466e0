"""How one thing looks: its colours, material, pattern and pose."""

from __future__ import annotations

from dataclasses import dataclass

from clpips.generation.scenes.drawing.colour import RGB, bent, rgb, to_lch, tweak
from clpips.generation.scenes.language.description import ColourWord, Thing
from clpips.generation.seeds import Chance


@dataclass(frozen=True, slots=True)
class Look:
    """Resolved colours and surface of one thing; ``pose`` decides what is left in drawing it.

    ``twin`` is the stream of this one copy when several are drawn from one phrase.
    """

    main: RGB
    accent: RGB
    material: str
    pattern: str
    pose: Chance
    twin: Chance

    def recoloured(self, main: RGB, *, material: str = "matte", pattern: str = "") -> Look:
        """The same pose in another colour and surface, for a part of a thing."""
        return Look(main, self.accent, material, pattern, self.pose, self.twin)


# The colours of a material that the words name without a colour.
_NATURAL: dict[str, tuple[str, ...]] = {
    "wood": ("brown", "tan", "#a06a3c", "#b88552"),
    "metal": ("silver", "grey", "copper", "silver"),
    "stone": ("grey", "silver", "tan"),
    "marble": ("ivory", "silver", "white"),
    "brick": ("maroon", "#b5573c", "salmon"),
    "glass": ("sky-blue", "teal", "mint"),
    "rust": ("copper", "bronze"),
    "paper": ("cream", "tan", "beige"),
}


def _named(word: ColourWord, chance: Chance) -> RGB:
    """The colour of a word; the seed shades it a little, as no two reds are the same."""
    colour = bent(rgb(word.name), word.modifier)
    return tweak(
        colour,
        light=chance.between(-0.025, 0.025),
        chroma=chance.between(0.9, 1.08),
        hue=chance.between(-5, 5),
    )


def _open_colour(names: tuple[str, ...], lightness: str, chance: Chance) -> RGB:
    colour = rgb(chance.pick(names))
    colour = tweak(
        colour,
        light=chance.between(-0.05, 0.05),
        chroma=chance.between(0.8, 1.15),
        hue=chance.between(-12, 12),
    )
    return bent(colour, lightness)


def _apart(colour: RGB, other: RGB) -> RGB:
    """``colour``, moved in lightness where it could not be told from ``other``."""
    gap = to_lch(colour)[0] - to_lch(other)[0]
    far = sum((a - b) ** 2 for a, b in zip(colour, other, strict=True)) > 0.05
    if far or abs(gap) > 0.16:
        return colour
    return tweak(colour, light=0.24 if to_lch(other)[0] < 0.6 else -0.26)


def settle_look(
    thing: Thing,
    main_names: tuple[str, ...],
    accent_names: tuple[str, ...],
    materials: dict[str, float],
    chance: Chance,
    twin: Chance,
) -> Look:
    """The look of one copy of a thing: its words first, the seed for the rest."""
    hue = chance.at("colour")
    if thing.colours:
        main = _named(thing.colours[0], hue)
    else:
        natural = _NATURAL.get(thing.material or "", main_names)
        main = _open_colour(natural, thing.lightness, hue)
    tint = chance.at("accent")
    accent = (
        _named(thing.accents[0], tint) if thing.accents else _open_colour(accent_names, "", tint)
    )
    pattern = thing.pattern or ""
    if thing.accents and not pattern and thing.kind in ("ball", "cup", "vase", "box", "egg"):
        pattern = chance.at("pattern").pick(("striped", "dotted", "checkered"))
    small = twin.at("tint")
    main = tweak(main, light=small.between(-0.02, 0.02), hue=small.between(-3, 3))
    return Look(
        main=main,
        accent=_apart(accent, main),
        material=thing.material or chance.at("material").weighted(materials),
        pattern=pattern,
        pose=chance.at("pose"),
        twin=twin,
    )
