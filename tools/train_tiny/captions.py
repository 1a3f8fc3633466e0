"""The captions that the tiny model is trained on, in the vocabulary of the ``scenes`` maker.

One caption names one or two objects, mostly with a colour, and may name a place, a light, a size,
a side and a style. What it leaves open is chosen at random, but for the style, which is ``soft``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clpips.generation.seeds import Chance

COLOURS: tuple[str, ...] = (
    "red", "orange", "yellow", "green", "teal", "blue",
    "purple", "pink", "brown", "white", "grey", "black",
)  # fmt: skip
KINDS: tuple[str, ...] = (
    "ball", "cube", "cone", "heart", "house", "castle", "lighthouse", "tree", "flower",
    "mushroom", "cat", "rabbit", "owl", "fish", "butterfly", "apple", "cup", "lamp",
    "umbrella", "car", "boat", "rocket", "balloon", "chair",
)  # fmt: skip
PLURALS = {"fish": "fish", "butterfly": "butterflies"}
PLACES: tuple[str, ...] = (
    "on the beach", "in a meadow", "in the forest", "in the city", "in the desert",
    "in the snow", "in a room", "on a plain background", "on the sea",
)  # fmt: skip
LIGHTS: tuple[str, ...] = ("at sunset", "at night", "at dawn", "in the fog")
SIZES: tuple[str, ...] = ("small", "large", "huge")
SIDES: tuple[str, ...] = ("on the left", "on the right")
STYLES: tuple[str, ...] = ("flat", "watercolour", "pastel", "ink")
COUNTS: tuple[str, ...] = ("two", "three")


@dataclass(frozen=True, slots=True)
class Caption:
    """A caption and the objects in it.

    Args:
        text: the words.
        objects: kind (of ``KINDS``) and colour (of ``COLOURS``; empty where none is named) of
            each, in the order in which they are named.
        styled: whether a style is named.
    """

    text: str
    objects: tuple[tuple[str, str], ...]
    styled: bool

    @property
    def prompt(self) -> str:
        """The prompt for the ``scenes`` maker: the same words, with the default style named."""
        return self.text if self.styled else f"{self.text}, soft style"


def caption(seed: int) -> Caption:
    """The caption that belongs to a seed."""
    chance = Chance(seed, "caption")
    kind, colour, words = _object(chance.at("first"), counts=True)
    objects = [(kind, colour)]
    if chance.at("side").flip(0.2):
        words += " " + chance.at("side").at("which").pick(SIDES)
    if chance.at("second").flip(0.25):
        other, other_colour, more = _object(chance.at("second").at("what"), counts=False)
        if other != kind:
            objects.append((other, other_colour))
            words += f" {chance.at('joint').pick(('and', 'with', 'next to'))} {more}"
    for name, choices, share in (("place", PLACES, 0.75), ("light", LIGHTS, 0.3)):
        if chance.at(name).flip(share):
            words += " " + chance.at(name).at("which").pick(choices)
    styled = chance.at("style").flip(0.15)
    if styled:
        words += f", {chance.at('style').at('which').pick(STYLES)} style"
    return Caption(words, tuple(objects), styled)


def captions(seed: int, count: int, *, without: Sequence[str] = ()) -> tuple[Caption, ...]:
    """Different captions from a seed on, none of them among those to leave out."""
    known, found = set(without), list[Caption]()
    while len(found) < count:
        one = caption(seed)
        seed += 1
        if one.text not in known:
            known.add(one.text)
            found.append(one)
    return tuple(found)


def _object(chance: Chance, *, counts: bool) -> tuple[str, str, str]:
    """Kind, colour or nothing, and the words for it."""
    kind = chance.at("kind").pick(KINDS)
    colour = chance.at("colour").pick(COLOURS) if chance.at("coloured").flip(0.9) else ""
    size = chance.at("size").pick(SIZES) if chance.at("sized").flip(0.25) else ""
    count = chance.at("count").pick(COUNTS) if counts and chance.at("counted").flip(0.12) else ""
    noun = PLURALS.get(kind, f"{kind}s") if count else kind
    words = " ".join(each for each in (size, colour, noun) if each)
    article = count or ("an" if words[0] in "aeiou" else "a")
    return kind, colour, f"{article} {words}"
