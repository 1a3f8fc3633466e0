# ruff: noqa: E501 # a path is one string: broken over lines it cannot be read as a shape
"""Places at, on and under water."""

from __future__ import annotations

from clpips.generation.scenes.composition.setting import Setting
from clpips.generation.scenes.drawing.colour import RGB, css, mix, rgb, shade
from clpips.generation.scenes.drawing.paths import blob, peaks, polygon, ridge, smooth
from clpips.generation.scenes.drawing.svg import Pen
from clpips.generation.scenes.places.outdoors import hills, lay_ground, plant
from clpips.generation.seeds import Chance


def _water(pen: Pen, setting: Setting, top: float, bottom: float, colour: RGB) -> None:
    """Water between two heights, with glints and the sky's colour in it."""
    light, chance = setting.light, setting.chance.at("water")
    far = mix(light.cast(colour, 0.6), light.sky[2], 0.42)
    near = light.cast(shade(colour, -0.18), 1.0)
    pen.fill(
        f"M0 {top:.0f}H{setting.width:.0f}V{bottom:.0f}H0z",
        pen.linear(((0, far, 1), (1, near, 1)), 0, 0, 0, 1),
    )
    for _ in range(70):
        share = chance.between(0.0, 1.0)
        y = top + (bottom - top) * share**1.3
        long = (14 + 80 * share) * chance.between(0.5, 1.2)
        x = chance.between(-40, setting.width)
        tone = mix(near, light.sky[2], chance.pick((0.25, 0.75)))
        pen.raw(f'<path d="M{x:.0f} {y:.0f}q{long / 4:.0f} {-2 - 3 * share:.1f} {long / 2:.0f} 0t{long / 2:.0f} 0" stroke="{css(tone)}" '
                f'stroke-width="{1.2 + 3 * share:.1f}" fill="none" stroke-linecap="round" opacity=".6"/>')  # fmt: skip
    if light.name in ("sunset", "golden", "dawn", "moonlit", "backlit"):
        x = setting.width * (0.5 + 0.36 * light.side)
        for _ in range(34):
            y = top + (bottom - top) * chance.between(0, 1)
            long = chance.between(12, 60)
            pen.raw(
                f'<path d="M{x - long + chance.between(-34, 34):.0f} {y:.0f}h{long * 2:.0f}" stroke="#fff3cf" stroke-width="3" stroke-linecap="round" opacity=".5"/>'
            )


def _far_land(pen: Pen, setting: Setting, chance: Chance, base: float) -> None:
    form = chance.pick(("hills", "peaks", "none", "hills"))
    pen.depth = 0.1
    colour = css(setting.light.cast(rgb(chance.pick(("indigo", "teal", "olive", "grey"))), 0.12))
    if form == "peaks":
        pen.fill(
            peaks(setting.width, base, chance.between(90, 170), chance, points=5, floor=base)[0],
            colour,
        )
    elif form == "hills":
        pen.fill(
            ridge(setting.width, base - 6, chance.between(50, 100), chance, points=5, floor=base),
            colour,
        )


def sea(pen: Pen, setting: Setting) -> None:
    """Open water to the horizon."""
    chance = setting.chance.at("sea")
    _far_land(pen, setting, chance, setting.horizon)
    _water(pen, setting, setting.horizon, 1001, setting.ground)
    for row in range(4):
        y = setting.horizon + (1000 - setting.horizon) * (0.35 + 0.2 * row)
        crest = chance.at(row)
        line = [(x, y + crest.between(-8, 8)) for x in range(-80, int(setting.width) + 170, 90)]
        d = f"{smooth(line, closed=False)}L{setting.width + 90:.0f} {y + 60:.0f}L-80 {y + 60:.0f}z"
        tone = setting.light.cast(shade(setting.ground, 0.1 - 0.07 * row), 1.0)
        pen.fill(
            d,
            pen.linear(((0, shade(tone, 0.25), 0.75), (0.5, tone, 0.25), (1, tone, 0)), 0, 0, 0, 1),
        )


