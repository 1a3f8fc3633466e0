# ruff: noqa: E501 # a path is one string: broken over lines it cannot be read as a shape
"""What carries people, and toys that fly."""

from __future__ import annotations

from clpips.generation.scenes.drawing.appearance import Look
from clpips.generation.scenes.drawing.colour import RGB, mix, rgb, shade
from clpips.generation.scenes.drawing.paths import box, oval, polygon
from clpips.generation.scenes.drawing.svg import Pen
from clpips.generation.scenes.things.kind import Kind

_PAINTS = ("red", "blue", "yellow", "teal", "coral", "mint", "navy", "orange", "white")
_GLASS: RGB = (0.66, 0.83, 0.9)
_TYRE: RGB = (0.16, 0.16, 0.19)
_LACQUER = {"gloss": 0.7, "matte": 0.3}


def _wheel(pen: Pen, x: float, r: float) -> None:
    pen.shape(oval(x, -r, r), _TYRE, "round")
    pen.shape(oval(x, -r, r * 0.52), rgb("silver"), "round")
    pen.shape(oval(x, -r, r * 0.16), _TYRE, "flat", ink=False)


def _pane(pen: Pen, d: str) -> None:
    if pen.light.dark:
        pen.fill(d, "#ffe6a6")
    else:
        pen.shape(d, _GLASS, "plane")


def _headlight(pen: Pen, x: float, y: float) -> None:
    pen.fill(oval(x, y, 4), "#fff2bf")
    if pen.light.dark:
        pen.glow(x, y, 42, (1.0, 0.92, 0.65), 0.7)


def _car(pen: Pen, look: Look) -> None:
    form = look.pose.at("form").pick(("saloon", "beetle", "hatch"))
    cabin = {
        "saloon": "M-52 -52C-40 -92 -30 -98 -14 -98H18C36 -98 44 -86 58 -52z",
        "beetle": "M-62 -50C-54 -104 48 -108 64 -50z",
        "hatch": "M-60 -52L-44 -98H44C56 -98 66 -80 72 -52z",
    }[form]
    pen.body(cabin, look, "plane")
    _pane(pen, "M-42 -54C-34 -82 -28 -88 -16 -88H-4V-54z")
    _pane(pen, "M4 -54V-88H16C28 -88 36 -78 44 -54z")
    lower = "M-96 -20C-100 -44 -86 -52 -56 -55H62C88 -54 100 -46 98 -20C98 -14 94 -12 90 -12H-88C-94 -12 -96 -14 -96 -20z"
    pen.body(lower, look, "plane")
    pen.fill(box(-94, -26, 190, 13, 4), "#000000", opacity=0.16)
    pen.line("M0 -52V-20M8 -42H18", shade(look.main, -0.45), 1.6, opacity=0.6)
    _headlight(pen, -90, -38)
    pen.shape(box(90, -44, 7, 11, 2), rgb("crimson"), "flat")
    for x in (-54, 56):
        pen.fill(oval(x, -19, 23), "#17171c", opacity=0.55)
        _wheel(pen, x, 19)


def _bus(pen: Pen, look: Look) -> None:
    pen.body(box(-98, -98, 196, 86, 14), look, "plane")
    pen.shape(box(-98, -46, 196, 9), look.accent, "plane", ink=False)
    for i in range(5):
        _pane(pen, box(-88 + i * 31, -86, 25, 30, 4))
    _pane(pen, box(70, -86, 24, 64, 4))
    _headlight(pen, -93, -26)
    for x in (-58, 52):
        _wheel(pen, x, 18)


def _truck(pen: Pen, look: Look) -> None:
    pen.body(box(-40, -100, 138, 82, 4), look, "plane", colour=look.accent)
    for i in range(6):
        pen.line(f"M{-18 + i * 20} -96V-22", shade(look.accent, -0.3), 1, opacity=0.4)
    pen.body("M-96 -14V-46C-94 -58 -80 -76 -70 -78H-44V-14z", look, "plane")
    _pane(pen, "M-86 -48C-82 -60 -76 -68 -68 -70H-54V-48z")
    pen.shape(box(-96, -20, 194, 7), rgb("charcoal"), "plane")
    _headlight(pen, -92, -30)
    for x in (-66, 34, 72):
        _wheel(pen, x, 17)


