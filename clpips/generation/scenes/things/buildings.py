# ruff: noqa: E501 # a path is one string: broken over lines it cannot be read as a shape
"""Houses, towers and what people build outdoors."""

from __future__ import annotations

from clpips.generation.scenes.drawing.appearance import Look
from clpips.generation.scenes.drawing.colour import RGB, mix, rgb, shade
from clpips.generation.scenes.drawing.paths import box, oval, polygon
from clpips.generation.scenes.drawing.svg import Pen
from clpips.generation.scenes.things.kind import Kind

_WALLS = ("cream", "coral", "teal", "sky-blue", "mustard", "white", "red", "mint", "salmon")
_ROOFS = ("maroon", "brown", "navy", "charcoal", "coral", "teal")
_LIT: RGB = (1.0, 0.86, 0.5)
_PANE: RGB = (0.55, 0.72, 0.82)


def window(
    pen: Pen, x: float, y: float, w: float, h: float, frame: RGB, *, arch: bool = False
) -> None:
    """A window by its centre; lit when the scene is dark."""
    top = w / 2 if arch else 1.0
    pen.shape(
        box(x - w / 2 - 1.6, y - h / 2 - 1.6, w + 3.2, h + 3.2, top), frame, "flat", ink=False
    )
    d = box(x - w / 2, y - h / 2, w, h, top)
    if pen.light.dark:
        pen.fill(d, "#ffd978")
        pen.glow(x, y, max(w, h) * 1.5, _LIT, 0.3)
    else:
        pen.shape(d, _PANE, "plane", ink=False)
        pen.line(f"M{x - w * 0.25:.1f} {y + h * 0.1:.1f}L{x + w * 0.15:.1f} {y - h * 0.3:.1f}",
                 (1, 1, 1), 1, opacity=0.6)  # fmt: skip
    pen.line(
        f"M{x:.1f} {y - h / 2:.1f}V{y + h / 2:.1f}M{x - w / 2:.1f} {y:.1f}H{x + w / 2:.1f}",
        frame,
        1.1,
    )


def _chimney(pen: Pen, look: Look, x: float) -> None:
    pen.shape(box(x, -97, 9, 26), mix(rgb("brown"), look.accent, 0.3), "side")
    pen.shape(box(x - 1.5, -99, 12, 4, 1), shade(look.accent, -0.2), "flat")
    smoke = look.twin.at("smoke")
    if smoke.flip(0.6):
        for i in range(4):
            pen.shape(oval(x + 5 + i * 5 * smoke.between(0.5, 1.2), -104 - i * 8, 3.5 + i * 1.7), (0.95, 0.95, 0.96),
                      "flat", opacity=0.42 - i * 0.08, ink=False)  # fmt: skip


def _house(pen: Pen, look: Look) -> None:
    """A cottage seen at an angle, or a tall narrow house; the seed chooses."""
    pose = look.pose.at("form")
    tall = pose.flip(0.3)
    w = 38.0 if tall else 56.0
    eave = -62.0 if tall else -50.0
    if not tall or pose.flip(0.5):
        _chimney(pen, look, w * pose.pick((-0.6, 0.25)))
    pen.body(box(-w, eave, 2 * w, -eave), look, "plane")
    pen.fill(
        box(-w, eave, 2 * w, 9),
        pen.linear(((0, (0.1, 0.1, 0.2), 0.3), (1, (0.1, 0.1, 0.2), 0)), 0, 0, 0, 1),
    )
    roof = look.recoloured(look.accent)
    if pose.flip(0.5) and not tall:
        d = polygon(-w - 8, eave + 2, -w * 0.62, -95, w * 0.62, -95, w + 8, eave + 2)
    else:
        d = polygon(-w - 9, eave + 3, 0, -98, w + 9, eave + 3)
    pen.body(d, roof, "plane")
    with pen.group(clip=d):
        for row in range(1, 6):
            y = eave + 3 - row * 8.4
            pen.line(
                f"M{-w - 10:.0f} {y:.0f}H{w + 10:.0f}", shade(look.accent, -0.35), 1, opacity=0.5
            )
    frame = shade(look.main, 0.75)
    door = look.twin.at("door").between(-0.2, 0.2) * w
    pen.shape(box(door - 8.5, -33, 17, 33, 3), shade(look.accent, -0.15), "side")
    pen.shape(oval(door + 5, -16, 1.4), rgb("gold"), "flat", ink=False)
    spread = w * 0.62
    for x in (-spread, spread):
        if abs(x - door) > 17:
            window(pen, x, -28 if not tall else -22, 15, 17, frame)
    if tall:
        for x in (-w * 0.45, w * 0.45):
            window(pen, x, -50, 13, 13, frame)
    elif pose.flip(0.5):
        window(pen, 0, -66, 11, 12, frame, arch=True)


