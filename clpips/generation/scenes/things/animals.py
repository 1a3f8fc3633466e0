# ruff: noqa: E501 # a path is one string: broken over lines it cannot be read as a shape
"""Animals: simple, rounded, each with a pose that the seed chooses."""

from __future__ import annotations

from clpips.generation.scenes.drawing.appearance import Look
from clpips.generation.scenes.drawing.colour import RGB, mix, rgb, shade
from clpips.generation.scenes.drawing.paths import blob, box, oval, polygon
from clpips.generation.scenes.drawing.svg import Pen
from clpips.generation.scenes.things.kind import Kind

_EYE: RGB = (0.1, 0.09, 0.12)
_FURS = ("orange", "grey", "charcoal", "cream", "brown", "white", "tan")
_FUR = {"fur": 0.55, "matte": 0.45}


def draw_eye(pen: Pen, x: float, y: float, r: float) -> None:
    """A dark eye with a glint."""
    pen.shape(oval(x, y, r), _EYE, "flat", ink=False)
    pen.fill(oval(x - r * 0.3, y - r * 0.35, r * 0.36), "#ffffff")


def _muzzle(pen: Pen, x: float, y: float, size: float, nose: RGB) -> None:
    pen.shape(
        polygon(x - size, y - size * 0.6, x + size, y - size * 0.6, x, y + size * 0.6), nose, "flat"
    )
    pen.line(f"M{x:.1f} {y:.1f}q{-size:.1f} {size * 2:.1f} {-size * 2.4:.1f} {size:.1f}M{x:.1f} {y:.1f}"
             f"q{size:.1f} {size * 2:.1f} {size * 2.4:.1f} {size:.1f}", _EYE, 1)  # fmt: skip


def _cat_head(pen: Pen, look: Look, x: float, y: float) -> None:
    for sign in (-1, 1):
        ear = f"M{x + sign * 6:.1f} {y - 14:.1f}L{x + sign * 20:.1f} {y - 32:.1f}L{x + sign * 22:.1f} {y - 4:.1f}z"
        pen.body(ear, look, "plane")
        pen.shape(
            polygon(x + sign * 11, y - 15, x + sign * 18, y - 26, x + sign * 19, y - 10),
            rgb("salmon"),
            "flat",
            ink=False,
        )
    pen.body(oval(x, y, 24, 20), look, "round")
    pale = mix(look.main, (1, 1, 1), 0.55)
    pen.shape(oval(x, y + 8, 10, 7), pale, "flat", opacity=0.8, ink=False)
    for sign in (-1, 1):
        draw_eye(pen, x + sign * 9, y - 2, 3.4)
        pen.line(f"M{x + sign * 12:.1f} {y + 7:.1f}l{sign * 16} -3M{x + sign * 12:.1f} {y + 9:.1f}l{sign * 16} 2",
                 (0.95, 0.95, 0.95), 0.7, opacity=0.8)  # fmt: skip
    _muzzle(pen, x, y + 5, 2.6, rgb("salmon"))


def _marks(pen: Pen, look: Look, d: str) -> None:
    """Tabby stripes on a body, when the seed says so and the words ask no pattern."""
    if look.pattern or not look.pose.at("tabby").flip(0.5):
        return
    with pen.group(clip=d):
        for i in range(5):
            y = -58 + i * 9
            pen.line(
                f"M-40 {y}q12 6 22 0M40 {y}q-12 6 -22 0", shade(look.main, -0.35), 3, opacity=0.5
            )


