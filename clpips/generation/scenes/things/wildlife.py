# ruff: noqa: E501 # a path is one string: broken over lines it cannot be read as a shape
"""Birds, fish, butterflies and whales."""

from __future__ import annotations

from clpips.generation.scenes.drawing.appearance import Look
from clpips.generation.scenes.drawing.colour import RGB, mix, rgb, shade
from clpips.generation.scenes.drawing.paths import box, oval, polygon
from clpips.generation.scenes.drawing.svg import Pen
from clpips.generation.scenes.things.animals import draw_eye
from clpips.generation.scenes.things.kind import Kind

_EYE: RGB = (0.1, 0.09, 0.12)


def _bird(pen: Pen, look: Look) -> None:
    """Perched or with its wing up; centred at y −50 when it flies."""
    twin = look.twin.at("wing")
    lift = twin.flip(0.45)
    pen.body("M34 -48L62 -62L66 -52L60 -46L36 -38z", look, "plane", colour=shade(look.main, -0.2))
    pen.body(
        "M-36 -62C-36 -88 2 -84 10 -68C36 -64 46 -48 38 -38C26 -22 -12 -20 -24 -36C-32 -44 -36 -52 -36 -62z",
        look,
        "round",
    )
    pen.shape(
        "M-30 -50C-26 -30 0 -22 18 -28C6 -38 -12 -54 -30 -50z", look.accent, "round", ink=False
    )
    pen.shape(polygon(-34, -68, -52, -61, -34, -58), rgb("amber"), "plane")
    draw_eye(pen, -22, -68, 3.6)
    wing = "M-4 -58C10 -66 34 -56 44 -40C26 -34 4 -36 -4 -58z"
    if lift:
        wing = "M-6 -54C-10 -84 14 -104 36 -108C34 -84 30 -62 18 -48z"
    pen.body(wing, look, "plane", colour=shade(look.main, -0.25))
    pen.line(
        "M4 -54Q18 -52 30 -42" if not lift else "M4 -62Q14 -78 28 -90", shade(look.main, 0.3), 1.6
    )


def _bird_on_ground(pen: Pen, look: Look) -> None:
    for x in (-4, 8):
        pen.line(f"M{x} -30V-1M{x - 6} 0L{x} -2L{x + 6} 0", rgb("amber"), 2.4)
    with pen.group("translate(0 4)"):
        _bird(pen, look)


def _fish(pen: Pen, look: Look) -> None:
    bend = look.twin.at("tail").between(-8, 8)
    tail = f"M44 -50C58 -66 70 {-76 + bend:.0f} 78 {-76 + bend:.0f}C70 -58 70 -44 78 {-24 + bend:.0f}C66 -28 54 -38 44 -50z"
    pen.body(
        tail,
        look,
        "plane",
        colour=look.accent if look.pose.at("fin").flip() else shade(look.main, -0.15),
    )
    pen.body("M-20 -72C-8 -92 20 -92 30 -70z", look, "plane", colour=shade(look.main, -0.2))
    d = "M-62 -48C-48 -82 14 -88 50 -52C16 -14 -46 -18 -62 -48z"
    pen.body(d, look, "round")
    with pen.group(clip=d):
        form = look.pose.at("bands").pick(("bands", "scales", "belly"))
        if form == "bands" and not look.pattern:
            for x in (-22, 8, 32):
                pen.line(f"M{x} -90Q{x + 8} -50 {x} -10", look.accent, 8, opacity=0.85)
        elif form == "belly":
            pen.shape(
                "M-62 -44C-30 -38 20 -38 50 -50V-10H-62z",
                look.accent,
                "flat",
                opacity=0.6,
                ink=False,
            )
        elif not look.pattern:
            for row in range(4):
                for col in range(5):
                    x, y = -20 + col * 13 + row % 2 * 6, -70 + row * 12
                    pen.line(f"M{x} {y}q6 6 0 12", shade(look.main, -0.35), 1.2, opacity=0.5)
    pen.body(
        "M-10 -46C2 -44 10 -34 6 -26C-4 -28 -12 -36 -10 -46z",
        look,
        "plane",
        colour=shade(look.main, -0.25),
    )
    pen.fill(oval(-42, -54, 6.5), "#ffffff")
    draw_eye(pen, -43, -54, 4.2)
    pen.line("M-60 -44q6 4 10 0", shade(look.main, -0.6), 1.4)


