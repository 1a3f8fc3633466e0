# ruff: noqa: E501 # a path is one string: broken over lines it cannot be read as a shape
"""Things of the house."""

from __future__ import annotations

import math

from clpips.generation.scenes.drawing.appearance import Look
from clpips.generation.scenes.drawing.colour import RGB, mix, rgb, shade
from clpips.generation.scenes.drawing.paths import box, oval, polygon
from clpips.generation.scenes.drawing.svg import Pen
from clpips.generation.scenes.things.kind import INDOORS, Kind

_POTS = ("teal", "coral", "white", "navy", "mustard", "mint", "red", "sky-blue", "lavender")
_GLAZE = {"gloss": 0.6, "matte": 0.4}
_WARM: RGB = (1.0, 0.86, 0.55)


def _cup(pen: Pen, look: Look) -> None:
    sign = 1 if look.twin.at("handle").flip() else -1
    for width, tone in ((11.0, -0.25), (8.0, 0.0)):
        pen.line(
            f"M{sign * 38} -72C{sign * 72} -78 {sign * 72} -26 {sign * 36} -28",
            shade(look.main, tone),
            width,
        )
    tall = look.pose.at("tall").flip(0.5)
    foot = 34 if tall else 24
    pen.body(
        f"M-42 -88C-42 -50 {-foot - 4} -20 {-foot} -5A{foot} 7 0 0 0 {foot} -5C{foot + 4} -20 42 -50 42 -88z",
        look,
        "side",
    )
    pen.shape(oval(0, -88, 42, 10), shade(look.main, 0.25), "plane")
    drink = rgb(look.pose.at("drink").pick(("chocolate", "amber", "brown", "cream")))
    pen.shape(oval(0, -86, 36, 7), drink, "plane", ink=False)
    if look.twin.at("steam").flip(0.6):
        for x in (-12, 6):
            pen.line(f"M{x} -100q-7 -9 0 -17q7 -8 0 -16", (1, 1, 1), 3, opacity=0.4)


def _bottle(pen: Pen, look: Look) -> None:
    pen.body(
        "M-22 -4C-22 -30 -24 -44 -22 -52C-20 -62 -8 -64 -8 -74V-92H8V-74C8 -64 20 -62 22 -52C24 -44 22 -30 22 -4A22 4 0 0 1 -22 -4z",
        look,
        "side",
    )
    pen.shape(box(-7, -101, 14, 11, 2), rgb("tan"), "side")
    pen.shape(box(-22, -42, 44, 24), look.accent, "side")
    pen.line("M-10 -34H10M-10 -28H6", shade(look.accent, -0.4), 1.6, opacity=0.7)


def _vase(pen: Pen, look: Look) -> None:
    twin = look.twin.at("stems")
    for i in range(5):
        x, y = -32 + i * 16 + twin.between(-4, 4), -88 + twin.between(-10, 8) + abs(i - 2) * 5
        pen.line(f"M0 -58Q{x * 0.3:.0f} -76 {x:.0f} {y:.0f}", (0.32, 0.55, 0.28), 2.4)
        bloom = shade(look.accent, twin.between(-0.15, 0.3))
        for k in range(6):
            a = k * math.tau / 6
            pen.shape(oval(x + 6 * math.cos(a), y + 6 * math.sin(a), 5), bloom, "flat", ink=False)
        pen.shape(oval(x, y, 3.6), rgb("amber"), "flat", ink=False)
    pen.body(
        "M-12 -62C-10 -52 -30 -46 -30 -26C-30 -10 -20 -2 -14 -1Q0 3 14 -1C20 -2 30 -10 30 -26C30 -46 10 -52 12 -62z",
        look,
        "side",
    )
    pen.shape(oval(0, -62, 12, 3), shade(look.main, -0.4), "flat")


