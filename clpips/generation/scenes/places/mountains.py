# ruff: noqa: E501 # a path is one string: broken over lines it cannot be read as a shape
"""Snow and mountains."""

from __future__ import annotations

from clpips.generation.scenes.composition.setting import Setting
from clpips.generation.scenes.drawing.colour import css, mix, rgb, shade
from clpips.generation.scenes.drawing.paths import oval, peaks, polygon, ridge
from clpips.generation.scenes.drawing.svg import Pen
from clpips.generation.scenes.places.outdoors import hills, lay_ground, plant, sprinkle, tufts
from clpips.generation.seeds import Chance


def _snowy_peaks(
    pen: Pen, setting: Setting, chance: Chance, high: float, points: int, depth: float
) -> None:
    rock = setting.tint("indigo", "grey", "teal", "charcoal")
    base = setting.horizon + 20
    d, tops = peaks(setting.width, base, high, chance, points=points, floor=1000)
    light = setting.light
    pen.fill(
        d,
        pen.linear(
            (
                (0, light.cast(rock, depth), 1),
                (1, mix(light.cast(rock, depth), light.haze_colour, 0.5), 1),
            ),
            0,
            0,
            0,
            0.6,
        ),
    )
    side = 1 if light.side < 0 else -1
    for x, y in tops:
        drop = (base - y) * 0.3
        pen.fill(polygon(x, y, x - drop * 0.62, y + drop, x - drop * 0.2, y + drop * 0.8, x, y + drop * 1.15, x + drop * 0.25, y + drop * 0.8, x + drop * 0.62, y + drop),
                 css(light.cast((0.97, 0.98, 1.0), depth + 0.2)))  # fmt: skip
        pen.fill(
            polygon(
                x,
                y,
                x + side * drop * 2.1,
                base,
                x + side * drop * 0.3,
                base,
                x + side * drop * 0.1,
                y + drop * 1.4,
            ),
            css(light.cast(shade(rock, -0.5), depth)),
            opacity=0.4,
        )


def mountains(pen: Pen, setting: Setting) -> None:
    """Two ranges of peaks, pines at their foot, an alpine meadow in front."""
    chance = setting.chance.at("mountains")
    _snowy_peaks(pen, setting, chance.at("far"), chance.between(330, 430), 4, 0.15)
    _snowy_peaks(pen, setting, chance.at("near"), chance.between(200, 280), 5, 0.4)
    pen.depth = 0.5
    for i in range(16):
        stream = chance.at(i)
        plant(
            pen,
            setting,
            "pine",
            setting.width * (i + stream.between(0, 1)) / 16,
            setting.horizon + 26,
            stream.between(50, 110),
            stream,
        )
    d = ridge(setting.width, setting.horizon + 42, 30, chance, points=4, floor=1000)
    lay_ground(pen, setting, d, setting.ground, far=0.6)
    tufts(pen, setting, setting.ground, chance.at("grass"), 80)
    sprinkle(
        pen,
        setting,
        ("white", "yellow", "lavender"),
        chance.at("flowers"),
        chance.at("amount").pick((0, 20, 40)),
    )


def snow(pen: Pen, setting: Setting) -> None:
    """Snowy hills with pines."""
    chance = setting.chance.at("snow")
    if chance.at("peaks").flip(0.5):
        _snowy_peaks(pen, setting, chance.at("range"), chance.between(180, 300), 5, 0.2)
    hills(
        pen, setting, mix(setting.ground, rgb("#a9c0dc"), 0.3), rows=3, top=chance.between(80, 170)
    )
    for i in range(chance.at("pines").whole(5, 14)):
        stream = chance.at(i)
        share = stream.between(0, 1)
        pen.depth = 0.25 + 0.3 * share
        plant(
            pen,
            setting,
            "pine",
            stream.between(0, setting.width),
            setting.horizon + 10 + 34 * share,
            60 + 90 * share,
            stream,
        )
    d = ridge(setting.width, setting.horizon + 62, 34, chance, points=4, floor=1000)
    light = setting.light
    pen.fill(
        d,
        pen.linear(
            (
                (0, light.cast(setting.ground, 0.85), 1),
                (1, light.cast(mix(setting.ground, rgb("#9db6dc"), 0.5), 1.0), 1),
            ),
            0,
            0,
            0,
            1,
        ),
    )
    for _ in range(7):
        y = setting.horizon + chance.between(90, 420)
        x = chance.between(0, setting.width)
        pen.fill(
            oval(x, y, chance.between(60, 150), chance.between(5, 13)),
            css(light.cast(rgb("#b4c8e6"), 1.0)),
            opacity=0.45,
        )