def _cat(pen: Pen, look: Look) -> None:
    if look.pose.at("pose").flip(0.35):
        with pen.group("translate(-4 0) scale(0.76)"):
            _cat_lying(pen, look)
        return
    side = 1 if look.twin.at("tail").flip() else -1
    for width, tone in ((10.0, -0.22), (7.0, 0.0)):
        pen.line(f"M{side * 18} -8C{side * 48} 2 {side * 52} -30 {side * 40} -40C{side * 34} -46 {side * 44} -54 {side * 46} -50",
                 shade(look.main, tone), width)  # fmt: skip
    body = "M-14 -60C-30 -42 -36 -14 -28 -2Q0 5 28 -2C36 -14 30 -42 14 -60z"
    pen.body(body, look, "round")
    _marks(pen, look, body)
    pen.shape(oval(0, -38, 12, 17), mix(look.main, (1, 1, 1), 0.6), "flat", opacity=0.75, ink=False)
    for x in (-11, 11):
        pen.body(box(x - 7, -32, 14, 33, 7), look, "side")
        pen.line(f"M{x - 2} -2v-4M{x + 2} -2v-4", shade(look.main, -0.4), 0.8)
    _cat_head(pen, look, look.twin.at("head").between(-5, 5), -72)


def _cat_lying(pen: Pen, look: Look) -> None:
    for width, tone in ((11.0, -0.22), (8.0, 0.0)):
        pen.line("M52 -14C82 -8 84 -34 70 -42", shade(look.main, tone), width)
    body = "M-50 -8C-54 -38 -20 -58 20 -52C52 -48 66 -26 60 -4Q4 4 -50 -8z"
    pen.body(body, look, "round")
    _marks(pen, look, body)
    for x in (-52, -34):
        pen.body(box(x - 12, -11, 28, 12, 6), look, "round")
    _cat_head(pen, look, -44, -46)


def _dog(pen: Pen, look: Look) -> None:
    tail = look.twin.at("tail").between(-52, -34)
    for width, tone in ((11.0, -0.2), (7.5, 0.0)):
        pen.line(f"M38 -42Q54 -44 58 {tail - 16:.0f}", shade(look.main, tone), width)
    for x in (-24, 34):
        pen.body(box(x - 7, -34, 13, 34, 6), look, "side", colour=shade(look.main, -0.25))
    pen.body(
        "M-36 -50C-20 -62 30 -60 42 -48C50 -34 44 -22 30 -22C4 -26 -10 -22 -28 -24C-42 -28 -42 -44 -36 -50z",
        look,
        "round",
    )
    if look.pose.at("patch").flip(0.5):
        pen.shape(
            blob(18, -46, 14, 9, look.pose.at("patch-form"), rough=0.2),
            look.accent,
            "flat",
            opacity=0.85,
            ink=False,
        )
    for x in (-32, 26):
        pen.body(box(x - 7, -36, 13, 37, 6), look, "side")
    hx, hy = -42.0, -70.0
    pen.body(oval(hx, hy, 23, 21), look, "round")
    pen.body(
        box(hx - 34, hy - 2, 28, 17, 8.5), look, "round", colour=mix(look.main, (1, 1, 1), 0.35)
    )
    pen.shape(oval(hx - 32, hy + 2, 5, 4), _EYE, "round")
    pen.line(f"M{hx - 28} {hy + 11}q7 3 12 -1", _EYE, 1.1)
    draw_eye(pen, hx - 8, hy - 6, 3.2)
    ear = f"M{hx + 4} {hy - 17}C{hx + 26} {hy - 22} {hx + 30} {hy + 6} {hx + 20} {hy + 16}C{hx + 10} {hy + 10} {hx + 6} {hy - 4} {hx + 4} {hy - 17}z"
    pen.body(ear, look, "plane", colour=shade(mix(look.main, look.accent, 0.6), -0.1))
    pen.line("M-50 -49Q-38 -42 -24 -50", rgb("red"), 4.5)


