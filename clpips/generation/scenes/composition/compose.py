# ruff: noqa: E501 # a path is one string: broken over lines it cannot be read as a shape
"""Description and seed to one SVG document."""

from __future__ import annotations

from collections.abc import Callable

from clpips.generation.scenes.composition.clusters import Placed
from clpips.generation.scenes.composition.layout import lay_out
from clpips.generation.scenes.composition.setting import (
    SKYLESS,
    Setting,
    draw_sky,
    draw_weather,
    settle_setting,
)
from clpips.generation.scenes.composition.style import Style
from clpips.generation.scenes.drawing.colour import css, mix, rgb, shade
from clpips.generation.scenes.drawing.paths import oval
from clpips.generation.scenes.drawing.svg import Pen
from clpips.generation.scenes.language.description import Description
from clpips.generation.scenes.places import indoors, mountains, outdoors, urban
from clpips.generation.scenes.places import water as waters
from clpips.generation.scenes.things.registry import KINDS
from clpips.generation.scenes.things.sky import draw_cloud
from clpips.generation.scenes.things.wildlife import PERCHED
from clpips.generation.seeds import Chance

_PLACES: dict[str, Callable[[Pen, Setting], None]] = {
    "meadow": outdoors.meadow, "forest": outdoors.forest, "sea": waters.sea, "lake": waters.lake,
    "beach": waters.beach, "desert": outdoors.desert, "mountains": mountains.mountains,
    "snow": mountains.snow, "underwater": waters.underwater, "city": urban.city, "room": indoors.room,
    "table-top": indoors.table_top, "plain": urban.plain, "sky": urban.sky, "space": urban.space,
}  # fmt: skip


def compose(asked: Description, style: Style, seed: int, *, aspect: float) -> str:
    """The picture as SVG, 1000 units high and ``aspect`` times as wide."""
    setting, placed = _settled(asked, seed, aspect)
    return draw_placed(setting, placed, style)


def draw_placed(setting: Setting, placed: list[Placed], style: Style) -> str:
    """A setting with copies of things where they stand, farthest first, as SVG."""
    pen = Pen(setting.light, setting.width, hard=style.hard)
    if setting.place not in SKYLESS:
        if setting.place != "space":
            draw_sky(pen, setting)
            _draw_all(pen, setting, [c for c in placed if c.stance == "sky"], style)
        _PLACES[setting.place](pen, setting)
        rest = [c for c in placed if c.stance != "sky" or setting.place == "space"]
    else:
        _PLACES[setting.place](pen, setting)
        rest = placed
    _draw_all(pen, setting, rest, style)
    draw_weather(pen, setting)
    return pen.svg()


def extents(asked: Description, seed: int, *, aspect: float) -> list[tuple[float, ...]]:
    """Where things stand in the picture that :func:`compose` makes of the same words and seed.

    Returns:
        left, top, right and bottom of every copy of every thing, as shares of the picture's height;
        not their shadows, nor what carries them.
    """
    _, placed = _settled(asked, seed, aspect)
    edges = ((c.x - c.wide / 2, c.y - c.size, c.x + c.wide / 2, c.y) for c in placed)
    return [tuple(edge / 1000 for edge in each) for each in edges]


def _settled(asked: Description, seed: int, aspect: float) -> tuple[Setting, list[Placed]]:
    chance = Chance(seed)
    setting = settle_setting(asked, 1000 * aspect, chance)
    return setting, lay_out(setting, chance.at("layout"))


def _draw_all(pen: Pen, setting: Setting, copies: list[Placed], style: Style) -> None:
    pen.outline = 0.0
    for copy in copies:
        pen.depth = 1.0 if copy.stance == "sky" else min(1.0, 0.45 + 0.62 * copy.depth)
        if copy.stance == "land":
            pen.depth = 0.3
        _draw(pen, setting, copy, style)
    pen.outline = 0.0


def _draw(pen: Pen, setting: Setting, copy: Placed, style: Style) -> None:
    kind = KINDS[copy.kind]
    scale = copy.size / 100
    watery = copy.stance in ("water", "swim") and setting.place in ("sea", "lake", "beach")
    _carry(pen, setting, copy)
    if copy.stance == "ground" and setting.place != "space" and not watery:
        _ground_shadow(pen, setting, copy)
    elif copy.stance in ("air", "swim") and setting.place in ("plain", "table-top", "room"):
        floor = setting.horizon + (972 - setting.horizon) * 0.6
        pen.shadow(copy.x, max(floor, copy.y + 10), copy.wide * 0.4, copy.wide * 0.07, 0.3)
    flip = copy.flip and copy.kind not in ("clock",)
    pen.side = -setting.light.side if flip else setting.light.side
    pen.outline = style.outline / scale if style.outline else 0.0
    draw = kind.draw
    if copy.kind in PERCHED and (copy.stance == "ground" or copy.lift):
        draw = PERCHED[copy.kind]
    mirror = -1 if flip else 1
    with pen.group(f"translate({copy.x:.1f} {copy.y:.1f}) scale({mirror * scale:.4f} {scale:.4f})"):
        draw(pen, copy.look)
    pen.side = setting.light.side
    pen.outline = 0.0
    if copy.beneath == "bowl":
        _bowl_front(pen, copy)
    if watery:
        _ripples(pen, setting, copy)