def _tower_block(pen: Pen, look: Look, x: float, w: float, top: float, *, roof: bool) -> None:
    pen.body(box(x - w / 2, top, w, -top), look, "side")
    if roof:
        pen.body(polygon(x - w * 0.68, top + 2, x, top - w * 1.25, x + w * 0.68, top + 2),
                 look.recoloured(look.accent), "side")  # fmt: skip
        return
    tooth = w * 1.2 / 5
    for i in (0, 2, 4):
        pen.body(box(x - w * 0.6 + i * tooth, top - 6, tooth, 8), look, "side")
    pen.body(box(x - w * 0.6, top, w * 1.2, 7), look, "side")


def _castle(pen: Pen, look: Look) -> None:
    pose = look.pose.at("towers")
    roofs = pose.flip(0.7)
    pen.body(box(-44, -46, 88, 46), look, "plane")
    for i in range(6):
        pen.body(box(-44 + i * 15.6, -52, 9, 8), look, "plane")
    keep = pose.between(-68, -76)
    _tower_block(pen, look, pose.between(-14, 14), 26, keep, roof=roofs)
    for sign in (-1, 1):
        _tower_block(pen, look, sign * 48, 24, pose.between(-56, -68), roof=roofs)
        window(pen, sign * 48, -42, 6, 12, shade(look.main, -0.3), arch=True)
    window(pen, 0, -58, 7, 12, shade(look.main, -0.3), arch=True)
    pen.shape("M-12 0V-18A12 12 0 0 1 12 -18V0z", rgb("chocolate"), "side")
    pen.line("M-4 0V-28M4 0V-28", shade(rgb("chocolate"), -0.4), 1)


def _lighthouse(pen: Pen, look: Look) -> None:
    if pen.light.dark:
        for sign in (-1, 1):
            beam = polygon(0, -88, sign * 150, -112, sign * 150, -70)
            pen.fill(
                beam,
                pen.linear(((0, _LIT, 0.55), (1, _LIT, 0)), 0.5 - sign / 2, 0, 0.5 + sign / 2, 0),
            )
    d = "M-15 -78L-22 0H22L15 -78z"
    pen.body(d, look, "side")
    if not look.pattern:
        bands = look.pose.at("bands").pick((2, 3))
        for i in range(bands):
            top = -74 + i * 74 / bands
            low = top + 37 / bands
            a, b = 15 + (top + 78) * 7 / 78, 15 + (low + 78) * 7 / 78
            pen.shape(polygon(-a, top, a, top, b, low, -b, low), look.accent, "side", ink=False)
    pen.shape(box(-19, -81, 38, 5, 1), rgb("charcoal"), "side")
    pen.fill(box(-10, -94, 20, 13), "#ffe9a3" if pen.light.dark else "#cfe6ee")
    pen.line("M-10 -94V-81M0 -94V-81M10 -94V-81", rgb("charcoal"), 1.4)
    pen.shape("M-13 -94A13 9 0 0 1 13 -94z", shade(look.main, -0.1), "round")
    if pen.light.dark:
        pen.glow(0, -88, 34, _LIT, 0.8)
    pen.shape("M-6 0V-12A6 6 0 0 1 6 -12V0z", rgb("chocolate"), "flat")
    window(pen, 0, -42, 6, 9, shade(look.main, -0.2), arch=True)


def _tower(pen: Pen, look: Look) -> None:
    _tower_block(pen, look, 0, 34, -74, roof=look.pose.at("roof").flip(0.6))
    for y in (-58, -36):
        window(pen, 0, y, 8, 13, shade(look.main, -0.35), arch=True)
    pen.shape("M-7 0V-13A7 7 0 0 1 7 -13V0z", rgb("chocolate"), "flat")


def _church(pen: Pen, look: Look) -> None:
    roof = look.recoloured(look.accent)
    pen.body(box(-16, -38, 62, 38), look, "plane")
    pen.body(polygon(-16, -36, -4, -60, 38, -60, 52, -36), roof, "plane")
    pen.body(box(-34, -64, 28, 64), look, "side")
    pen.body(polygon(-38, -62, -20, -96, -2, -62), roof, "side")
    pen.line("M-20 -95V-106M-24 -102H-16", rgb("gold"), 1.6)
    frame = shade(look.main, 0.6)
    window(pen, -20, -46, 8, 14, frame, arch=True)
    for x in (10, 32):
        window(pen, x, -19, 9, 16, frame, arch=True)
    pen.shape("M-26 0V-15A6 6 0 0 1 -14 -15V0z", shade(look.accent, -0.3), "flat")


