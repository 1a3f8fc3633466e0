# ruff: noqa: E501 # a path is one string: broken over lines it cannot be read as a shape
"""Rooms, table tops and walls."""

from __future__ import annotations

from clpips.generation.scenes.composition.setting import Setting
from clpips.generation.scenes.drawing.appearance import Look
from clpips.generation.scenes.drawing.colour import RGB, css, mix, rgb, shade
from clpips.generation.scenes.drawing.paths import box, oval, polygon
from clpips.generation.scenes.drawing.svg import Pen


def room(pen: Pen, setting: Setting) -> None:
    """A wall with a window, pictures or shelf, and a wooden floor with a rug."""
    chance, w, h = setting.chance.at("room"), setting.width, setting.horizon
    pen.depth = 0.95
    wall = setting.tint("mint", "peach", "lavender", "cream", "sky-blue", "rose", "teal", "mustard")
    wall = mix(wall, rgb("ivory"), chance.between(0.3, 0.65))
    if setting.asked.place_colours:
        wall = setting.ground
    look = Look(
        wall,
        shade(wall, chance.pick((-0.1, 0.3))),
        "matte",
        chance.pick(("", "", "striped", "dotted")),
        chance.at("paper"),
        chance,
    )
    with pen.group("scale(4)"):
        pen.body(box(0, 0, w / 4, h / 4), look, "flat")
    corner = 0.5 + 0.45 * setting.light.side
    pen.fill(
        box(0, 0, w, h),
        pen.radial(
            ((0, (1, 1, 1), 0.25), (0.5, (1, 1, 1), 0.0), (1, (0.1, 0.08, 0.16), 0.18)),
            corner,
            0.2,
            1.0,
        ),
    )
    x = w * (0.24 if chance.at("window").flip() else 0.76)
    _room_window(pen, setting, x, h * 0.42)
    _decor(pen, setting, w - x)
    floor_colour = rgb(chance.at("floor").pick(("tan", "brown", "#b98a5e", "#8f6a4c", "#d6b58c")))
    _planks(pen, setting, floor_colour)
    pen.fill(box(0, h - 16, w, 20), css(pen.cast(mix(wall, (1, 1, 1), 0.7))))
    if chance.at("rug").flip(0.6):
        rug = setting.tint("crimson", "teal", "navy", "mustard", "salmon")
        pen.shape(oval(w / 2, h + (1000 - h) * 0.55, w * 0.44, (1000 - h) * 0.34), rug, "plane")
        pen.shape(
            oval(w / 2, h + (1000 - h) * 0.55, w * 0.38, (1000 - h) * 0.28),
            shade(rug, 0.3),
            "flat",
            opacity=0.6,
        )


def _decor(pen: Pen, setting: Setting, other: float) -> None:
    """Two pictures or a shelf of books on the wall around ``other``, or nothing."""
    chance, h = setting.chance.at("room decor"), setting.horizon
    decor = chance.at("decor").pick(("pictures", "shelf", "none", "pictures"))
    if decor == "pictures":
        for dx, dy, size in ((-62, -30, 92), (58, 10, 72)):
            frame = box(other + dx - size / 2, h * 0.36 + dy - size * 0.6, size, size * 1.2, 3)
            pen.shape(frame, rgb(chance.pick(("brown", "charcoal", "gold"))), "plane")
            inner = box(
                other + dx - size / 2 + 8,
                h * 0.36 + dy - size * 0.6 + 8,
                size - 16,
                size * 1.2 - 16,
            )
            pen.shape(inner, rgb(chance.pick(("cream", "sky-blue", "peach", "mint"))), "plane")
            pen.shape(
                oval(other + dx, h * 0.36 + dy, size * 0.2),
                rgb(chance.pick(("coral", "teal", "navy", "mustard"))),
                "flat",
            )
    elif decor == "shelf":
        pen.shape(box(other - 130, h * 0.42, 260, 14, 3), rgb("brown"), "plane")
        for i in range(7):
            high = chance.between(54, 88)
            pen.shape(
                box(other - 116 + i * 25, h * 0.42 - high, 21, high, 2),
                rgb(chance.pick(("red", "teal", "navy", "mustard", "cream", "coral"))),
                "side",
            )


def _room_window(pen: Pen, setting: Setting, x: float, y: float) -> None:
    top, middle, low = setting.light.sky
    pen.shape(box(x - 108, y - 138, 216, 276, 6), rgb("white"), "flat")
    pen.fill(
        box(x - 94, y - 124, 188, 248),
        pen.linear(((0, top, 1), (0.6, middle, 1), (1, low, 1)), 0, 0, 0, 1),
    )
    pen.fill(
        f"M{x - 94:.0f} {y + 124:.0f}v-50q50 -40 100 -6t88 -20v76z",
        css(setting.light.cast(rgb("green"), 0.4)),
    )
    pen.shape(box(x - 4, y - 126, 8, 252), rgb("white"), "flat")
    pen.shape(box(x - 96, y - 4, 192, 8), rgb("white"), "flat")
    pen.shape(box(x - 122, y + 134, 244, 16, 4), rgb("white"), "plane")
    cloth = setting.tint("coral", "teal", "cream", "mustard", "lavender")
    for sign in (-1, 1):
        pen.shape(
            f"M{x + sign * 60:.0f} {y - 152:.0f}H{x + sign * 138:.0f}V{y + 160:.0f}H{x + sign * 104:.0f}Q{x + sign * 112:.0f} {y:.0f} {x + sign * 60:.0f} {y - 152:.0f}z",
            cloth,
            "side",
        )
    pen.shape(box(x - 150, y - 162, 300, 10, 5), rgb("brown"), "plane")


