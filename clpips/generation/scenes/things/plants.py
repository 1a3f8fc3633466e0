# ruff: noqa: E501 # a path is one string: broken over lines it cannot be read as a shape
"""Trees, flowers and other things that grow."""

from __future__ import annotations

import math

from clpips.generation.scenes.drawing.appearance import Look
from clpips.generation.scenes.drawing.colour import RGB, mix, rgb, shade
from clpips.generation.scenes.drawing.paths import blob, box, oval, polygon
from clpips.generation.scenes.drawing.svg import Pen
from clpips.generation.scenes.things.kind import OUTDOORS, Kind
from clpips.generation.seeds import Chance

_STEM: RGB = (0.30, 0.56, 0.28)


def _dabs(
    pen: Pen, crown: list[tuple[float, float, float]], colour: RGB, chance: Chance, count: int
) -> None:
    """Leaf clusters: light dabs on the lit side, dark ones on the other."""
    for _ in range(count):
        x, y, r = chance.pick(crown)
        angle, reach = chance.between(0, math.tau), r * math.sqrt(chance.between(0.05, 0.85))
        px, py = x + reach * math.cos(angle), y + reach * math.sin(angle)
        towards = (math.cos(angle) * pen.side - math.sin(angle)) * reach / r
        tone = shade(colour, max(-0.4, min(0.4, 0.34 * towards)))
        size = chance.between(2.2, 4.6)
        pen.shape(oval(px, py, size, size * 0.72), tone, "flat", opacity=0.7, ink=False)


def _tree(pen: Pen, look: Look) -> None:
    form, twin = (
        look.pose.at("form").pick(("round", "cloud", "cloud", "tall")),
        look.twin.at("crown"),
    )
    trunk = look.recoloured(mix(rgb("brown"), look.accent, 0.15), material="wood")
    lean = twin.between(-4, 4)
    pen.body(
        f"M-6 0C-4 -16 -4 -30 {lean - 3:.1f} -52H{lean + 4:.1f}C5 -30 5 -16 8 0z", trunk, "side"
    )
    pen.line(
        f"M{lean:.0f} -34L{lean + 16:.0f} -52M{lean:.0f} -38L{lean - 15:.0f} -54", trunk.main, 3
    )
    if form == "round":
        crown = [(lean, -66.0, 34.0)]
    elif form == "tall":
        crown = [(lean, -50.0, 24.0), (lean, -66.0, 25.0), (lean, -82.0, 18.0)]
    else:
        crown = [(lean - 20, -54.0, 19.0), (lean + 20, -55.0, 19.0), (lean - 10, -76.0, 21.0),
                 (lean + 12, -74.0, 20.0), (lean, -62.0, 25.0)]  # fmt: skip
    for x, y, r in crown:
        d = blob(x, y, r, r * 0.94, twin.at(f"{x:.0f}{y:.0f}"), rough=0.07, points=11)
        pen.body(d, look, "round")
    _dabs(pen, crown, look.main, twin.at("dabs"), 46)
    fruit = look.pose.at("fruit")
    if fruit.flip(0.22):
        for _ in range(9):
            x, y, r = twin.pick(crown)
            pen.shape(
                oval(x + twin.between(-0.7, 0.7) * r, y + twin.between(-0.6, 0.7) * r, 2.8),
                look.accent,
                "round",
            )


def _pine(pen: Pen, look: Look) -> None:
    pen.shape(box(-5, -14, 10, 14), rgb("brown"), "side")
    tiers = look.pose.at("tiers").whole(3, 5)
    twin = look.twin.at("tiers")
    for tier in range(tiers):
        share = tier / tiers
        low = -10 - share * 74
        high = max(-100.0, low - 90 / tiers - 14)
        half = 36 * (1 - share) * twin.between(0.93, 1.07) + 6
        edge = [f"M0 {high:.1f}L{half:.1f} {low:.1f}"]
        teeth = 6
        for i in range(teeth):
            x = half - (i + 0.5) * 2 * half / teeth
            edge.append(f"L{x:.1f} {low + (4 if i % 2 else -3) + 2:.1f}")
        d = "".join(edge) + f"L{-half:.1f} {low:.1f}z"
        pen.body(d, look.recoloured(shade(look.main, -0.12 + 0.22 * share), material=look.material,
                                    pattern=look.pattern), "side")  # fmt: skip