def _windmill(pen: Pen, look: Look) -> None:
    pen.body("M-17 -64L-25 0H25L17 -64z", look, "side")
    window(pen, 0, -38, 8, 10, shade(look.main, 0.6))
    pen.shape("M-8 0V-16A8 8 0 0 1 8 -16V0z", rgb("chocolate"), "flat")
    pen.shape("M-20 -63C-16 -84 16 -84 20 -63z", mix(look.accent, rgb("brown"), 0.55), "round")
    turn = look.twin.at("turn").between(0, 90)
    sail = look.recoloured(look.accent)
    for arm in range(4):
        with pen.group(f"translate(0 -66) rotate({turn + arm * 90:.0f})"):
            pen.line("M0 0V-44", rgb("chocolate"), 2)
            pen.body(box(1, -44, 10, 32, 1), sail, "flat")
            pen.line("M1 -34H11M1 -24H11", rgb("chocolate"), 0.8, opacity=0.6)
    pen.shape(oval(0, -66, 3.4), rgb("chocolate"), "round")


def _bridge(pen: Pen, look: Look) -> None:
    arch = "M-120 0V-44C-60 -70 60 -70 120 -44V0H92A32 34 0 0 0 28 0H-28A32 34 0 0 0 -92 0z"
    pen.body(arch, look, "plane")
    pen.line("M-122 -50C-60 -77 60 -77 122 -50", shade(look.main, -0.25), 6)
    pen.line("M-122 -64C-60 -91 60 -91 122 -64", shade(look.main, -0.1), 4)
    for i in range(9):
        x = -112 + i * 28
        y = -71 + (x / 118) ** 2 * 19
        pen.line(f"M{x} {y:.0f}v-13", shade(look.main, -0.3), 3)


def _tent(pen: Pen, look: Look) -> None:
    pen.body(
        polygon(0, -96, -70, 0, 18, 0), look, colour=shade(look.main, 0.1 if pen.side < 0 else -0.2)
    )
    pen.body(
        polygon(0, -96, 18, 0, 74, -9), look, colour=shade(look.main, -0.2 if pen.side < 0 else 0.1)
    )
    pen.shape(
        polygon(-2, -70, -34, 0, 4, 0),
        look.accent if pen.light.dark else shade(look.main, -0.65),
        "plane",
    )
    if pen.light.dark:
        pen.glow(-12, -20, 60, _LIT, 0.5)
    pen.line("M0 -96L-6 -104M0 -96L5 -104", rgb("brown"), 2)


def _fence(pen: Pen, look: Look) -> None:
    for y in (-62, -30):
        pen.body(box(-130, y, 260, 10, 2), look, "plane")
    for i in range(9):
        x = -122 + i * 28
        pen.body(f"M{x} 0V-82L{x + 8} -96L{x + 16} -82V0z", look, "side")


KINDS: dict[str, Kind] = {
    "house": Kind(_house, 0.46, 1.3, _WALLS, _ROOFS, scale=3,
                  materials={"matte": 0.5, "wood": 0.2, "brick": 0.2, "stone": 0.1},
                  homes=("meadow", "meadow", "snow", "forest", "mountains", "beach"), seat=0.95),
    "castle": Kind(_castle, 0.56, 1.38, ("beige", "grey", "silver", "cream", "lavender"),
                   ("navy", "maroon", "teal", "purple"), scale=3,
                   materials={"stone": 0.6, "brick": 0.2, "matte": 0.2}, homes=("mountains", "meadow", "forest")),
    "lighthouse": Kind(_lighthouse, 0.64, 0.5, ("white", "cream"), ("red", "navy", "teal", "coral"), scale=3,
                       homes=("beach", "beach", "sea")),
    "tower": Kind(_tower, 0.62, 0.44, ("beige", "grey", "tan", "cream"), ("navy", "maroon", "teal"), scale=3,
                  materials={"stone": 0.6, "brick": 0.4}, homes=("mountains", "meadow", "forest")),
    "church": Kind(_church, 0.52, 0.95, ("white", "cream", "beige"), ("maroon", "charcoal", "teal"), scale=3,
                   homes=("meadow", "snow", "mountains")),
    "windmill": Kind(_windmill, 0.58, 0.9, ("white", "cream", "beige", "salmon"), ("red", "cream", "coral", "white"),
                     scale=3, homes=("meadow", "meadow", "beach")),
    "bridge": Kind(_bridge, 0.28, 2.6, ("grey", "beige", "brown", "maroon"), scale=3,
                   materials={"stone": 0.5, "brick": 0.3, "wood": 0.2}, homes=("lake", "lake", "forest", "meadow")),
    "tent": Kind(_tent, 0.36, 1.45, ("orange", "teal", "red", "mustard", "green"), ("amber", "gold"), scale=2,
                 materials={"fabric": 1.0}, homes=("forest", "mountains", "meadow", "snow")),
    "fence": Kind(_fence, 0.18, 2.7, ("white", "brown", "cream"), scale=2, materials={"matte": 0.6, "wood": 0.4},
                  homes=("meadow", "snow")),
}  # fmt: skip