def _planks(pen: Pen, setting: Setting, colour: RGB) -> None:
    """Floor boards or a table top, running towards the viewer."""
    w, h = setting.width, setting.horizon
    pen.fill(
        box(0, h, w, 1001 - h),
        pen.linear(
            ((0, pen.cast(shade(colour, -0.2)), 1), (1, pen.cast(shade(colour, 0.08)), 1)),
            0,
            0,
            0,
            1,
        ),
    )
    stream = setting.chance.at("planks")
    middle, count = w / 2, 9
    for i in range(-count, count + 1):
        far, near = middle + i * w / 12, middle + i * w / 5
        pen.line(f"M{far:.0f} {h:.0f}L{near:.0f} 1000", shade(colour, -0.4), 2, opacity=0.35)
        for _ in range(2):
            share = stream.between(0.1, 0.95)
            x0, x1 = (
                far + (near - far) * share,
                far + w / 12 + (near + w / 5 - far - w / 12) * share,
            )
            y = h + (1000 - h) * share
            pen.line(f"M{x0:.0f} {y:.0f}H{x1:.0f}", shade(colour, -0.4), 1.6, opacity=0.28)


def table_top(pen: Pen, setting: Setting) -> None:
    """A table edge to edge before a soft wall."""
    chance, w, h = setting.chance.at("table"), setting.width, setting.horizon
    pen.depth = 1.0
    wall = setting.tint("peach", "sky-blue", "mint", "lavender", "beige", "teal", "salmon", "navy")
    wall = mix(wall, rgb("ivory"), chance.between(0.15, 0.6))
    _backdrop(pen, setting, wall)
    form = chance.at("form").pick(("planks", "cloth", "smooth", "planks"))
    if setting.asked.place_material == "wood":
        form = "planks"
    elif setting.asked.place_material:
        form = "smooth"
    if form == "planks":
        _planks(pen, setting, setting.ground)
    else:
        pen.fill(
            box(0, h, w, 1001 - h),
            pen.linear(
                (
                    (0, pen.cast(shade(setting.ground, -0.15)), 1),
                    (1, pen.cast(shade(setting.ground, 0.15)), 1),
                ),
                0,
                0,
                0,
                1,
            ),
        )
    if form == "cloth":
        cloth = setting.chance.at("cloth").pick(("striped", "dotted", "checkered"))
        ink = mix(setting.ground, rgb(chance.pick(("red", "navy", "teal", "white"))), 0.5)
        look = Look(setting.ground, ink, "fabric", cloth, chance.at("weave"), chance)
        with pen.group(f"translate(0 {h:.0f}) scale(4 2.2)"):
            pen.body(box(0, 0, w / 4, (1001 - h) / 2.2), look, "flat")
        pen.fill(
            box(0, h, w, 1001 - h),
            pen.linear(((0, (0.1, 0.08, 0.15), 0.25), (1, (0.1, 0.08, 0.15), 0)), 0, 0, 0, 1),
        )
    pen.fill(box(0, h - 4, w, 8), css(pen.cast(shade(setting.ground, -0.35))), opacity=0.5)
    lit = w * (0.5 + 0.4 * setting.light.side)
    pen.fill(
        oval(lit, h + (1000 - h) * 0.5, w * 0.6, (1000 - h) * 0.5),
        pen.radial(((0, (1.0, 0.97, 0.88), 0.28), (1, (1.0, 0.97, 0.88), 0))),
    )


def _backdrop(pen: Pen, setting: Setting, wall: RGB) -> None:
    """A wall with light falling across it; soft spots of light if the seed has them."""
    w, h = setting.width, setting.horizon
    pen.fill(box(0, 0, w, h + 2), css(pen.cast(wall)))
    corner = 0.5 + 0.4 * setting.light.side
    pen.fill(
        box(0, 0, w, h + 2),
        pen.radial(
            ((0, (1, 1, 1), 0.38), (0.55, (1, 1, 1), 0.0), (1, (0.1, 0.08, 0.2), 0.14)),
            corner,
            0.25,
            1.0,
        ),
    )
    form = setting.chance.at("backdrop").pick(("bare", "spots", "pane", "bare"))
    stream = setting.chance.at("spots")
    if form == "spots":
        for _ in range(12):
            x, y, r = stream.between(0, w), stream.between(0, h), stream.between(26, 80)
            pen.glow(x, y, r, (1.0, 0.95, 0.82), 0.28)
    elif form == "pane":
        x = w * (0.5 - 0.2 * setting.light.side)
        for i in range(2):
            for k in range(2):
                left, top = x + i * 130 - 120, h * 0.15 + k * h * 0.36
                pen.fill(
                    polygon(
                        left,
                        top,
                        left + 112,
                        top - 34,
                        left + 112,
                        top - 34 + h * 0.3,
                        left,
                        top + h * 0.3,
                    ),
                    "#fff8e0",
                    opacity=0.26,
                )