def _butterfly(pen: Pen, look: Look) -> None:
    turn = look.twin.at("turn").between(-28, 28)
    fold = look.twin.at("fold").between(0.65, 1.0)
    with pen.group(f"rotate({turn:.0f} 0 -50)"):
        for sign in (-1, 1):
            with pen.group(f"translate(0 -50) scale({sign * fold:.2f} 1)"):
                pen.body(
                    "M2 2C18 0 40 14 34 34C24 48 6 28 2 6z",
                    look,
                    "plane",
                    colour=shade(look.main, -0.18),
                )
                pen.body("M2 -2C8 -40 42 -56 54 -40C58 -18 32 4 2 4z", look, "plane")
                pen.shape(
                    "M46 -42C54 -40 54 -22 44 -14C46 -26 46 -34 46 -42z",
                    shade(look.main, -0.65),
                    "flat",
                    ink=False,
                )
                for x, y, r in ((30, -26, 7), (40, -30, 3.5), (22, 22, 5)):
                    pen.shape(oval(x, y, r), look.accent, "flat", ink=False)
        pen.shape(box(-3, -72, 6, 44, 3), rgb("charcoal"), "side")
        pen.line("M-1 -70Q-8 -86 -14 -86M1 -70Q8 -86 14 -86", rgb("charcoal"), 1.4)


def _owl(pen: Pen, look: Look) -> None:
    for sign in (-1, 1):
        pen.body(polygon(sign * 8, -84, sign * 30, -100, sign * 30, -74), look)
    pen.body(
        "M-34 -72C-34 -98 34 -98 34 -72C42 -40 36 -8 18 0H-18C-36 -8 -42 -40 -34 -72z",
        look,
        "round",
    )
    pen.shape(oval(0, -30, 21, 27), mix(look.main, rgb("cream"), 0.6), "round", ink=False)
    for row in range(4):
        for col in range(3):
            pen.line(
                f"M{-13 + col * 10 + row % 2 * 4} {-44 + row * 10}q3 4 6 0",
                look.main,
                1.6,
                opacity=0.7,
            )
    for sign in (-1, 1):
        pen.body(f"M{sign * 34} -62C{sign * 46} -40 {sign * 40} -16 {sign * 26} -8C{sign * 24} -30 {sign * 26} -50 {sign * 34} -62z",
                 look, "plane", colour=shade(look.main, -0.25))  # fmt: skip
        pen.shape(oval(sign * 13, -70, 14), mix(look.main, rgb("cream"), 0.75), "flat", ink=False)
        pen.shape(oval(sign * 13, -70, 9), rgb("amber"), "flat", ink=False)
        draw_eye(pen, sign * 13, -70, 5.6)
        pen.shape(oval(sign * 9, 0, 6, 4), rgb("amber"), "round")
    pen.shape(polygon(-5, -64, 5, -64, 0, -53), rgb("amber"), "plane")


def _penguin(pen: Pen, look: Look) -> None:
    for sign in (-1, 1):
        pen.shape(oval(sign * 13, -2, 13, 5), rgb("amber"), "round")
        flap = look.twin.at("flap").between(6, 30)
        with pen.group(f"rotate({-sign * flap:.0f} {sign * 26} -58)"):
            pen.body(oval(sign * 31, -42, 7, 24), look, "plane", colour=shade(look.main, -0.1))
    pen.body(
        "M-30 -60C-34 -108 34 -108 30 -60C40 -30 32 -4 14 -1H-14C-32 -4 -40 -30 -30 -60z",
        look,
        "round",
    )
    pen.shape(
        "M0 -76C-10 -86 -24 -78 -20 -64C-28 -36 -22 -8 0 -6C22 -8 28 -36 20 -64C24 -78 10 -86 0 -76z",
        rgb("white"),
        "round",
        ink=False,
    )
    for sign in (-1, 1):
        draw_eye(pen, sign * 10, -72, 3.2)
    pen.shape(polygon(-7, -67, 7, -67, 0, -57), rgb("amber"), "plane")