def _train(pen: Pen, look: Look) -> None:
    pen.body(box(26, -92, 62, 74, 4), look, "plane")
    pen.shape(box(20, -99, 74, 9, 4), look.accent, "plane")
    _pane(pen, box(38, -82, 36, 28, 3))
    pen.body(box(-84, -64, 116, 44, 20), look, "plane")
    for x in (-50, -14):
        pen.line(f"M{x} -63V-21", look.accent, 4)
    pen.shape("M-70 -62L-76 -92H-46L-52 -62z", rgb("charcoal"), "side")
    pen.shape("M-26 -63C-26 -78 0 -78 0 -63z", look.accent, "round")
    smoke = look.twin.at("smoke")
    for i in range(4):
        pen.shape(
            oval(-60 + i * 16 + smoke.between(-4, 4), -104 - i * 7, 9 + i * 2.4),
            (0.95, 0.95, 0.96),
            "round",
            opacity=0.75 - i * 0.14,
            ink=False,
        )
    pen.shape(polygon(-84, -22, -104, 0, -74, 0), rgb("charcoal"), "plane")
    pen.shape(box(-84, -24, 174, 8, 2), rgb("charcoal"), "plane")
    for x, r in ((-60, 13), (-30, 13), (2, 13), (58, 19)):
        pen.shape(oval(x, -r, r), shade(look.accent, -0.2), "round")
        pen.shape(oval(x, -r, r * 0.5), rgb("charcoal"), "round")


def _bicycle(pen: Pen, look: Look) -> None:
    for x in (-46, 46):
        pen.line(f"M{x - 32} -32a32 32 0 1 0 64 0a32 32 0 1 0 -64 0z", _TYRE, 5)
        for k in range(4):
            with pen.group(f"rotate({k * 45} {x} -32)"):
                pen.line(f"M{x - 30} -32H{x + 30}", rgb("silver"), 0.8, opacity=0.8)
    pen.line("M46 -32L22 -78L-22 -72L0 -32H46M-22 -72L-46 -32M0 -32L22 -78", look.main, 5)
    pen.line("M0 -32L-26 -84M22 -78L28 -92", shade(look.main, -0.3), 4)
    pen.shape(box(-40, -90, 28, 7, 3.5), look.accent, "plane")
    pen.line("M16 -96H30Q40 -94 36 -84", rgb("charcoal"), 4)
    pen.shape(oval(0, -32, 8), rgb("silver"), "round")


def _boat(pen: Pen, look: Look) -> None:
    """A sailing boat with one or two sails; sits with its hull in the water."""
    twin = look.pose.at("rig")
    pen.line("M2 -14V-98", rgb("brown"), 3)
    sail = look.recoloured(look.accent, material="matte",
                           pattern=look.pattern)  # fmt: skip
    full = twin.between(6, 16)
    pen.body(f"M7 -94Q{30 + full:.0f} -58 {48 + full:.0f} -24Q28 -20 7 -22z", sail, "side")
    if twin.flip(0.7):
        pen.body(
            "M-3 -84Q-26 -54 -36 -24Q-20 -21 -3 -22z",
            sail,
            "side",
            colour=shade(look.accent, -0.08),
        )
    if twin.flip(0.5):
        pen.shape(polygon(2, -99, 20, -104, 2, -108), rgb("red"), "flat")
    hull = look.recoloured(look.main, material=look.material)
    pen.body("M-58 -18H62C56 -4 46 4 36 6H-36C-48 2 -54 -8 -58 -18z", hull, "plane")
    pen.shape("M-58 -18H62L60 -13H-56z", shade(look.main, 0.5), "flat", ink=False)


