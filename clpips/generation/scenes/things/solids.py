# ruff: noqa: E501 # a path is one string: broken over lines it cannot be read as a shape
"""Plain solids and small boxes."""

from __future__ import annotations

from clpips.generation.scenes.drawing.appearance import Look
from clpips.generation.scenes.drawing.colour import RGB, shade
from clpips.generation.scenes.drawing.paths import oval, polygon, smooth, star
from clpips.generation.scenes.drawing.svg import Pen
from clpips.generation.scenes.things.kind import INDOORS, Kind

_TOYS = ("red", "blue", "yellow", "teal", "coral", "green", "purple", "orange", "pink", "navy")
_SURFACES = {"matte": 0.4, "gloss": 0.25, "wood": 0.12, "stone": 0.08, "metal": 0.08, "wool": 0.07}
_HOMES = (*INDOORS, "plain", "table-top", "meadow", "beach", "desert")


def _ball(pen: Pen, look: Look) -> None:
    with pen.group(f"rotate({look.pose.at('turn').between(-30, 30):.0f} 0 -50)"):
        pen.body(oval(0, -50, 50), look, "round")


def _faces(pen: Pen, look: Look, width: float, height: float) -> tuple[float, float]:
    """Two upright faces and a top; the seed turns the box."""
    turn = look.pose.at("turn").between(0.32, 0.68)
    split = -width / 2 + width * turn
    rise = 15.0
    main = look.main
    left_lit = pen.side < 0
    left = polygon(-width / 2, -height + rise, split, -height + 2 * rise, split, 0,
                   -width / 2, -rise)  # fmt: skip
    right = polygon(width / 2, -height + rise, split, -height + 2 * rise, split, 0,
                    width / 2, -rise)  # fmt: skip
    pen.body(left, look, "plane", colour=shade(main, 0.05 if left_lit else -0.24))
    pen.body(right, look, "plane", colour=shade(main, -0.24 if left_lit else 0.05))
    top = polygon(-width / 2, -height + rise, split, -height + 2 * rise,
                  width / 2, -height + rise, -split, -height)  # fmt: skip
    pen.body(top, look, "plane", colour=shade(main, 0.3))
    return split, rise


def _cube(pen: Pen, look: Look) -> None:
    _faces(pen, look, 92, 100)


def _crate(pen: Pen, look: Look) -> None:
    split, rise = _faces(pen, look, 110, 88)
    dark = shade(look.main, -0.45)
    for share in (0.3, 0.7):
        y = -88 + rise + (88 - rise) * share
        pen.line(f"M-55 {y - rise * share:.0f}L{split:.0f} {y:.0f}L55 {y - rise * share:.0f}", dark, 2,
                 opacity=0.5)  # fmt: skip


def _gift(pen: Pen, look: Look) -> None:
    split, rise = _faces(pen, look, 96, 84)
    ribbon = look.recoloured(look.accent, material="gloss")
    for x0, x1 in ((-48.0, split), (48.0, split)):
        at = x0 + (x1 - x0) * 0.42
        wide = (x1 - x0) * 0.2
        drop = -rise + rise * 0.42
        pen.shape(polygon(at, -84 + 2 * rise + drop, at + wide, -84 + 2 * rise + drop + 3,
                          at + wide, drop + 3, at, drop), look.accent, ink=False)  # fmt: skip
    bow = -84 + rise * 0.8
    for sign in (-1, 1):
        loop = smooth(
            [(0, bow), (sign * 16, bow - 22), (sign * 32, bow - 16), (sign * 22, bow - 2)]
        )
        pen.body(loop, ribbon, "plane")
    pen.body(oval(0, bow - 3, 6, 5), ribbon, "round")


def _cone(pen: Pen, look: Look) -> None:
    pen.body("M0 -100L44 -10A44 11 0 0 1 -44 -10z", look, "side")


def _cylinder(pen: Pen, look: Look) -> None:
    pen.body("M-36 -90V-9A36 9 0 0 0 36 -9V-90z", look, "side")
    pen.body(oval(0, -90, 36, 10), look, "plane", colour=shade(look.main, 0.28))


def _pyramid(pen: Pen, look: Look) -> None:
    at = look.pose.at("turn").between(-26, 26)
    left_lit = pen.side < 0
    pen.body(
        polygon(0, -100, -62, -12, at, 0), look, colour=shade(look.main, 0.1 if left_lit else -0.28)
    )
    pen.body(
        polygon(0, -100, 62, -12, at, 0), look, colour=shade(look.main, -0.28 if left_lit else 0.1)
    )


