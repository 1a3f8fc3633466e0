# ruff: noqa: E501 # a path is one string: broken over lines it cannot be read as a shape
"""Places outdoors: what lies behind the things and what they stand on."""

from __future__ import annotations

from clpips.generation.scenes.composition.setting import Setting
from clpips.generation.scenes.drawing.appearance import Look
from clpips.generation.scenes.drawing.colour import RGB, css, rgb, shade, tweak
from clpips.generation.scenes.drawing.paths import oval, polygon, ridge
from clpips.generation.scenes.drawing.svg import Pen
from clpips.generation.scenes.things.registry import KINDS
from clpips.generation.seeds import Chance


def lay_ground(pen: Pen, setting: Setting, d: str, colour: RGB, *, far: float = 0.35) -> None:
    """Ground from far (hazy) to near."""
    light = setting.light
    fill = pen.linear(
        ((0, light.cast(colour, far), 1), (1, light.cast(shade(colour, -0.12), 1.0), 1)), 0, 0, 0, 1
    )
    pen.fill(d, fill)


def plant(
    pen: Pen, setting: Setting, kind: str, x: float, y: float, high: float, chance: Chance
) -> None:
    """A small thing of the background, ``high`` units tall."""
    what = KINDS[kind]
    main = tweak(rgb(chance.pick(what.colours[:3])), light=chance.between(-0.04, 0.03))
    look = Look(main, rgb("cream"), "matte", "", chance.at("pose"), chance.at("twin"))
    with pen.group(f"translate({x:.0f} {y:.0f}) scale({high / 100:.3f})"):
        what.draw(pen, look)


def hills(pen: Pen, setting: Setting, colour: RGB, *, rows: int, top: float) -> None:
    """Rows of hills, hazier the farther they are."""
    chance = setting.chance.at("hills")
    for row in range(rows):
        pen.depth = 0.05 + 0.3 * row / rows
        share = (row + 1) / (rows + 1)
        base = setting.horizon + 12 - (1 - share) * top * 0.45
        d = ridge(setting.width, base, top * (1 - share * 0.55), chance, points=4 + row, floor=1000)
        pen.fill(d, css(setting.light.cast(shade(colour, -0.06 * row), pen.depth)))


def tufts(pen: Pen, setting: Setting, colour: RGB, chance: Chance, count: int) -> None:
    """Blades of grass, larger towards the viewer."""
    for _ in range(count):
        share = chance.between(0.03, 1.0) ** 0.8
        x, y = chance.between(0, setting.width), setting.horizon + (1000 - setting.horizon) * share
        size = 4 + 20 * share
        tone = setting.light.cast(shade(colour, chance.between(-0.32, 0.22)), 0.4 + 0.6 * share)
        blades = "".join(
            f"M{x + k * size * 0.18:.0f} {y:.0f}q{k * size * 0.1:.1f} {-size * 0.6:.1f} {k * size * 0.4:.1f} {-size * chance.between(0.8, 1.2):.1f}"
            for k in (-1, 0, 1)
        )
        pen.raw(
            f'<path d="{blades}" stroke="{css(tone)}" stroke-width="{1 + 2 * share:.1f}" fill="none" stroke-linecap="round"/>'
        )


def sprinkle(
    pen: Pen, setting: Setting, names: tuple[str, ...], chance: Chance, count: int
) -> None:
    """Small flowers on the ground."""
    for _ in range(count):
        share = chance.between(0.08, 1.0)
        x, y = chance.between(0, setting.width), setting.horizon + (1000 - setting.horizon) * share
        pen.depth = 0.4 + 0.6 * share
        r = 2 + 5 * share
        petal = css(pen.cast(rgb(chance.pick(names))))
        d = "".join(
            oval(x + dx * r, y + dy * r, r * 0.72) for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))
        )
        pen.fill(d, petal)
        pen.fill(oval(x, y, r * 0.6), css(pen.cast(rgb("amber"))))


def meadow(pen: Pen, setting: Setting) -> None:
    """Rolling hills, grass and flowers; a path or far trees if the seed has them."""
    chance = setting.chance.at("meadow")
    hills(pen, setting, setting.ground, rows=3, top=chance.between(70, 190))
    far = chance.at("far")
    if far.flip(0.6):
        pen.depth = 0.25
        for i in range(far.whole(3, 9)):
            kind = far.pick(("tree", "pine", "bush"))
            plant(
                pen,
                setting,
                kind,
                far.between(0, setting.width),
                setting.horizon + far.between(4, 26),
                far.between(40, 85),
                far.at(i),
            )
    d = ridge(setting.width, setting.horizon + 30, 26, chance, points=3, floor=1000)
    lay_ground(pen, setting, d, setting.ground)
    if chance.at("path").flip(0.35):
        w, h = setting.width, setting.horizon + 30
        x = w * chance.between(0.25, 0.75)
        end = w * chance.between(0.2, 0.8)
        bend = f"M{x:.0f} {h:.0f}C{x + 90:.0f} {h + 90:.0f} {end - 220:.0f} {h + 160:.0f} {end - 110:.0f} 1000H{end + 150:.0f}C{end + 60:.0f} {h + 190:.0f} {x + 170:.0f} {h + 90:.0f} {x + 14:.0f} {h:.0f}z"
        pen.fill(bend, css(setting.light.cast(rgb("#dcc08e"), 0.8)))
    tufts(
        pen, setting, setting.ground, chance.at("grass"), chance.at("grass-amount").whole(60, 150)
    )
    amount = chance.at("flowers").pick((0, 0, 24, 50))
    names = chance.at("names").pick(
        (("white", "yellow"), ("pink", "white", "lavender"), ("red", "amber"), ("violet", "white"))
    )
    sprinkle(pen, setting, names, chance.at("sprinkle"), amount)


