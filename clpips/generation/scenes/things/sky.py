# ruff: noqa: E501 # a path is one string: broken over lines it cannot be read as a shape
"""Sun, moon, clouds and the other things of the sky, with mountains and snowmen."""

from __future__ import annotations

import math

from clpips.generation.scenes.drawing.appearance import Look
from clpips.generation.scenes.drawing.colour import css, mix, rgb, shade
from clpips.generation.scenes.drawing.paths import box, oval, polygon
from clpips.generation.scenes.drawing.svg import Pen
from clpips.generation.scenes.things.kind import Kind


def _sun(pen: Pen, look: Look) -> None:
    low = pen.light.name in ("sunset", "dusk", "golden", "backlit")
    pale = mix(look.main, (1.0, 0.97, 0.85), 0.45)
    pen.glow(0, -50, 190 if low else 140, pale, 0.6)
    if look.pose.at("rays").flip(0.35):
        for i in range(12):
            with pen.group(
                f"translate(0 -50) rotate({i * 30 + look.twin.at('turn').between(0, 30):.0f})"
            ):
                pen.fill(polygon(-5, -56, 5, -56, 0, -76 if i % 2 else -86), css(look.main))
    pen.fill(oval(0, -50, 46), pen.radial(((0, pale, 1), (1, look.main, 1)), 0.5, 0.45, 0.6))


def _moon(pen: Pen, look: Look) -> None:
    pen.glow(0, -50, 150, mix(look.main, (1, 1, 1), 0.5), 0.42)
    edge = shade(look.main, -0.14)
    fill = pen.radial(((0, look.main, 1), (1, edge, 1)), 0.4, 0.4, 0.7)
    if look.pose.at("phase").flip(0.55):
        bite = look.pose.at("bite").between(6, 22)
        with pen.group(f"rotate({look.twin.at('turn').between(-35, 25):.0f} 0 -50)"):
            pen.fill(
                f"M8 -96A48 48 0 1 0 8 -4A{50 - bite:.0f} {52 - bite * 0.5:.0f} 0 1 1 8 -96z", fill
            )
        return
    pen.fill(oval(0, -50, 46), fill)
    for x, y, r in ((-16, -62, 9), (12, -44, 12), (-8, -28, 6), (20, -68, 5), (-30, -44, 4)):
        pen.fill(oval(x, y, r), css(shade(look.main, -0.18)), opacity=0.5)


def draw_cloud(pen: Pen, look: Look) -> None:
    """A cloud of overlapping puffs over a flat foot, centred at y −50, about 170 wide."""
    twin = look.twin.at("puffs")
    lit, base, dark, _ = pen.light.tones(look.main, pen.depth)
    fill = pen.linear(((0, lit, 1), (0.55, base, 1), (1, mix(base, dark, 0.5), 1)), 0, 0, 0, 1)
    puffs = [(-52.0, -34.0, twin.between(20, 28)), (50.0, -34.0, twin.between(18, 27)),
             (-20.0, -54.0, twin.between(28, 36)), (20.0, -52.0, twin.between(26, 34)),
             (0.0, -34.0, 30.0)]  # fmt: skip
    d = box(-76, -36, 150, 28, 14) + "".join(oval(x, y, r) for x, y, r in puffs)
    pen.fill(d, fill)
    for x, y, r in puffs[2:4]:
        pen.fill(
            oval(x + pen.side * r * 0.3, y - r * 0.3, r * 0.55),
            pen.radial(((0, (1, 1, 1), 0.5), (1, (1, 1, 1), 0))),
        )


def _rainbow(pen: Pen, look: Look) -> None:
    for i, name in enumerate(("red", "orange", "yellow", "green", "blue", "violet")):
        r = 96 - i * 7
        pen.line(f"M{-r} 0A{r} {r} 0 0 1 {r} 0", rgb(name), 7.4, opacity=0.62)


def _planet(pen: Pen, look: Look) -> None:
    turn = look.pose.at("turn").between(-30, 30)
    ringed = look.pose.at("ring").flip(0.65)
    with pen.group(f"rotate({turn:.0f} 0 -50)"):
        ring = css(pen.cast(look.accent))
        if ringed:
            pen.raw(
                f'<path d="M-68 -50A68 17 0 0 1 68 -50" fill="none" stroke="{ring}" stroke-width="9" opacity=".8"/>'
            )
        disc = oval(0, -50, 42)
        pen.body(disc, look, "round")
        if not look.pattern:
            with pen.group(clip=disc):
                for i, y in enumerate((-78, -60, -44, -28)):
                    pen.line(
                        f"M-46 {y}Q0 {y + 10} 46 {y}",
                        shade(look.main, -0.25 if i % 2 else 0.3),
                        7,
                        opacity=0.5,
                    )
            pen.fill(disc, pen.veil("round"))
        if ringed:
            pen.raw(
                f'<path d="M-68 -50A68 17 0 0 0 68 -50" fill="none" stroke="{ring}" stroke-width="9"/>'
            )


