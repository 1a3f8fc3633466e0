# ruff: noqa: E501 # a path is one string: broken over lines it cannot be read as a shape
"""Places that people made, plain grounds, and the sky and space."""

from __future__ import annotations

from clpips.generation.scenes.composition.setting import Setting
from clpips.generation.scenes.drawing.colour import css, mix, rgb, shade, tweak
from clpips.generation.scenes.drawing.paths import box, oval, polygon
from clpips.generation.scenes.drawing.svg import Pen


def city(pen: Pen, setting: Setting) -> None:
    """Two rows of buildings with windows, a pavement and a road."""
    chance = setting.chance.at("city")
    base, light = setting.horizon + 20, setting.light
    family = chance.pick(
        (("slate", "#6f7f96"), ("brick", "#b0735c"), ("pastel", "#d9a5a0"), ("sand", "#cdb48c"))
    )[1]
    for row, depth in enumerate((0.18, 0.5)):
        pen.depth = depth
        x = -30.0
        while x < setting.width:
            stream = chance.at(f"{row}/{x:.0f}")
            w, h = (
                stream.between(80, 150),
                stream.between(0.35, 0.85) * base * (1.0 if row == 0 else 0.62),
            )
            wall = tweak(rgb(family), light=stream.between(-0.1, 0.12), hue=stream.between(-35, 35))
            pen.fill(box(x, base - h, w, h), pen.paint(wall, "plane"))
            pen.fill(box(x - 3, base - h, w + 6, 7), css(pen.cast(shade(wall, -0.3))))
            if row or light.dark:
                _windows(pen, setting, x, base - h, w, h, stream.at("panes"))
            x += w + (0 if row == 0 else stream.pick((0, 0, 26)))
    pen.depth = 0.9
    pen.fill(
        box(0, base, setting.width, 1000 - base),
        pen.paint(mix(rgb("beige"), rgb("grey"), 0.5), "plane"),
    )
    pen.fill(box(0, base, setting.width, 6), css(pen.cast(rgb("charcoal"))), opacity=0.35)
    road = base + (1000 - base) * 0.3
    pen.fill(
        box(0, road, setting.width, 1000 - road),
        pen.paint(mix(setting.ground, rgb("charcoal"), 0.35), "plane"),
    )
    pen.fill(box(0, road, setting.width, 8), css(pen.cast(rgb("silver"))))
    line = road + (1000 - road) * 0.62
    for i in range(8):
        pen.fill(
            polygon(
                i * 150 + 20,
                line,
                i * 150 + 100,
                line,
                i * 150 + 96,
                line + 11,
                i * 150 + 12,
                line + 11,
            ),
            css(pen.cast(rgb("ivory"))),
            opacity=0.85,
        )


def _windows(
    pen: Pen, setting: Setting, x: float, y: float, w: float, h: float, chance: object
) -> None:
    stream = setting.chance.at(f"panes/{x:.0f}/{y:.0f}")
    pane = (
        css(pen.cast(rgb("#4e6172"))) if not setting.light.dark else css(pen.cast(rgb("#39425c")))
    )
    columns = max(2, int(w // 34))
    step = w / columns
    lit, unlit = "", ""
    for row in range(int(h // 44)):
        for column in range(columns):
            d = box(x + step * (column + 0.26), y + 18 + row * 44, step * 0.48, 24)
            if setting.light.dark and stream.flip(0.45):
                lit += d
            else:
                unlit += d
    if unlit:
        pen.fill(unlit, pane, opacity=0.7)
    if lit:
        pen.fill(lit, "#ffdb85")


def plain(pen: Pen, setting: Setting) -> None:
    """One colour, floor flowing into wall, as in a photographer's studio."""
    w, h = setting.width, setting.horizon
    pen.depth = 1.0
    colour = setting.ground
    far, near = pen.cast(shade(colour, 0.12)), pen.cast(shade(colour, -0.06))
    low = pen.cast(shade(colour, -0.12))
    pen.fill(
        box(0, 0, w, 1001),
        pen.linear(
            ((0, near, 1), (h / 1000 - 0.06, far, 1), (h / 1000 + 0.05, near, 1), (1, low, 1)),
            0,
            0,
            0,
            1,
        ),
    )
    corner = 0.5 + 0.35 * setting.light.side
    pen.fill(
        box(0, 0, w, 1001),
        pen.radial(
            ((0, (1, 1, 1), 0.3), (0.6, (1, 1, 1), 0.0), (1, (0.1, 0.08, 0.2), 0.13)),
            corner,
            0.3,
            0.95,
        ),
    )
    form = setting.chance.at("plain").pick(("bare", "disc", "bare", "arch"))
    if setting.asked.place == "plain":
        return
    tone = css(pen.cast(tweak(colour, light=0.06, chroma=1.5)))
    if form == "disc":
        pen.fill(oval(w * 0.5, h * 0.62, h * 0.5), tone, opacity=0.7)
    elif form == "arch":
        pen.fill(
            f"M{w * 0.22:.0f} {h:.0f}V{h * 0.5:.0f}A{w * 0.28:.0f} {w * 0.28:.0f} 0 0 1 {w * 0.78:.0f} {h * 0.5:.0f}V{h:.0f}z",
            tone,
            opacity=0.7,
        )


def sky(pen: Pen, setting: Setting) -> None:
    """Nothing but sky, and more clouds low down."""
    stream = setting.chance.at("low clouds")
    light = setting.light
    for _ in range(stream.whole(4, 8)):
        x, y, r = (
            stream.between(0, setting.width),
            stream.between(880, 1000),
            stream.between(70, 150),
        )
        white = mix((1.0, 1.0, 1.0), light.sky[2], 0.35 if not light.dark else 0.8)
        pen.fill(
            oval(x, y + 40, r * 1.5, r * 0.7),
            pen.linear(((0, white, 0.95), (1, white, 0.4)), 0, 0, 0, 1),
        )


def space(pen: Pen, setting: Setting) -> None:
    """Deep sky with nebulae and far planets."""
    stream = setting.chance.at("space")
    hue = stream.pick(("purple", "blue", "teal", "magenta"))
    pen.fill(
        box(0, 0, setting.width, 1001),
        pen.linear(
            ((0, shade(rgb(hue), -0.86), 1), (1, shade(rgb("navy"), -0.6), 1)), 0.2, 0, 0.8, 1
        ),
    )
    for _ in range(7):
        colour = rgb(stream.pick((hue, "magenta", "indigo", "cyan")))
        pen.glow(
            stream.between(0, setting.width),
            stream.between(0, 1000),
            stream.between(200, 420),
            colour,
            0.26,
        )
    for _ in range(150):
        pen.fill(
            oval(
                stream.between(0, setting.width), stream.between(0, 1000), stream.between(0.7, 2.6)
            ),
            "#ffffff",
            opacity=stream.between(0.4, 1),
        )
    if "planet" not in setting.things and stream.flip(0.6):
        colour = rgb(stream.pick(("coral", "amber", "teal", "lavender")))
        x, y, r = (
            setting.width * stream.pick((0.15, 0.85)),
            stream.between(120, 320),
            stream.between(40, 95),
        )
        pen.depth = 1.0
        pen.fill(
            oval(x, y, r),
            pen.radial(
                ((0, shade(colour, 0.3), 1), (0.6, colour, 1), (1, shade(colour, -0.6), 1)),
                0.5 + 0.25 * pen.side,
                0.3,
                0.8,
            ),
        )