def forest(pen: Pen, setting: Setting) -> None:
    """Rows of trees that fade into the distance, ferns and grass in front."""
    chance = setting.chance.at("forest")
    kind = chance.pick(("pine", "tree", "mixed"))
    for row in range(3):
        pen.depth = 0.12 + 0.22 * row
        tone = setting.light.cast(shade(rgb("#3f6f52"), -0.1 * row), pen.depth)
        d = ridge(
            setting.width, setting.horizon + 18 * row, 40, chance.at(row), points=6, floor=1000
        )
        pen.fill(d, css(tone))
        count = (12, 9, 6)[row]
        for i in range(count):
            stream = chance.at(f"{row}/{i}")
            x = setting.width * (i + stream.between(0.0, 1.0)) / count
            what = kind if kind != "mixed" else stream.pick(("pine", "tree"))
            high = stream.between(0.75, 1.15) * (240, 330, 430)[row]
            if row == 2 and 0.2 < x / setting.width < 0.8:
                high *= 0.6
            plant(pen, setting, what, x, setting.horizon + 14 + 20 * row, high, stream)
    d = ridge(setting.width, setting.horizon + 56, 26, chance, points=4, floor=1000)
    lay_ground(pen, setting, d, setting.ground, far=0.6)
    tufts(pen, setting, setting.ground, chance.at("grass"), 110)
    pen.depth = 0.9
    for i in range(chance.whole(2, 6)):
        stream = chance.at(f"litter/{i}")
        x, y = stream.between(0, setting.width), setting.horizon + stream.between(90, 380)
        plant(
            pen,
            setting,
            stream.pick(("mushroom", "rock", "bush")),
            x,
            min(y, 985),
            stream.between(24, 46),
            stream,
        )


def desert(pen: Pen, setting: Setting) -> None:
    """Dunes with a lit and a shaded side."""
    chance = setting.chance.at("desert")
    if chance.at("mesa").flip(0.45):
        pen.depth = 0.15
        for _ in range(3):
            x, w, h = (
                chance.between(0, setting.width),
                chance.between(60, 150),
                chance.between(80, 190),
            )
            base = setting.horizon + 10
            pen.shape(
                polygon(x - w, base, x - w * 0.7, base - h, x + w * 0.7, base - h, x + w, base),
                rgb("#b8694a"),
                "plane",
                ink=False,
            )
    for row in range(4):
        share = row / 3
        pen.depth = 0.3 + 0.7 * share
        y = setting.horizon + (1000 - setting.horizon) * share * 0.72
        crest = setting.width * chance.between(0.2, 0.8)
        high = 70 - 30 * share
        d = f"M-20 1000V{y:.0f}C{crest * 0.5:.0f} {y:.0f} {crest * 0.8:.0f} {y - high:.0f} {crest:.0f} {y - high:.0f}C{crest + 130:.0f} {y - high:.0f} {setting.width * 0.9:.0f} {y + 8:.0f} {setting.width + 20:.0f} {y - 6:.0f}V1000z"
        tone = shade(setting.ground, 0.1 - 0.08 * row)
        lay_ground(pen, setting, d, tone, far=pen.depth)
        side = 1 if setting.light.side < 0 else -1
        dark = f"M{crest:.0f} {y - high:.0f}C{crest + side * 40:.0f} {y + 30:.0f} {crest + side * 150:.0f} {y + 90:.0f} {crest + side * 330:.0f} 1000L{crest + side * 420:.0f} {y + 70:.0f}C{crest + side * 240:.0f} {y - 4:.0f} {crest + side * 110:.0f} {y - high:.0f} {crest:.0f} {y - high:.0f}z"
        pen.fill(dark, css(setting.light.cast(shade(tone, -0.3), pen.depth)), opacity=0.32)
    for i in range(chance.at("scrub").whole(2, 8)):
        stream = chance.at(f"scrub/{i}")
        pen.depth = 0.8
        plant(
            pen,
            setting,
            stream.pick(("rock", "rock", "cactus")),
            stream.between(0, setting.width),
            setting.horizon + stream.between(40, 380),
            stream.between(22, 60),
            stream,
        )
