"""A background on which different things can be drawn at one spot, one at a time."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace

import resvg_py
from PIL import Image

from clpips.generation.scenes.composition.clusters import Placed
from clpips.generation.scenes.composition.compose import draw_placed
from clpips.generation.scenes.composition.layout import lay_out
from clpips.generation.scenes.composition.setting import Setting, settle_setting
from clpips.generation.scenes.composition.style import STYLES, finish
from clpips.generation.scenes.drawing.appearance import Look
from clpips.generation.scenes.language.description import Description, Thing
from clpips.generation.scenes.things.registry import KINDS
from clpips.generation.seeds import Chance

ENLARGED = (1.4, 1.8)
"""How much larger than in other pictures the thing is drawn."""
STYLE = STYLES["soft"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One background with a spot where a thing stands.

    Args:
        setting: the background.
        spot: where, and how large, a thing of the kind that it was laid out for.
        chance: of the finishing grain.
    """

    setting: Setting
    spot: Placed
    chance: Chance

    @classmethod
    def of(cls, kind: str, place: str, light: str, chance: Chance) -> Stage:
        """A background of a place in a light, with a large spot for a thing of a kind."""
        asked = Description(things=(Thing(kind),), place=place, light=light)
        setting = settle_setting(asked, 1000.0, chance)
        (spot,) = lay_out(setting, chance.at("layout"))
        larger = spot.size * chance.at("enlarged").between(*ENLARGED)
        return cls(setting, _fitted(replace(spot, size=larger)), chance)

    def drawn(self, kind: str, look: Look, side: int) -> Image.Image:
        """A thing at the spot; one of another shape covers about the same area."""
        ratio = KINDS[self.spot.kind].aspect / KINDS[kind].aspect
        copy = _fitted(replace(self.spot, kind=kind, look=look, size=self.spot.size * ratio**0.5))
        svg = draw_placed(self.setting, [copy], STYLE)
        data = resvg_py.svg_to_bytes(
            svg_string=svg, width=side, height=side, skip_system_fonts=True
        )
        with Image.open(io.BytesIO(data)) as rendered:
            picture = rendered.convert("RGB")
        return finish(picture, STYLE, self.chance.at("finish"))


def _fitted(copy: Placed) -> Placed:
    """The copy at its spot, no larger than the picture."""
    size = min(copy.size, 0.97 * copy.y, 960 / KINDS[copy.kind].aspect)
    half = size * KINDS[copy.kind].aspect / 2
    return replace(copy, size=size, x=min(max(copy.x, half + 10), 990 - half))