def _lamp(pen: Pen, look: Look) -> None:
    pen.glow(0, -66, 95, _WARM, 0.75 if pen.light.dark else 0.35)
    base = look.recoloured(look.accent, material="metal")
    pen.body("M-26 0A26 6 0 0 1 26 0z", base, "side")
    pen.body(box(-3.5, -58, 7, 56), base, "side")
    shape = look.pose.at("shade").pick(("M-20 -100L-42 -52H42L20 -100z", "M-32 -98L-38 -54H38L32 -98z",
                                        "M-44 -54C-42 -84 -20 -100 0 -100C20 -100 42 -84 44 -54z"))  # fmt: skip
    pen.body(shape, look, "side")
    pen.fill(shape, pen.radial(((0, _WARM, 0.8), (1, _WARM, 0.0)), 0.5, 0.9, 0.75))


def _chair(pen: Pen, look: Look) -> None:
    wood = (
        look
        if look.material == "wood"
        else look.recoloured(shade(look.main, -0.15), material=look.material)
    )
    for x in (-27, 27):
        pen.body(box(x - 4, -44, 7, 38, 2), wood, "side", colour=shade(wood.main, -0.3))
    form = look.pose.at("back").pick(("slats", "solid", "rungs"))
    for x in (-30, 24):
        pen.body(box(x, -100, 7, 60, 3), wood, "side")
    if form == "solid":
        pen.body(box(-28, -98, 57, 36, 8), look, "plane")
    elif form == "slats":
        pen.body(box(-30, -99, 61, 10, 4), wood, "plane")
        for x in (-16, -2, 12):
            pen.body(box(x, -92, 5, 50), wood, "side")
    else:
        for y in (-96, -80, -64):
            pen.body(box(-28, y, 57, 8, 3), wood, "plane")
    pen.body("M-33 -46L-38 -34H38L33 -46z", look, "plane", colour=shade(look.main, 0.2))
    pen.body(box(-38, -34, 76, 6, 2), wood, "plane")
    for x in (-37, 30):
        pen.body(box(x, -29, 7, 29, 2), wood, "side")
    if look.pose.at("cushion").flip(0.4):
        pen.shape(
            "M-28 -48Q0 -56 28 -48Q34 -40 28 -38Q0 -34 -28 -38Q-34 -42 -28 -48z",
            look.accent,
            "round",
        )


def _table(pen: Pen, look: Look) -> None:
    if look.pose.at("form").flip(0.35):
        pen.body(box(-7, -84, 14, 78), look, "side", colour=shade(look.main, -0.1))
        pen.body(
            "M-40 0Q-30 -10 -8 -12H8Q30 -10 40 0z", look, "side", colour=shade(look.main, -0.1)
        )
        pen.body(
            "M-86 -92V-84A86 13 0 0 0 86 -84V-92z", look, "side", colour=shade(look.main, -0.15)
        )
        pen.body(oval(0, -92, 86, 13), look, "plane", colour=shade(look.main, 0.12))
        return
    for x in (-66, 56):
        pen.body(box(x, -80, 10, 70), look, "side", colour=shade(look.main, -0.35))
    pen.body(
        polygon(-78, -100, 78, -100, 92, -82, -92, -82),
        look,
        "plane",
        colour=shade(look.main, 0.12),
    )
    pen.body(box(-92, -82, 184, 9, 2), look, "plane")
    for x in (-86, 75):
        pen.body(box(x, -73, 11, 73), look, "side")


def _book(pen: Pen, look: Look) -> None:
    """A closed book lying down, or a pile of three; the seed chooses."""
    pile = look.pose.at("pile").flip(0.45)
    colours = (look.main, look.accent, shade(look.main, -0.3))
    count = 3 if pile else 1
    high = 100 / 3 if pile else 62.0
    for i in range(count):
        shift = look.twin.at(i).between(-9, 9)
        low = -i * high
        cover = colours[i]
        pen.body(polygon(-78 + shift, low - high * 0.8, -58 + shift, low - high, 76 + shift, low - high, 66 + shift, low - high * 0.8),
                 look, "plane", colour=shade(cover, 0.25))  # fmt: skip
        pen.shape(
            box(-74 + shift, low - high * 0.7, 142, high * 0.6), rgb("cream"), "plane", ink=False
        )
        for k in (1, 2, 3):
            pen.line(
                f"M{-70 + shift:.0f} {low - high * 0.7 + k * high * 0.15:.1f}H{66 + shift:.0f}",
                rgb("tan"),
                0.7,
                opacity=0.7,
            )
        pen.body(
            box(-78 + shift, low - high * 0.8, 146, high * 0.13, 1), look, "plane", colour=cover
        )
        pen.body(
            box(-78 + shift, low - high * 0.13, 146, high * 0.13, 1), look, "plane", colour=cover
        )
        pen.body(box(-80 + shift, low - high * 0.8, 12, high * 0.8, 5), look, "side", colour=cover)