def _rocket(pen: Pen, look: Look) -> None:
    if look.pose.at("launch").flip(0.6):
        pen.glow(0, 2, 46, (1.0, 0.7, 0.25), 0.7)
        pen.fill("M-12 -12C-18 8 -4 14 0 28C4 14 18 8 12 -12z", "#ff9330")
        pen.fill("M-6 -12C-9 2 -2 6 0 14C2 6 9 2 6 -12z", "#fff0a0")
    for sign in (-1, 1):
        pen.body(
            f"M{sign * 16} -38C{sign * 36} -30 {sign * 36} -14 {sign * 34} -4L{sign * 15} -14z",
            look,
            "plane",
            colour=look.accent,
        )
    hull = "M0 -104C24 -82 26 -44 16 -12H-16C-26 -44 -24 -82 0 -104z"
    pen.body(hull, look, "side")
    with pen.group(clip=hull):
        pen.shape(box(-30, -108, 60, 26), look.accent, "side", ink=False)
    pen.shape(oval(0, -62, 11), rgb("silver"), "round")
    pen.shape(
        oval(0, -62, 7.6), (0.98, 0.86, 0.55) if pen.light.dark else (0.45, 0.72, 0.86), "round"
    )
    pen.shape(box(-12, -14, 24, 5, 2), rgb("charcoal"), "side")


def _plane(pen: Pen, look: Look) -> None:
    tilt = look.twin.at("tilt").between(-12, 10)
    with pen.group(f"rotate({tilt:.0f} 0 -50)"):
        pen.body("M60 -56L84 -92H98L88 -52z", look, "plane", colour=look.accent)
        pen.body("M-10 -58L26 -92H42L22 -56z", look, "plane", colour=shade(look.main, -0.3))
        pen.body(
            "M-98 -46C-90 -62 -70 -64 -50 -64H70C88 -62 98 -54 98 -48C90 -40 60 -34 -60 -34C-86 -34 -100 -38 -98 -46z",
            look,
            "round",
        )
        for i in range(7):
            _pane(pen, oval(-44 + i * 15, -52, 3.6))
        _pane(pen, "M-88 -52C-82 -60 -76 -61 -68 -61V-51z")
        pen.body("M-18 -44L34 -8H54L32 -44z", look, "plane", colour=shade(look.main, -0.08))


def _hot_air(pen: Pen, look: Look) -> None:
    pen.line("M-16 -34L-9 -14M16 -34L9 -14", rgb("brown"), 1.2)
    pen.shape(box(-10, -14, 20, 14, 3), rgb("tan"), "side")
    pen.line("M-10 -9H10M-10 -5H10", rgb("brown"), 0.9)
    d = "M0 -104C28 -104 38 -82 36 -68C34 -52 20 -42 15 -32H-15C-20 -42 -34 -52 -36 -68C-38 -82 -28 -104 0 -104z"
    pen.body(d, look, "round")
    if not look.pattern:
        with pen.group(clip=d):
            for inner, outer in ((0, 9), (22, 32)):
                for sign in (-1, 1):
                    pen.fill(f"M0 -106C{sign * outer * 1.4:.0f} -96 {sign * outer * 1.4:.0f} -60 {sign * outer * 0.45:.0f} -30H{sign * inner * 0.45:.0f}"
                             f"C{sign * inner * 1.4:.0f} -60 {sign * inner * 1.4:.0f} -96 0 -106z", pen.paint(look.accent, "side"))  # fmt: skip
        pen.fill(d, pen.veil("round"))
    if pen.light.dark:
        pen.glow(0, -42, 34, (1.0, 0.8, 0.4), 0.7)


