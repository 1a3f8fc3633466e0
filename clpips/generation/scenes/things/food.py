# ruff: noqa: E501 # a path is one string: broken over lines it cannot be read as a shape
"""Fruit and cake."""

from __future__ import annotations

from clpips.generation.scenes.drawing.appearance import Look
from clpips.generation.scenes.drawing.colour import RGB, rgb, shade
from clpips.generation.scenes.drawing.paths import box, oval
from clpips.generation.scenes.drawing.svg import Pen
from clpips.generation.scenes.things.kind import INDOORS, Kind

_LEAF: RGB = (0.36, 0.62, 0.27)
_SKIN = {"matte": 0.55, "gloss": 0.45}


def _leaf(pen: Pen, x: float, y: float, turn: float, size: float = 24) -> None:
    with pen.group(f"translate({x:.1f} {y:.1f}) rotate({turn:.0f})"):
        pen.shape(
            f"M0 0C{size * 0.3:.1f} {-size * 0.5:.1f} {size * 0.8:.1f} {-size * 0.45:.1f} {size:.1f} 0C{size * 0.7:.1f} {size * 0.25:.1f} {size * 0.3:.1f} {size * 0.3:.1f} 0 0z",
            _LEAF,
        )
        pen.line(f"M2 0H{size * 0.8:.1f}", shade(_LEAF, 0.35), 0.9)


def _apple(pen: Pen, look: Look) -> None:
    twin = look.twin.at("turn").between(-10, 10)
    with pen.group(f"rotate({twin:.0f} 0 -40)"):
        d = "M0 -78C12 -90 46 -90 50 -54C52 -22 28 0 12 0C6 0 4 -3 0 -3C-4 -3 -6 0 -12 0C-28 0 -52 -22 -50 -54C-46 -90 -12 -90 0 -78z"
        pen.body(d, look, "round")
        if not look.pattern and look.pose.at("blush").flip(0.5):
            pen.fill(
                d,
                pen.radial(
                    ((0, pen.cast(look.accent), 0.55), (1, pen.cast(look.accent), 0)),
                    0.5 + 0.25 * pen.side,
                    0.4,
                    0.42,
                ),
            )
        pen.shape(oval(0, -77, 12, 4), shade(look.main, -0.45), "flat", opacity=0.6, ink=False)
        pen.line("M0 -76Q1 -90 7 -99", rgb("brown"), 4)
        if look.twin.at("leaf").flip(0.75):
            _leaf(pen, 3, -88, -25 if twin > 0 else 205)


def _pear(pen: Pen, look: Look) -> None:
    lean = look.twin.at("lean").between(-9, 9)
    with pen.group(f"rotate({lean:.0f})"):
        pen.body(
            "M0 -90C18 -90 18 -66 26 -52C44 -34 40 0 0 0C-40 0 -44 -34 -26 -52C-18 -66 -18 -90 0 -90z",
            look,
            "round",
        )
        pen.line("M0 -88Q-1 -96 5 -102", rgb("brown"), 3.6)
        if look.twin.at("leaf").flip(0.6):
            _leaf(pen, 2, -94, -12, 22)


def _banana(pen: Pen, look: Look) -> None:
    flip = look.twin.at("flip").pick((-1, 1))
    with pen.group(f"scale({flip} 1)"):
        pen.body(
            "M-66 -78C-66 -24 -20 4 40 -4C62 -7 74 -22 72 -30C40 -18 -28 -26 -50 -84C-54 -92 -66 -92 -66 -78z",
            look,
            "plane",
        )
        pen.shape(
            "M-62 -56C-48 -14 0 4 44 -6C62 -10 70 -22 72 -30C34 -6 -36 -8 -62 -56z",
            shade(look.main, -0.16),
            "plane",
            ink=False,
        )
        pen.shape(box(-65, -96, 11, 13, 3), rgb("brown"), "flat")
        pen.shape(oval(71, -29, 4, 5), rgb("chocolate"), "flat")


def _orange(pen: Pen, look: Look) -> None:
    pen.body(oval(0, -46, 48, 46), look, "round")
    spots = look.pose.at("pores")
    for _ in range(26):
        pen.shape(
            oval(spots.between(-33, 33), -46 + spots.between(-32, 32), 1.1),
            shade(look.main, -0.2),
            "flat",
            opacity=0.6,
            ink=False,
        )
    pen.shape(oval(0, -88, 5, 3), _LEAF, "flat")
    _leaf(pen, 2, -90, look.twin.at("leaf").between(-40, 10))


def _lemon(pen: Pen, look: Look) -> None:
    turn = look.twin.at("turn").between(-14, 14)
    with pen.group(f"rotate({turn:.0f} 0 -38)"):
        pen.body(
            "M-62 -44C-52 -52 -36 -82 0 -82C36 -82 50 -54 64 -42C66 -34 60 -32 54 -26C40 -2 20 2 0 2C-26 2 -42 -14 -52 -28C-62 -34 -66 -38 -62 -44z",
            look,
            "round",
        )
        _leaf(pen, 56, -48, -60, 26)