def _teapot(pen: Pen, look: Look) -> None:
    sign = look.twin.at("turn").pick((-1, 1))
    with pen.group(f"scale({sign} 1)"):
        for width, tone in ((11.0, -0.25), (8.0, 0.0)):
            pen.line("M44 -60C84 -70 80 -14 42 -20", shade(look.main, tone), width)
        pen.body("M-42 -18C-66 -22 -64 -50 -82 -66L-72 -72C-56 -60 -52 -52 -44 -48z", look, "plane")
    pen.body("M-26 -72C-66 -62 -58 -8 -28 -2Q0 4 28 -2C58 -8 66 -62 26 -72z", look, "round")
    pen.body(
        "M-30 -72C-26 -88 26 -88 30 -72Q0 -64 -30 -72z",
        look,
        "round",
        colour=shade(look.main, 0.12),
    )
    pen.shape(oval(0, -90, 7), look.accent, "round")


def _candle(pen: Pen, look: Look) -> None:
    pen.glow(0, -88, 80, (1.0, 0.8, 0.45), 0.8 if pen.light.dark else 0.45)
    pen.shape("M-34 -4A34 7 0 0 0 34 -4A34 7 0 0 0 -34 -4z", look.accent, "side")
    pen.body("M-17 -66V-6A17 4 0 0 0 17 -6V-66z", look, "side")
    pen.shape(oval(0, -66, 17, 4.5), shade(look.main, 0.35), "plane")
    pen.shape("M-17 -66q1 16 -3 22q-4 -6 -3 -16z", shade(look.main, 0.2), "flat", ink=False)
    pen.line("M0 -66V-74", (0.2, 0.15, 0.15), 1.6)
    pen.fill("M0 -102C12 -86 9 -72 0 -71C-9 -72 -12 -86 0 -102z", "#ff9a2e")
    pen.fill("M0 -92C6 -82 5 -74 0 -73C-5 -74 -6 -82 0 -92z", "#fff0a8")


def _clock(pen: Pen, look: Look) -> None:
    for sign in (-1, 1):
        pen.body(oval(sign * 26, -86, 15, 12), look, "round", colour=shade(look.main, -0.1))
        pen.line(f"M{sign * 24} -14L{sign * 32} -1", shade(look.main, -0.4), 6)
    pen.line("M0 -90V-100", shade(look.main, -0.4), 4)
    pen.body(oval(0, -48, 44), look, "round")
    pen.shape(oval(0, -48, 35), rgb("ivory"), "round", ink=False)
    for i in range(12):
        a = i * math.tau / 12
        reach = 26 if i % 3 == 0 else 29
        pen.line(
            f"M{reach * math.cos(a):.1f} {-48 + reach * math.sin(a):.1f}L{31 * math.cos(a):.1f} {-48 + 31 * math.sin(a):.1f}",
            (0.2, 0.2, 0.25),
            1.8,
        )
    for name, reach, width in (("hours", 17, 3.4), ("minutes", 25, 2.2)):
        a = look.twin.at(name).between(0, math.tau)
        pen.line(
            f"M0 -48L{reach * math.cos(a):.1f} {-48 + reach * math.sin(a):.1f}",
            (0.2, 0.2, 0.25),
            width,
        )
    pen.shape(oval(0, -48, 3), look.accent, "flat", ink=False)