def _rabbit(pen: Pen, look: Look) -> None:
    twin = look.twin.at("ears")
    for sign in (-1, 1):
        with pen.group(f"rotate({sign * twin.between(2, 20):.0f} 0 -62)"):
            pen.body(oval(sign * 9, -86, 7, 21), look, "round")
            pen.shape(oval(sign * 9, -84, 3.4, 15), rgb("salmon"), "flat", opacity=0.8, ink=False)
    pen.body(oval(26, -12, 9), look, "round", colour=mix(look.main, (1, 1, 1), 0.6))
    pen.body("M-16 -46C-32 -32 -34 -8 -24 -1Q0 4 26 -1C36 -10 32 -34 16 -46z", look, "round")
    for x in (-14, 14):
        pen.body(oval(x, -3, 13, 6), look, "round", colour=shade(look.main, 0.2))
    pen.body(oval(0, -56, 21, 18), look, "round")
    for sign in (-1, 1):
        draw_eye(pen, sign * 8, -59, 3)
    _muzzle(pen, 0, -52, 2.2, rgb("salmon"))


def _sheep(pen: Pen, look: Look) -> None:
    face = look.accent
    for x in (-28, -12, 18, 32):
        pen.shape(box(x - 4, -26, 8, 26, 3), face, "side")
    twin = look.twin.at("wool")
    for x, y, r in (
        (-30, -44, 22),
        (34, -44, 22),
        (0, -62, 25),
        (22, -60, 20),
        (-20, -60, 20),
        (0, -38, 26),
        (20, -34, 18),
        (-18, -34, 18),
    ):
        pen.body(blob(x, y, r, r, twin, rough=0.06, points=11), look, "round")
    pen.shape(
        "M-62 -66C-58 -82 -36 -82 -34 -66C-34 -48 -42 -36 -48 -36C-56 -36 -62 -50 -62 -66z",
        face,
        "round",
    )
    for x, turn in ((-66, -20), (-30, 20)):
        with pen.group(f"rotate({turn} {x} -66)"):
            pen.shape(oval(x, -66, 9, 4), face, "round")
    for x in (-54, -43):
        pen.fill(oval(x, -62, 3.4), "#ffffff")
        draw_eye(pen, x, -62, 2.2)
    pen.body(blob(-48, -80, 14, 9, twin, rough=0.08), look, "round")


def _bear(pen: Pen, look: Look) -> None:
    pale = mix(look.main, rgb("cream"), 0.6)
    for sign in (-1, 1):
        pen.body(oval(sign * 22, -88, 11), look, "round")
        pen.shape(oval(sign * 22, -88, 5.5), pale, "flat", ink=False)
        pen.body(oval(sign * 33, -36, 10, 19), look, "round", colour=shade(look.main, -0.08))
        pen.body(oval(sign * 24, -9, 17, 13), look, "round")
        pen.shape(oval(sign * 25, -7, 9, 7.5), pale, "flat", ink=False)
    pen.body(oval(0, -32, 33, 32), look, "round")
    pen.shape(oval(0, -28, 19, 19), pale, "round", ink=False)
    pen.body(oval(0, -73, 31, 26), look, "round")
    pen.shape(oval(0, -64, 14, 11), pale, "round", ink=False)
    for sign in (-1, 1):
        draw_eye(pen, sign * 12, -77, 3.3)
    _muzzle(pen, 0, -67, 3.4, _EYE)


KINDS: dict[str, Kind] = {
    "cat": Kind(_cat, 0.4, 1.14, _FURS, materials=_FUR, homes=("room", "plain", "meadow", "room")),
    "dog": Kind(_dog, 0.4, 1.62, _FURS, ("brown", "white", "chocolate"), materials=_FUR, homes=("meadow", "beach", "room")),
    "rabbit": Kind(_rabbit, 0.36, 0.7, ("white", "grey", "tan", "brown"), materials=_FUR, homes=("meadow", "forest", "snow")),
    "sheep": Kind(_sheep, 0.34, 1.3, ("cream", "white"), ("charcoal", "brown", "tan"), materials={"wool": 0.0, "matte": 1.0},
                  homes=("meadow",)),
    "bear": Kind(_bear, 0.42, 0.9, ("brown", "tan", "chocolate", "amber"), materials=_FUR, homes=("room", "plain", "forest")),
}  # fmt: skip
