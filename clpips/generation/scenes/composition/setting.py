# ruff: noqa: E501 # a path is one string: broken over lines it cannot be read as a shape
"""Where a scene happens: the place, the camera and the sky over it."""

from __future__ import annotations

from dataclasses import dataclass

from clpips.generation.scenes.drawing.appearance import Look
from clpips.generation.scenes.drawing.colour import RGB, bent, mix, rgb, shade, tweak
from clpips.generation.scenes.drawing.lighting import Light, settle_light
from clpips.generation.scenes.drawing.paths import oval, star
from clpips.generation.scenes.drawing.svg import Pen
from clpips.generation.scenes.language.description import Description
from clpips.generation.scenes.things.registry import KINDS
from clpips.generation.scenes.things.sky import draw_cloud
from clpips.generation.seeds import Chance

_OPEN_PLACES = ("meadow", "beach", "mountains", "forest", "snow", "desert", "city", "plain")
_HORIZONS: dict[str, tuple[float, float]] = {
    "meadow": (500, 640), "forest": (520, 620), "beach": (400, 520), "sea": (430, 580),
    "lake": (430, 540), "city": (600, 680), "desert": (500, 620), "snow": (520, 640),
    "mountains": (560, 660), "sky": (1080, 1080), "space": (1080, 1080), "room": (610, 690),
    "table-top": (560, 680), "plain": (560, 700), "underwater": (780, 840),
}  # fmt: skip
INDOOR = frozenset({"room", "table-top", "plain"})
SKYLESS = frozenset({"room", "table-top", "plain", "underwater"})


@dataclass(frozen=True, slots=True)
class Setting:
    """The resolved stage: ``horizon`` is in units of 1000 per picture height, ``width`` too."""

    place: str
    light: Light
    width: float
    horizon: float
    ground: RGB
    asked: Description
    chance: Chance
    things: frozenset[str]

    def tint(self, *names: str) -> RGB:
        """One of the named colours, as the seed has it, for something in the background."""
        stream = self.chance.at("tint")
        colour = rgb(stream.pick(names))
        return tweak(colour, light=stream.between(-0.04, 0.04), hue=stream.between(-10, 10))


_GROUNDS: dict[str, tuple[str, ...]] = {
    "meadow": ("#79b24c", "#95bd52", "#5da45a", "#aebb58", "#6cab6c"),
    "forest": ("#5d8a4a", "#6f8448", "#4f7f58", "#84824c"),
    "beach": ("#f1dcae", "#ecd0a0", "#f5e3c2", "#e6c596"),
    "sea": ("#2f7fae", "#2a8fa8", "#3c6fb0", "#48a3ae"),
    "lake": ("#7fae5a", "#6b9c5e", "#93ab58"), "city": ("#7d828c", "#8a8580", "#6f7784"),
    "desert": ("#e5b878", "#dda266", "#ecc98f", "#d58e5a"),
    "snow": ("#eef4f9", "#e6eef8", "#f4f3f4"), "mountains": ("#7fa25c", "#8d9b62", "#6d9468"),
    "sky": ("#9fc6e0",), "space": ("#20204a",),
    "room": ("#b98a5e", "#c9a47a", "#8f6a4c", "#a89a8c"),
    "table-top": ("#b07d4f", "#c99a68", "#8a5f3f", "#d8c2a4", "#a8b3ae"),
    "plain": ("#f2d4c2", "#cfe0e6", "#e4dcc8", "#d8cfe6", "#cfe3d2", "#f3dfae", "#e9c6c6"),
    "underwater": ("#d9c59a", "#c8b894", "#b4a98c"),
}  # fmt: skip


def settle_setting(asked: Description, width: float, chance: Chance) -> Setting:
    """The stage of this picture: what the words ask, the seed for the rest."""
    place = asked.place or _open_place(asked, chance.at("place"))
    low, high = _HORIZONS[place]
    stream = chance.at("ground")
    ground = tweak(rgb(stream.pick(_GROUNDS[place])), light=stream.between(-0.03, 0.03))
    if asked.place_colours:
        word = asked.place_colours[0]
        ground = bent(rgb(word.name), word.modifier)
    return Setting(
        place=place,
        light=settle_light(asked, place, chance),
        width=width,
        horizon=chance.at("horizon").between(low, high),
        ground=ground,
        asked=asked,
        chance=chance.at("setting"),
        things=frozenset(thing.kind for thing in asked.things),
    )


def _open_place(asked: Description, chance: Chance) -> str:
    if not asked.things:
        return chance.pick(_OPEN_PLACES)
    homes = [home for home in KINDS[asked.things[0].kind].homes if home in _HORIZONS]
    shared = [h for h in homes if all(h in KINDS[t.kind].homes for t in asked.things)]
    outdoor = asked.light in ("sunset", "dawn", "dusk", "stormy", "moonlit") or asked.weather
    for choices in (shared, homes):
        open_air = [home for home in choices if home not in INDOOR] if outdoor else choices
        if open_air:
            return chance.pick(open_air)
    return "meadow" if outdoor else chance.pick(homes or _OPEN_PLACES)