def _umbrella(pen: Pen, look: Look) -> None:
    turn = look.twin.at("tilt").between(-9, 9)
    with pen.group(f"rotate({turn:.0f})"):
        pen.line("M0 -92V-12Q0 0 -9 0Q-17 0 -17 -9", rgb("brown"), 3.6)
        rim = "Q46 -62 33 -52Q20 -62 0 -54Q-20 -62 -33 -52Q-46 -62 -60 -50"
        pen.body(f"M-60 -50C-56 -112 56 -112 60 -50{rim}z", look, "round")
        if not look.pattern:
            for a, b, c in ((-33, -14, -52), (14, 33, -52)):
                mid = (a + b) / 2
                pen.shape(f"M0 -96Q{a * 0.9:.0f} -82 {a if a < 0 else 0} {c if a < 0 else -54}Q{mid:.0f} -62 {0 if a < 0 else b} {-54 if a < 0 else c}Q{b * 0.9:.0f} -82 0 -96z",
                          mix(look.accent, look.main, 0.15), "plane", opacity=0.92)  # fmt: skip
        pen.line("M0 -95V-102", rgb("brown"), 3)


def _bench(pen: Pen, look: Look) -> None:
    for x in (-84, 76):
        pen.shape(box(x, -96, 7, 96, 2), rgb("charcoal"), "side")
    for y in (-96, -78):
        pen.body(box(-100, y, 200, 12, 3), look, "plane")
    for y in (-48, -38):
        pen.body(box(-104, y, 208, 9, 3), look, "plane", colour=shade(look.main, 0.12))


_SEATS = ("brown", "tan", "teal", "white", "mustard", "red")
_WOODEN = {"wood": 0.7, "matte": 0.3}
KINDS: dict[str, Kind] = {
    "cup": Kind(_cup, 0.34, 1.36, _POTS, scale=0, materials=_GLAZE, homes=INDOORS, seat=0.9),
    "bottle": Kind(_bottle, 0.46, 0.48, ("green", "teal", "brown", "blue", "amber"), ("cream", "white", "mustard"), scale=0,
                   materials={"glass": 0.7, "gloss": 0.3}, homes=INDOORS),
    "vase": Kind(_vase, 0.46, 0.8, _POTS, ("pink", "yellow", "coral", "purple", "white"), scale=0, materials=_GLAZE, homes=INDOORS),
    "lamp": Kind(_lamp, 0.44, 0.85, ("amber", "coral", "teal", "cream", "red"), ("charcoal", "gold", "silver"),
                 materials={"fabric": 0.6, "matte": 0.4}, homes=("room", "table-top", "room")),
    "chair": Kind(_chair, 0.46, 0.8, _SEATS, scale=1, materials=_WOODEN, homes=("room", "room", "plain"), seat=0.46),
    "table": Kind(_table, 0.34, 1.85, ("brown", "tan", "white", "chocolate", "teal"), scale=2, materials={"wood": 0.85, "matte": 0.15},
                  homes=("room", "room", "plain"), seat=0.93),
    "book": Kind(_book, 0.24, 1.6, ("red", "navy", "teal", "mustard", "purple"), scale=0, homes=INDOORS, seat=0.93),
    "teapot": Kind(_teapot, 0.34, 1.5, _POTS, scale=0, materials=_GLAZE, homes=INDOORS),
    "candle": Kind(_candle, 0.34, 0.7, ("cream", "white", "red", "lavender"), ("gold", "copper", "charcoal"), scale=0, homes=INDOORS),
    "clock": Kind(_clock, 0.36, 0.95, ("red", "teal", "mustard", "navy", "mint"), ("red", "coral"), scale=0,
                  materials={"gloss": 0.6, "matte": 0.4}, homes=INDOORS),
    "umbrella": Kind(_umbrella, 0.46, 1.15, ("red", "yellow", "blue", "teal", "pink"), ("white", "cream", "amber"),
                     homes=("beach", "meadow", "plain", "city")),
    "bench": Kind(_bench, 0.26, 2.1, ("brown", "green", "tan"), scale=2, materials=_WOODEN, homes=("meadow", "snow", "city"), seat=0.48),
}  # fmt: skip