def _mountain(pen: Pen, look: Look) -> None:
    twin = look.twin.at("slopes")
    top = twin.between(-14, 14)
    left = polygon(
        top, -100, -46 + twin.between(-6, 6), -52, -100, 0, 100, 0, 50 + twin.between(-8, 8), -46
    )
    pen.body(left, look, "plane", colour=shade(look.main, 0.08))
    side = 1 if pen.side < 0 else -1
    pen.body(polygon(top, -100, side * 50 if side > 0 else -46, -46 if side > 0 else -52, side * 100, 0, side * 14, 0, side * 22, -34, side * 6, -62),
             look, "plane", colour=shade(look.main, -0.28))  # fmt: skip
    if look.pose.at("snow").flip(0.8):
        snow = polygon(
            top,
            -100,
            top - 24,
            -76,
            top - 14,
            -80,
            top - 4,
            -68,
            top + 6,
            -79,
            top + 14,
            -70,
            top + 25,
            -75,
        )
        pen.shape(snow, (0.97, 0.98, 1.0), "plane")


def _snowman(pen: Pen, look: Look) -> None:
    for sign in (-1, 1):
        up = look.twin.at(sign).between(6, 22)
        pen.line(
            f"M{sign * 20} -46L{sign * 46} {-50 - up:.0f}M{sign * 38} {-49 - up * 0.6:.0f}l{sign * 3} -9",
            rgb("brown"),
            2.6,
        )
    for y, r in ((-22, 26), (-52, 19), (-76, 14)):
        pen.body(oval(0, y, r, r * 0.94), look, "round")
    pen.line("M-14 -65Q0 -58 14 -65M9 -63L13 -46", look.accent, 5.5)
    for y in (-56, -47, -28):
        pen.shape(oval(0, y, 2), (0.15, 0.15, 0.18), "flat", ink=False)
    for sign in (-1, 1):
        pen.shape(oval(sign * 5, -79, 1.9), (0.12, 0.12, 0.15), "flat", ink=False)
    pen.shape(polygon(0, -77, 15, -74, 0, -72.5), rgb("orange"), "plane")
    if look.pose.at("hat").flip(0.75):
        pen.shape(box(-15, -90, 30, 4, 2), rgb("charcoal"), "plane")
        pen.shape(box(-9, -104, 18, 15, 1), rgb("charcoal"), "side")
        pen.shape(box(-9, -93, 18, 3.4), look.accent, "side", ink=False)


def _island(pen: Pen, look: Look) -> None:
    pen.shape("M-120 4C-90 -26 -40 -44 0 -44C50 -44 96 -24 120 4z", rgb("tan"), "round")
    pen.body("M-84 -18C-60 -52 60 -56 84 -18C40 -8 -40 -8 -84 -18z", look, "round")
    for x, high in ((-14, 96), (16, 82)):
        pen.line(f"M{x} -40Q{x + 4} {-high * 0.7:.0f} {x + x * 0.5} {-high}", rgb("brown"), 5)
        for a in (-165, -130, -90, -50, -15):
            tip = (
                x * 1.5 + 34 * math.cos(math.radians(a)),
                -high + 16 * math.sin(math.radians(a)) + 14,
            )
            pen.shape(
                f"M{x * 1.5} {-high}Q{(x * 1.5 + tip[0]) / 2:.0f} {-high - 14} {tip[0]:.0f} {tip[1]:.0f}Q{(x * 1.5 + tip[0]) / 2:.0f} {-high + 4} {x * 1.5} {-high}z",
                look.main,
            )


KINDS: dict[str, Kind] = {
    "sun": Kind(_sun, 0.17, 1.0, ("amber", "yellow", "orange"), stance="sky", homes=("meadow", "sea", "beach", "mountains")),
    "moon": Kind(_moon, 0.17, 1.0, ("cream", "ivory"), stance="sky", homes=("meadow", "sea", "snow", "mountains")),
    "cloud": Kind(draw_cloud, 0.17, 1.7, ("white", "ivory"), stance="sky", scale=2, homes=("sky", "meadow")),
    "rainbow": Kind(_rainbow, 0.5, 2.0, ("red",), stance="sky", scale=4, homes=("meadow", "mountains", "sea")),
    "planet": Kind(_planet, 0.42, 1.3, ("coral", "purple", "teal", "amber", "blue"), ("cream", "tan", "pink"), stance="air",
                   scale=4, homes=("space",)),
    "mountain": Kind(_mountain, 0.5, 2.0, ("grey", "indigo", "teal", "charcoal", "tan"), stance="land", scale=4,
                     materials={"matte": 1.0}, homes=("meadow", "lake", "snow")),
    "snowman": Kind(_snowman, 0.46, 0.72, ("white",), ("red", "teal", "coral", "navy"), scale=1, homes=("snow",)),
    "island": Kind(_island, 0.3, 2.4, ("green", "lime"), stance="water", scale=4, homes=("sea",)),
}  # fmt: skip