def _cherry(pen: Pen, look: Look) -> None:
    spread = look.twin.at("spread").between(22, 30)
    pen.line(
        f"M{-spread:.0f} -40Q-16 -76 12 -98M{spread:.0f} -36Q26 -74 12 -98", (0.42, 0.5, 0.2), 3
    )
    _leaf(pen, 12, -97, 18, 34)
    pen.body(oval(-spread, -23, 25, 23), look, "round")
    pen.body(oval(spread, -22, 25, 22), look, "round")


def _strawberry(pen: Pen, look: Look) -> None:
    pen.body("M0 0C-20 -6 -46 -44 -40 -68C-34 -88 34 -88 40 -68C46 -44 20 -6 0 0z", look, "round")
    for row, (count, y) in enumerate(((5, -66), (4, -52), (3, -38), (2, -24))):
        for i in range(count):
            pen.shape(
                oval((i - (count - 1) / 2) * 14 + row % 2, y, 1.6, 2.6),
                rgb("cream"),
                "flat",
                ink=False,
            )
    for turn in (-160, -120, -70, -20, 200, 20):
        _leaf(pen, 0, -78, turn, 25)
    pen.line("M0 -80Q2 -92 6 -98", _LEAF, 4)


def _pumpkin(pen: Pen, look: Look) -> None:
    for x, rx, tone in (
        (-38, 26, -0.18),
        (38, 26, -0.18),
        (-20, 28, 0.0),
        (20, 28, 0.0),
        (0, 24, 0.08),
    ):
        pen.body(oval(x, -38, rx, 38), look, "round", colour=shade(look.main, tone))
    pen.shape("M-7 -72C-6 -84 -2 -92 -10 -98L4 -100C6 -90 6 -82 8 -72z", (0.36, 0.45, 0.2), "side")
    _leaf(pen, 8, -78, -12, 26)


def _cake(pen: Pen, look: Look) -> None:
    pen.shape(oval(0, -3, 64, 7), rgb("white"), "plane")
    tiers = look.pose.at("tiers").pick((1, 2))
    layers = ((50, -4, -44), (32, -42, -74)) if tiers == 2 else ((52, -4, -58),)
    for half, low, high in layers:
        pen.body(f"M{-half} {high}V{low - 6}A{half} 9 0 0 0 {half} {low - 6}V{high}z", look, "side")
        drip = f"M{-half} {high}"
        step = half / 3
        for i in range(6):
            drip += f"q{step / 2:.1f} {22 if i % 2 else 34} {step:.1f} 0"
        pen.shape(drip + f"A{half} 9 0 0 0 {-half} {high}z", look.accent, "side")
        pen.shape(oval(0, high, half, 9), shade(look.accent, 0.25), "plane")
    top = layers[-1][2]
    for x in (-14, 0, 14):
        pen.shape(box(x - 2, top - 19, 4, 18, 1), rgb("sky-blue" if x else "pink"), "side")
        pen.fill(f"M{x} {top - 30}q4 7 0 10q-4 -3 0 -10z", "#ffb52e")
        pen.glow(x, top - 24, 11, (1.0, 0.85, 0.4), 0.6)


KINDS: dict[str, Kind] = {
    "apple": Kind(_apple, 0.32, 1.0, ("red", "green", "lime", "crimson"), ("yellow", "lime"), scale=0, materials=_SKIN, homes=INDOORS),
    "pear": Kind(_pear, 0.36, 0.8, ("lime", "green", "mustard", "yellow"), scale=0, materials=_SKIN, homes=INDOORS),
    "banana": Kind(_banana, 0.26, 1.45, ("yellow", "amber"), scale=0, homes=INDOORS),
    "orange": Kind(_orange, 0.3, 1.0, ("orange",), scale=0, materials=_SKIN, homes=INDOORS),
    "lemon": Kind(_lemon, 0.26, 1.5, ("yellow",), scale=0, materials=_SKIN, homes=INDOORS),
    "cherry": Kind(_cherry, 0.3, 1.1, ("crimson", "red"), scale=0, materials={"gloss": 1.0}, homes=INDOORS),
    "strawberry": Kind(_strawberry, 0.3, 0.86, ("red", "crimson"), scale=0, materials=_SKIN, homes=INDOORS),
    "pumpkin": Kind(_pumpkin, 0.34, 1.3, ("orange", "amber"), scale=0, homes=("meadow", "table-top", "plain"), seat=0.75),
    "cake": Kind(_cake, 0.38, 1.2, ("cream", "pink", "chocolate", "mint"), ("pink", "white", "chocolate"), scale=0, homes=INDOORS),
}  # fmt: skip