def _duck(pen: Pen, look: Look) -> None:
    pen.body(
        "M-34 -40C-10 -30 20 -34 56 -52C60 -20 40 -2 6 -2C-34 -2 -50 -22 -34 -40z", look, "round"
    )
    pen.shape("M-46 -72L-68 -66C-66 -58 -54 -58 -44 -62z", rgb("orange"), "plane")
    pen.body("M-40 -62C-44 -48 -44 -36 -34 -26H4C-10 -34 -14 -48 -12 -62z", look, "round")
    pen.body(oval(-30, -70, 21, 21), look, "round")
    draw_eye(pen, -38, -74, 3.2)
    pen.body(
        "M-8 -28C10 -38 30 -32 40 -36C38 -16 10 -8 -8 -28z",
        look,
        "plane",
        colour=shade(look.main, -0.2),
    )


def _whale(pen: Pen, look: Look) -> None:
    pen.body(
        "M56 -40C66 -58 60 -76 72 -92C84 -80 96 -84 106 -84C100 -66 88 -58 80 -36z",
        look,
        "plane",
        colour=shade(look.main, -0.1),
    )
    d = "M-84 -40C-80 -84 -10 -92 30 -62C50 -50 66 -56 76 -56C82 -30 56 -2 0 -2C-54 -2 -86 -14 -84 -40z"
    pen.body(d, look, "round")
    with pen.group(clip=d):
        pen.shape(
            "M-90 -32C-50 -14 10 -22 40 -20V10H-90z",
            mix(look.main, (1, 1, 1), 0.65),
            "plane",
            ink=False,
        )
        for i in range(6):
            pen.line(f"M-80 {-24 + i * 4}q50 14 96 6", shade(look.main, -0.2), 0.8, opacity=0.4)
    draw_eye(pen, -48, -42, 4)
    pen.body(
        "M-14 -26C2 -24 14 -12 12 0C-6 0 -18 -12 -14 -26z",
        look,
        "plane",
        colour=shade(look.main, -0.2),
    )
    for x in (-14, 0, 14):
        pen.line(
            f"M-26 -82Q{-26 + x * 0.4:.0f} -108 {-26 + x * 1.6:.0f} -104",
            (0.85, 0.94, 0.98),
            3.4,
            opacity=0.8,
        )


KINDS: dict[str, Kind] = {
    "bird": Kind(_bird, 0.24, 1.2, ("blue", "red", "teal", "yellow", "orange", "violet"), ("cream", "peach", "white"),
                 stance="air", homes=("meadow", "forest", "sky", "snow")),
    "fish": Kind(_fish, 0.28, 1.45, ("orange", "teal", "yellow", "purple", "coral", "blue"), ("white", "amber", "navy", "pink"),
                 stance="swim", scale=0, homes=("underwater",)),
    "butterfly": Kind(_butterfly, 0.24, 1.1, ("orange", "blue", "violet", "yellow", "pink"), ("white", "amber", "navy"),
                      stance="air", scale=0, homes=("meadow", "meadow", "plain")),
    "owl": Kind(_owl, 0.38, 0.8, ("brown", "grey", "tan", "violet"), homes=("forest", "forest", "night")),
    "penguin": Kind(_penguin, 0.4, 0.8, ("charcoal", "navy", "black"), homes=("snow",)),
    "duck": Kind(_duck, 0.3, 1.3, ("yellow", "white", "brown"), stance="water", homes=("lake", "lake", "meadow")),
    "whale": Kind(_whale, 0.36, 1.9, ("blue", "teal", "navy", "sky-blue"), stance="swim", scale=3, homes=("sea", "underwater")),
}  # fmt: skip
PERCHED = {"bird": _bird_on_ground}