def _ground_shadow(pen: Pen, setting: Setting, copy: Placed) -> None:
    """A soft contact shadow and a longer one away from the light."""
    light = setting.light
    wide = copy.wide
    strength = 0.5 * min(1.1, light.contrast) * (0.6 if light.name in ("night", "foggy") else 1.0)
    if copy.lift:
        pen.shadow(
            copy.x - light.side * wide * 0.06, copy.y, wide * 0.5, wide * 0.06, strength * 0.8
        )
        return
    length = (1.15 - light.height) * 0.62 * min(copy.size, wide * 1.6)
    away = -light.side * length * 0.62
    ry = max(5.0, wide * 0.085)
    pen.shadow(
        copy.x + away * 0.8,
        copy.y + ry * 0.1,
        wide * 0.52 + abs(away) * 0.75,
        ry * 1.15,
        strength * 0.8,
    )
    pen.shadow(copy.x + away * 0.06, copy.y, wide * 0.52, ry * 0.72, strength * 0.9)


def _carry(pen: Pen, setting: Setting, copy: Placed) -> None:
    """Whatever a thing needs under it: rocks in the sea, a cloud in the sky, a bowl of water."""
    wide = copy.wide
    if copy.beneath == "mound":
        stone = mix(rgb("tan"), rgb("grey"), 0.5)
        d = (
            f"M{copy.x - wide * 0.85:.0f} {copy.y + 26:.0f}C{copy.x - wide * 0.6:.0f} {copy.y - 16:.0f} "
            f"{copy.x + wide * 0.6:.0f} {copy.y - 16:.0f} {copy.x + wide * 0.85:.0f} {copy.y + 26:.0f}z"
        )
        pen.shape(d, stone, "round", ink=False)
        pen.fill(oval(copy.x, copy.y + 27, wide * 0.9, 7), "#ffffff", opacity=0.45)
    elif copy.beneath == "cloud":
        look = copy.look.recoloured((1.0, 1.0, 1.0))
        with pen.group(
            f"translate({copy.x:.0f} {copy.y + wide * 0.55:.0f}) scale({wide / 120:.3f})"
        ):
            draw_cloud(pen, look)
    elif copy.beneath == "bowl":
        r = copy.wide * 0.72
        y = copy.y - r * 0.86
        _ground_shadow(pen, setting, copy)
        water = css(mix(pen.cast(rgb("cyan")), (1, 1, 1), 0.25))
        pen.fill(oval(copy.x, y, r, r * 0.9), water, opacity=0.4)
        copy.y = y + copy.size * 0.55
        copy.lift = 1.0


def _bowl_front(pen: Pen, copy: Placed) -> None:
    r = copy.wide * 0.72
    y = copy.y - copy.size * 0.55
    glass = pen.radial(((0, (1, 1, 1), 0.0), (0.8, (1, 1, 1), 0.08), (1, (1, 1, 1), 0.55)))
    pen.fill(oval(copy.x, y, r, r * 0.9), glass)
    pen.fill(oval(copy.x, y - r * 0.84, r * 0.56, r * 0.1), "#ffffff", opacity=0.5)
    pen.fill(
        oval(copy.x + pen.side * r * 0.5, y - r * 0.36, r * 0.1, r * 0.2), "#ffffff", opacity=0.6
    )


def _ripples(pen: Pen, setting: Setting, copy: Placed) -> None:
    """Water that closes over the foot of a floating thing."""
    wide = copy.wide
    water = setting.ground if setting.place == "sea" else rgb("teal")
    base = setting.light.cast(shade(water, -0.1), 0.9)
    pen.fill(oval(copy.x, copy.y + 7, wide * 0.5, max(5.0, wide * 0.035)), css(base), opacity=0.75)
    for spread, lift in ((0.62, 3), (0.46, 12), (0.32, 20)):
        half = wide * spread
        pen.raw(
            f'<path d="M{copy.x - half:.0f} {copy.y + lift:.0f}q{half / 2:.0f} -7 {half:.0f} 0t{half:.0f} 0" '
            'stroke="#ffffff" stroke-opacity=".5" stroke-width="3" fill="none" stroke-linecap="round"/>'
        )