def draw_sky(pen: Pen, setting: Setting) -> None:
    """Sky colours, then stars, sun or moon, and clouds, where the words or the seed have them."""
    light, chance = setting.light, setting.chance.at("sky")
    top, middle, low = light.sky
    share = setting.horizon / 1000
    fill = pen.linear(((0, top, 1), (share * 0.6, middle, 1), (share, low, 1)), 0, 0, 0, 1)
    pen.fill(f"M0 0H{setting.width:.0f}V1000H0z", fill)
    weather = setting.asked.weather
    if light.name in ("night", "moonlit") or "stars" in weather or setting.place == "space":
        _stars(pen, setting, chance.at("stars"))
    if not {"sun", "moon"} & setting.things and setting.place != "space":
        _own_sun(pen, setting, chance.at("disc"))
    clear = light.name in ("night", "moonlit", "foggy") or setting.place == "space"
    amount = (
        chance.at("amount").pick((0, 2, 3, 4)) if not clear else chance.at("amount").pick((0, 0, 2))
    )
    if light.name in ("overcast", "stormy") or "clouds" in weather:
        amount = 7
    if "clear" in weather or "cloud" in setting.things:
        amount = 0
    _clouds(pen, setting, chance.at("clouds"), amount)


def _stars(pen: Pen, setting: Setting, chance: Chance) -> None:
    for _ in range(110 if "stars" in setting.asked.weather else 70):
        x, y = chance.between(0, setting.width), chance.between(0, setting.horizon * 0.9)
        r = chance.between(0.8, 2.4)
        pen.fill(oval(x, y, r), "#ffffff", opacity=chance.between(0.4, 0.95))
    for _ in range(5):
        x, y = chance.between(0, setting.width), chance.between(0, setting.horizon * 0.7)
        pen.fill(star(x, y, chance.between(6, 11), 1.6, 4), "#fff6dd", opacity=0.9)


def _own_sun(pen: Pen, setting: Setting, chance: Chance) -> None:
    light = setting.light
    if not chance.flip(
        {"sunset": 0.9, "backlit": 1.0, "moonlit": 1.0, "golden": 0.6}.get(light.name, 0.3)
    ):
        return
    if light.name in ("overcast", "stormy", "foggy", "dim", "dusk"):
        return
    x = setting.width * (0.5 + 0.36 * light.side)
    y = setting.horizon * (0.92 - 0.72 * light.height) - 26
    if light.name in ("night", "moonlit"):
        pen.glow(x, y, 240, (0.85, 0.9, 1.0), 0.5)
        pen.fill(oval(x, y, 46), "#f6f1da")
        for dx, dy, r in ((-14, -10, 9), (12, 8, 12), (-6, 18, 6)):
            pen.fill(oval(x + dx, y + dy, r), "#dcd6bd", opacity=0.6)
        return
    warm: RGB = (1.0, 0.93, 0.72) if light.name != "sunset" else (1.0, 0.86, 0.55)
    pen.glow(x, y, 330, warm, 0.75)
    pen.fill(oval(x, y, 50), "#fffbe6" if light.name != "sunset" else "#fff0b8")


def _clouds(pen: Pen, setting: Setting, chance: Chance, amount: int) -> None:
    light = setting.light
    grey = {"stormy": rgb("#5a6470"), "overcast": rgb("#c3ccd2")}.get(light.name)
    colour = grey or mix((1.0, 1.0, 1.0), light.sky[2], 0.3 if not light.dark else 0.75)
    for i in range(amount):
        x = setting.width * (i + chance.between(0.0, 1.0)) / amount
        y = chance.between(0.1, 0.62) * setting.horizon
        size = chance.between(0.7, 1.9) * (1.1 - 0.5 * y / max(setting.horizon, 1))
        look = Look(colour, colour, "matte", "", chance.at(i), chance.at(i))
        pen.depth = 1.0
        plain = setting.light
        with pen.group(
            f"translate({x:.0f} {y:.0f}) scale({size * 1.2:.2f} {size * 0.8:.2f})", opacity=0.85
        ):
            if plain.dark:
                look = look.recoloured(shade(mix(plain.sky[1], plain.sky[2], 0.5), 0.12))
            draw_cloud(pen, look)


def draw_weather(pen: Pen, setting: Setting) -> None:
    """Rain, falling snow and fog, in front of everything."""
    chance = setting.chance.at("weather")
    width = setting.width
    if "rain" in setting.asked.weather or (setting.light.name == "stormy" and chance.flip(0.6)):
        lines = "".join(
            f"M{chance.between(-50, width):.0f} {chance.between(-40, 1000):.0f}l-{chance.between(6, 10):.0f} {chance.between(26, 48):.0f}"
            for _ in range(190)
        )
        pen.raw(
            f'<path d="{lines}" stroke="#e6eef5" stroke-width="1.8" opacity=".42" fill="none"/>'
        )
    falling = (
        setting.place == "snow" and chance.at("flakes").flip(0.3) and setting.light.name != "noon"
    )
    if "snowfall" in setting.asked.weather or falling:
        for _ in range(120):
            r = chance.between(1.6, 6.5)
            pen.fill(
                oval(chance.between(0, width), chance.between(0, 1000), r),
                "#ffffff",
                opacity=chance.between(0.5, 0.95),
            )
    if setting.light.name == "foggy":
        fog = setting.light.haze_colour
        for i in range(3):
            y = setting.horizon - 120 + i * 120 + chance.between(-30, 30)
            band = pen.linear(((0, fog, 0), (0.5, fog, 0.55 - 0.12 * i), (1, fog, 0)), 0, 0, 0, 1)
            pen.fill(f"M0 {y - 150:.0f}H{width:.0f}V{y + 150:.0f}H0z", band)