def _balloon(pen: Pen, look: Look) -> None:
    sway = look.twin.at("sway").between(-12, 12)
    pen.line(f"M0 -38Q{sway:.0f} -20 0 -10T{-sway * 0.5:.0f} 14", rgb("charcoal"), 1, opacity=0.7)
    pen.body(
        "M0 -104C24 -104 34 -84 32 -70C30 -52 12 -42 0 -40C-12 -42 -30 -52 -32 -70C-34 -84 -24 -104 0 -104z",
        look,
        "round",
    )
    pen.fill(oval(14 * pen.side, -86, 6, 9), "#ffffff", opacity=0.5)
    pen.shape(polygon(0, -41, -5, -35, 5, -35), shade(look.main, -0.2), "flat")


def _kite(pen: Pen, look: Look) -> None:
    turn = look.twin.at("turn").between(10, 34)
    with pen.group(f"rotate({turn:.0f} 0 -50)"):
        pen.line("M0 -14C12 4 -14 16 4 36", rgb("charcoal"), 1.2, opacity=0.8)
        for i, y in enumerate((2, 16, 29)):
            pen.shape(
                polygon(0, y, -9, y - 5, -9, y + 5), look.accent if i % 2 else look.main, "flat"
            )
            pen.shape(
                polygon(0, y, 9, y - 5, 9, y + 5), look.accent if i % 2 else look.main, "flat"
            )
        for i, d in enumerate((polygon(0, -104, 0, -66, -34, -66), polygon(0, -104, 34, -66, 0, -66),
                               polygon(-34, -66, 0, -66, 0, -14), polygon(34, -66, 0, -66, 0, -14))):  # fmt: skip
            tone = look.main if i in (0, 3) else look.accent
            pen.body(d, look, "plane", colour=mix(tone, tone, 0.0))


KINDS: dict[str, Kind] = {
    "car": Kind(_car, 0.28, 1.95, _PAINTS, scale=2, materials=_LACQUER, homes=("city", "city", "meadow", "desert", "beach"), seat=0.97),
    "bus": Kind(_bus, 0.34, 1.96, ("red", "yellow", "blue", "teal"), scale=2, materials=_LACQUER, homes=("city", "city", "meadow"), seat=0.97),
    "truck": Kind(_truck, 0.32, 1.95, _PAINTS, scale=2, materials=_LACQUER, homes=("city", "desert", "meadow"), seat=0.97),
    "train": Kind(_train, 0.34, 1.95, ("red", "green", "navy", "charcoal", "teal"), ("gold", "crimson", "cream"), scale=2,
                  materials=_LACQUER, homes=("meadow", "mountains", "snow")),
    "bicycle": Kind(_bicycle, 0.34, 1.55, _PAINTS, ("brown", "charcoal", "tan"), scale=1, homes=("city", "meadow", "beach")),
    "boat": Kind(_boat, 0.44, 1.34, ("red", "navy", "teal", "white", "brown", "coral"), ("white", "cream", "coral", "amber"),
                 stance="water", scale=2, homes=("sea", "lake", "sea")),
    "rocket": Kind(_rocket, 0.48, 0.62, ("white", "silver", "cream", "red"), ("red", "coral", "blue", "orange"), stance="air",
                   scale=2, materials=_LACQUER, homes=("space", "space", "sky")),
    "plane": Kind(_plane, 0.26, 1.96, ("white", "silver", "yellow", "red"), ("red", "blue", "teal"), stance="air", scale=2,
                  materials=_LACQUER, homes=("sky", "sky", "mountains")),
    "hot-air balloon": Kind(_hot_air, 0.42, 0.74, ("red", "orange", "blue", "purple", "yellow"), ("cream", "yellow", "white"),
                            stance="air", scale=2, homes=("mountains", "meadow", "sky")),
    "balloon": Kind(_balloon, 0.36, 0.6, ("red", "blue", "yellow", "pink", "green", "purple"), stance="air", scale=0,
                    materials={"gloss": 1.0}, homes=("sky", "plain", "meadow")),
    "kite": Kind(_kite, 0.34, 0.7, ("red", "blue", "yellow", "purple"), ("yellow", "white", "teal"), stance="air", scale=1,
                 homes=("sky", "beach", "meadow")),
}  # fmt: skip