def _palm(pen: Pen, look: Look) -> None:
    lean = look.twin.at("lean").between(8, 26) * look.twin.at("lean-side").pick((-1, 1))
    trunk = look.recoloured(rgb("tan"), material="wood")
    pen.body(f"M-5 0Q-2 -40 {lean - 3:.0f} -74H{lean + 3:.0f}Q6 -40 6 0z", trunk, "side")
    for i in range(8):
        y = -6 - i * 8.5
        x = lean * (y / 74) ** 2
        pen.line(f"M{x - 4:.0f} {y:.0f}q4 2.5 8 0", shade(trunk.main, -0.4), 1, opacity=0.6)
    twin = look.twin.at("leaves")
    for i, angle in enumerate((-172, -150, -20, -40, -8, -120, -65, -92)):
        angle += int(twin.between(-8, 8))
        reach = twin.between(32, 42)
        droop = 16 + 14 * abs(math.cos(math.radians(angle)))
        tip = (
            lean + reach * math.cos(math.radians(angle)),
            -74 + reach * math.sin(math.radians(angle)) * 0.6 + droop,
        )
        mid = (lean + (tip[0] - lean) * 0.5, -84 + math.sin(math.radians(angle)) * 12)
        d = (f"M{lean:.0f} -74Q{mid[0]:.0f} {mid[1] - 5:.0f} {tip[0]:.0f} {tip[1]:.0f}"
             f"Q{mid[0]:.0f} {mid[1] + 13:.0f} {lean:.0f} -74z")  # fmt: skip
        pen.shape(d, shade(look.main, -0.15 if i < 5 else 0.1))
        pen.line(
            f"M{lean:.0f} -74Q{mid[0]:.0f} {mid[1]:.0f} {tip[0]:.0f} {tip[1]:.0f}",
            shade(look.main, 0.3),
            0.8,
        )
    for x in (-4, 3):
        pen.shape(oval(lean + x, -71, 4), rgb("chocolate"), "round")


def _bush(pen: Pen, look: Look) -> None:
    twin = look.twin.at("bush")
    crown = [
        (-44.0, -34.0, 34.0),
        (44.0, -36.0, 35.0),
        (0.0, -56.0, 44.0),
        (-22.0, -30.0, 32.0),
        (24.0, -30.0, 32.0),
    ]
    for x, y, r in crown:
        pen.body(blob(x, y, r, r * 0.96, twin, rough=0.07, points=11), look, "round")
    _dabs(pen, crown, look.main, twin.at("dabs"), 40)
    if look.pose.at("blossom").flip(0.45):
        for _ in range(12):
            x, y, r = twin.pick(crown)
            pen.shape(
                oval(x + twin.between(-0.7, 0.7) * r, y + twin.between(-0.7, 0.5) * r, 4),
                look.accent,
                "round",
            )


def _stem(pen: Pen, look: Look, top: float) -> float:
    lean = look.twin.at("lean").between(-9, 9)
    pen.line(f"M0 0Q{-lean * 0.4:.1f} {top / 2:.0f} {lean:.1f} {top:.0f}", _STEM, 3.4)
    for sign in (-1, 1):
        at = look.twin.at(sign).between(-12, -34)
        pen.shape(
            f"M0 {at:.0f}Q{sign * 12} {at - 20:.0f} {sign * 25} {at - 14:.0f}Q{sign * 16} {at + 2:.0f} 0 {at:.0f}z",
            _STEM,
        )
    return lean


def _petals(
    pen: Pen, look: Look, x: float, y: float, count: int, reach: float, wide: float
) -> None:
    turn = look.twin.at("turn").between(0, 60)
    d = f"M0 0C{-wide:.1f} {-reach * 0.45:.1f} {-wide * 0.8:.1f} {-reach:.1f} 0 {-reach:.1f}C{wide * 0.8:.1f} {-reach:.1f} {wide:.1f} {-reach * 0.45:.1f} 0 0z"
    for i in range(count):
        with pen.group(f"translate({x:.1f} {y:.1f}) rotate({turn + i * 360 / count:.0f})"):
            pen.body(d, look, "plane", colour=shade(look.main, 0.0 if i % 2 else 0.14))


def _flower(pen: Pen, look: Look) -> None:
    x = _stem(pen, look, -72)
    count = look.pose.at("petals").pick((5, 6, 8, 10))
    _petals(pen, look, x, -73, count, 27, 30 / math.sqrt(count))
    pen.shape(oval(x, -73, 9), look.accent, "round")


def _tulip(pen: Pen, look: Look) -> None:
    x = _stem(pen, look, -66)
    with pen.group(f"translate({x:.1f} -62)"):
        pen.body(
            "M0 0C-26 -2 -24 -26 -18 -40L-7 -27L0 -40L7 -27L18 -40C24 -26 26 -2 0 0z", look, "round"
        )
        pen.body(
            "M0 0C-12 -8 -11 -26 0 -36C11 -26 12 -8 0 0z",
            look,
            "plane",
            colour=shade(look.main, 0.16),
        )


def _sunflower(pen: Pen, look: Look) -> None:
    x = _stem(pen, look, -70)
    _petals(pen, look, x, -72, 16, 29, 6.5)
    pen.shape(oval(x, -72, 14), rgb("chocolate"), "round")
    for i in range(22):
        angle, reach = i * 2.4, 2.6 * math.sqrt(i)
        pen.shape(
            oval(x + reach * math.cos(angle), -72 + reach * math.sin(angle), 1),
            rgb("tan"),
            "flat",
            ink=False,
        )