def lake(pen: Pen, setting: Setting) -> None:
    """A lake between hills, with a grassy shore in front."""
    chance = setting.chance.at("lake")
    hills(pen, setting, setting.ground, rows=2, top=chance.between(90, 170))
    pen.depth = 0.3
    for i in range(7):
        stream = chance.at(i)
        plant(
            pen,
            setting,
            stream.pick(("pine", "tree")),
            stream.between(0, setting.width),
            setting.horizon + 8,
            stream.between(50, 110),
            stream,
        )
    _water(pen, setting, setting.horizon + 6, 1001, setting.tint("blue", "teal", "sky-blue"))
    shore = ridge(setting.width, 985, 46, chance, points=4, floor=1000)
    pen.depth = 1.0
    lay_ground(pen, setting, shore, setting.ground, far=0.9)
    for _ in range(26):
        x = chance.between(0, setting.width)
        y = chance.between(960, 1000)
        pen.line(
            f"M{x:.0f} {y:.0f}q{chance.between(-8, 8):.0f} -30 {chance.between(-10, 10):.0f} -{chance.between(40, 80):.0f}",
            shade(setting.ground, -0.25),
            3,
        )


def beach(pen: Pen, setting: Setting) -> None:
    """Sea behind, wet sand, dry sand with shells in front."""
    chance = setting.chance.at("beach")
    _far_land(pen, setting, chance, setting.horizon)
    shore = setting.horizon + (1000 - setting.horizon) * chance.between(0.2, 0.34)
    _water(
        pen, setting, setting.horizon, shore + 60, setting.tint("teal", "turquoise", "blue", "cyan")
    )
    line = [(x, shore + chance.between(-14, 14)) for x in range(-80, int(setting.width) + 200, 130)]
    for drop, colour, opacity in (
        (0, (1.0, 1.0, 1.0), 0.9),
        (13, shade(setting.ground, -0.22), 1.0),
        (34, setting.ground, 1.0),
    ):
        moved = [(x, y + drop) for x, y in line]
        d = f"{smooth(moved, closed=False)}L{setting.width + 90:.0f} 1000L-80 1000z"
        if drop == 34:
            lay_ground(pen, setting, d, colour, far=0.7)
        else:
            pen.fill(d, css(setting.light.cast(colour, 0.85)), opacity=opacity)
    for i in range(chance.at("shells").whole(8, 40)):
        stream = chance.at(i)
        share = stream.between(0.15, 1)
        x, y = stream.between(0, setting.width), shore + 60 + (940 - shore) * share
        pen.depth = 1.0
        tone = stream.pick(
            (
                rgb("salmon"),
                rgb("white"),
                shade(setting.ground, -0.25),
                shade(setting.ground, -0.35),
            )
        )
        pen.shape(
            blob(x, y, 4 + 5 * share, 2.5 + 3 * share, stream, rough=0.2, points=7),
            tone,
            "flat",
            ink=False,
        )


def underwater(pen: Pen, setting: Setting) -> None:
    """Light from above, sand below, weeds and bubbles."""
    chance = setting.chance.at("underwater")
    water = setting.tint("teal", "blue", "turquoise", "cyan")
    light = setting.light
    pen.fill(
        f"M0 0H{setting.width:.0f}V1000H0z",
        pen.linear(
            ((0, light.cast(shade(water, 0.45), 1), 1), (1, light.cast(shade(water, -0.45), 1), 1)),
            0,
            0,
            0,
            1,
        ),
    )
    for i in range(5):
        x = setting.width * (i + chance.between(0, 1)) / 5
        lean = light.side * -160
        pen.fill(
            polygon(
                x, -10, x + chance.between(30, 90), -10, x + lean + 200, 900, x + lean - 20, 900
            ),
            pen.linear(((0, (1, 1, 1), 0.3), (1, (1, 1, 1), 0)), 0, 0, 0, 1),
        )
    pen.depth = 0.7
    d = ridge(setting.width, setting.horizon + 40, 50, chance, points=4, floor=1000)
    lay_ground(pen, setting, d, mix(setting.ground, water, 0.25), far=0.7)
    for i in range(chance.whole(5, 11)):
        stream = chance.at(i)
        x, y = stream.between(0, setting.width), setting.horizon + stream.between(30, 130)
        colour = rgb(stream.pick(("green", "emerald", "coral", "magenta", "purple", "amber")))
        high = stream.between(90, 260)
        for k in range(stream.whole(2, 4)):
            bend = stream.between(20, 44)
            pen.line(
                f"M{x + k * 15:.0f} {y:.0f}q{bend:.0f} {-high * 0.25:.0f} 0 {-high * 0.5:.0f}t0 {-high * 0.5 * stream.between(0.7, 1):.0f}",
                shade(colour, -0.15 * k),
                11,
            )
    for _ in range(26):
        r = chance.between(3, 13)
        x, y = chance.between(0, setting.width), chance.between(40, 850)
        pen.raw(
            f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{r:.1f}" fill="#fff" fill-opacity=".16" stroke="#fff" stroke-opacity=".6" stroke-width="1.6"/>'
        )