def _ring(pen: Pen, look: Look) -> None:
    pen.raw('<g fill-rule="evenodd">')
    pen.body(oval(0, -50, 50) + oval(0, -50, 21), look, "round")
    pen.raw("</g>")
    icing = look.pose.at("icing").flip(0.5)
    if icing:
        pen.raw('<g fill-rule="evenodd">')
        pen.shape(oval(0, -53, 44, 42) + oval(0, -52, 25), look.accent, "round", ink=False)
        pen.raw("</g>")
        spot = look.pose.at("sprinkles")
        for _ in range(14):
            angle = spot.between(0, 360)
            with pen.group(f"translate(0 -52) rotate({angle:.0f}) translate(34 0)"):
                pen.line("M0 -2L0 3", shade(look.main, spot.pick((-0.4, 0.5))), 2.4)


def _heart(pen: Pen, look: Look) -> None:
    d = "M0 0C-18 -20 -52 -40 -52 -70C-52 -98 -14 -108 0 -78C14 -108 52 -98 52 -70C52 -40 18 -20 0 0z"
    pen.body(d, look, "round")


def _star(pen: Pen, look: Look) -> None:
    turn = -90 + look.twin.at("turn").between(-14, 14)
    if pen.light.dark:
        pen.glow(0, -50, 95, shade(look.main, 0.5), 0.45)
    shape = star(0, -50, 52, 24, 5, turn)
    pen.raw('<g stroke-linejoin="round">')
    pen.body(shape, look, "round")
    pen.raw("</g>")


def _egg(pen: Pen, look: Look) -> None:
    d = "M0 -100C26 -100 40 -56 40 -36C40 -12 22 0 0 0C-22 0 -40 -12 -40 -36C-40 -56 -26 -100 0 -100z"
    pen.body(d, look, "round")


def _bowl(pen: Pen, look: Look) -> None:
    inner: RGB = shade(look.main, -0.35)
    pen.shape(oval(0, -92, 88, 20), inner, "plane")
    pen.body(
        "M-88 -92A88 20 0 0 0 88 -92C84 -34 50 -6 30 0H-30C-50 -6 -84 -34 -88 -92z", look, "side"
    )


KINDS: dict[str, Kind] = {
    "ball": Kind(_ball, 0.36, 1.0, _TOYS, scale=0, materials=_SURFACES, homes=_HOMES),
    "cube": Kind(_cube, 0.36, 0.92, _TOYS, scale=0, materials=_SURFACES, homes=_HOMES, seat=0.86),
    "box": Kind(_crate, 0.36, 1.25, ("tan", "brown", "beige", "mustard"), scale=0,
                materials={"wood": 0.6, "paper": 0.4}, homes=_HOMES, seat=0.84),
    "gift": Kind(_gift, 0.36, 1.1, _TOYS, ("gold", "white", "red", "cream"), scale=0, homes=INDOORS,
                 seat=0.9),
    "cone": Kind(_cone, 0.42, 0.88, _TOYS, scale=0, materials=_SURFACES, homes=_HOMES),
    "cylinder": Kind(_cylinder, 0.42, 0.72, _TOYS, scale=0, materials=_SURFACES, homes=_HOMES,
                     seat=0.93),
    "pyramid": Kind(_pyramid, 0.4, 1.24, ("amber", "tan", "coral", "teal", "mustard"), scale=1,
                    materials={"matte": 0.5, "stone": 0.5}, homes=("desert", *_HOMES)),
    "ring": Kind(_ring, 0.36, 1.0, ("amber", "tan", "chocolate", "gold"), ("pink", "cream", "mint"),
                 scale=0, homes=INDOORS),
    "heart": Kind(_heart, 0.38, 1.04, ("red", "pink", "crimson", "rose"), stance="air", scale=0,
                  materials=_SURFACES, homes=("plain", "sky", "plain")),
    "star": Kind(_star, 0.3, 1.0, ("yellow", "amber", "gold"), stance="sky", scale=0,
                 homes=("sky", "meadow", "snow", "mountains")),
    "egg": Kind(_egg, 0.3, 0.8, ("cream", "white", "beige", "peach", "mint"), scale=0,
                homes=INDOORS),
    "bowl": Kind(_bowl, 0.24, 1.76, ("blue", "cream", "teal", "coral", "white"), scale=0,
                 materials={"gloss": 0.6, "wood": 0.25, "matte": 0.15}, homes=INDOORS, seat=0.7),
}  # fmt: skip