def _cactus(pen: Pen, look: Look) -> None:
    twin = look.twin.at("arms")
    for sign in (-1, 1):
        low, high = twin.between(-30, -48), twin.between(-62, -80)
        reach = sign * twin.between(24, 30)
        d = f"M0 {low:.0f}H{reach:.0f}V{high:.0f}"
        for width, tone in ((17.0, -0.3), (13.0, 0.02), (3.0, 0.22)):
            pen.line(d, shade(look.main, tone), width)
    pen.body(box(-14, -98, 28, 98, 14), look, "side")
    for x in (-7, 0, 7):
        pen.line(f"M{x} -88V-4", shade(look.main, -0.28), 1, opacity=0.6)
        for i in range(9):
            pen.line(f"M{x - 1.6} {-86 + i * 9.5:.0f}l3.2 -2", shade(look.main, 0.6), 0.8)
    if look.pose.at("bloom").flip(0.5):
        for x in (-5, 5, 0):
            pen.shape(oval(x, -100, 5, 6), look.accent, "round")


def _mushroom(pen: Pen, look: Look) -> None:
    high = look.twin.at("cap").between(34, 46)
    pen.shape(
        "M-13 -52C-10 -30 -14 -14 -18 -3Q0 5 18 -3C14 -14 10 -30 13 -52z", rgb("cream"), "side"
    )
    pen.shape(oval(0, -50, 42, 9), shade(rgb("beige"), -0.25), "plane")
    cap = f"M-50 -52C-50 {-52 - high * 1.25:.0f} 50 {-52 - high * 1.25:.0f} 50 -52C34 -43 -34 -43 -50 -52z"
    pen.body(cap, look, "round")
    if not look.pattern:
        with pen.group(clip=cap):
            for x, y, r in (
                (-24, -66, 7),
                (4, -76, 8),
                (28, -63, 6),
                (-4, -58, 5),
                (-42, -56, 5),
                (16, -90, 4),
            ):
                pen.shape(oval(x, y, r, r * 0.8), look.accent, "flat", ink=False)


def _rock(pen: Pen, look: Look) -> None:
    twin = look.twin.at("rock")
    ring = []
    for i in range(9):
        angle = math.pi + math.pi * i / 8
        reach = twin.between(0.82, 1.06)
        ring.append((72 * reach * math.cos(angle), 98 * reach * math.sin(angle) * 0.98))
    flat = [part for point in ring for part in point]
    pen.body(polygon(*flat, 70, -4, 40, 3, -40, 3, -70, -4), look, "plane")
    ridge = ring[3 + twin.whole(0, 1)]
    sun = 1 if pen.side > 0 else -1
    pen.body(polygon(*ridge, *ring[-2 if sun > 0 else 1], *ring[-1 if sun > 0 else 0], sun * 22, 0, sun * 8, -44), look,
             colour=shade(look.main, 0.2))  # fmt: skip
    pen.line(f"M{sun * -30} -60l14 18l-6 16", shade(look.main, -0.4), 1.6, opacity=0.6)


_GREENS = ("green", "emerald", "olive", "lime", "teal")
KINDS: dict[str, Kind] = {
    "tree": Kind(_tree, 0.52, 0.76, ("green", "olive", "green", "lime", "orange", "emerald"),
                 ("red", "amber", "pink", "white"), scale=3, homes=("meadow", "meadow", "forest", "mountains")),
    "pine": Kind(_pine, 0.54, 0.78, ("emerald", "green", "teal", "olive"), scale=3,
                 homes=("snow", "forest", "mountains")),
    "palm": Kind(_palm, 0.6, 0.8, ("green", "lime", "emerald"), scale=3, homes=("beach", "beach", "desert")),
    "bush": Kind(_bush, 0.24, 1.5, _GREENS, ("pink", "white", "red", "yellow"), scale=1, homes=("meadow", "forest")),
    "flower": Kind(_flower, 0.4, 0.6, ("pink", "white", "coral", "purple", "red", "yellow", "sky-blue"),
                   ("yellow", "amber", "brown"), scale=0, homes=("meadow", "meadow", "plain")),
    "tulip": Kind(_tulip, 0.42, 0.5, ("red", "pink", "yellow", "purple", "orange"), scale=0,
                  homes=("meadow", "meadow", "plain")),
    "sunflower": Kind(_sunflower, 0.52, 0.6, ("yellow", "amber"), ("brown",), scale=1, homes=("meadow",)),
    "cactus": Kind(_cactus, 0.46, 0.8, ("green", "emerald", "olive"), ("pink", "coral", "yellow"), scale=1,
                   homes=("desert", "desert", "plain")),
    "mushroom": Kind(_mushroom, 0.36, 1.0, ("red", "brown", "amber", "coral"), ("white", "cream"), scale=0,
                     homes=("forest", "forest", "meadow")),
    "rock": Kind(_rock, 0.26, 1.46, ("grey", "tan", "charcoal", "silver"), scale=1, materials={"stone": 1.0},
                 homes=OUTDOORS, seat=0.9),
}  # fmt: skip
