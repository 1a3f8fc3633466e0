"""The light of a scene: sky colours, tint, haze, where it comes from and how hard it is."""

from __future__ import annotations

from dataclasses import dataclass

from clpips.generation.scenes.drawing.colour import (
    RGB,
    bent,
    from_lch,
    mix,
    rgb,
    shade,
    times,
    to_lch,
    tweak,
)
from clpips.generation.scenes.language.description import Description
from clpips.generation.seeds import Chance


@dataclass(frozen=True, slots=True)
class Light:
    """A resolved light.

    ``side`` runs from -1 (from the left) to 1 (from the right); ``height`` from 0 (at the
    horizon) to 1 (overhead). ``haze`` in [0, 1] is how much of ``haze_colour`` the farthest
    things take on. ``dark`` says that lamps and windows are lit.
    """

    name: str
    sky: tuple[RGB, RGB, RGB]
    tint: RGB
    shadow_tint: RGB
    haze_colour: RGB
    haze: float
    side: float
    height: float
    contrast: float
    dark: bool

    def cast(self, colour: RGB, depth: float) -> RGB:
        """A surface colour as it looks in this light; ``depth`` is 1 near and 0 far."""
        return mix(times(colour, self.tint), self.haze_colour, self.haze * (1 - depth))

    def tones(self, colour: RGB, depth: float) -> tuple[RGB, RGB, RGB, RGB]:
        """Highlight, base, shadow and bounced light of one surface."""
        hard = self.contrast
        lit = self.cast(shade(colour, 0.26 * hard), depth)
        base = self.cast(colour, depth)
        dark = self.cast(times(shade(colour, -0.38 * hard), self.shadow_tint), depth)
        return lit, base, dark, mix(dark, base, 0.4)


# sky top, middle, horizon · tint · shadow tint · haze, contrast, height of the light
_ROWS: dict[str, tuple[str, str, str, str, str, float, float, float]] = {
    "noon": ("#4aa3e0", "#86c7ee", "#d8eef5", "#ffffff", "#e4e8fb", 0.34, 1.0, 0.85),
    "dawn": ("#8fa8dc", "#f0bfc4", "#ffe3bd", "#fff0e4", "#d9d4f2", 0.48, 0.9, 0.35),
    "golden": ("#79b4d6", "#f6cf94", "#ffe9b8", "#fff0cc", "#dcc8dc", 0.42, 1.1, 0.4),
    "sunset": ("#4a4a9a", "#e77a72", "#ffc46b", "#ffcfa6", "#a892c4", 0.4, 1.15, 0.2),
    "dusk": ("#2a3472", "#7361a5", "#eb9f9a", "#a79fd2", "#7d7ac0", 0.45, 0.8, 0.25),
    "night": ("#0b1233", "#1a2a5c", "#35508a", "#7686c8", "#6a72b8", 0.42, 0.9, 0.6),
    "moonlit": ("#10204a", "#274a80", "#6f9ac4", "#86a2d8", "#5c6ab4", 0.45, 1.05, 0.7),
    "overcast": ("#9fb0bd", "#bccad2", "#dbe2e4", "#dfe4ea", "#dfe4f0", 0.48, 0.6, 0.8),
    "stormy": ("#333d4d", "#56626f", "#8d979b", "#8f9aa8", "#8088a4", 0.45, 0.85, 0.6),
    "foggy": ("#c3ced2", "#d3dbdc", "#e2e6e4", "#e6eaea", "#e4e8ee", 0.86, 0.55, 0.7),
    "dim": ("#3b3f58", "#5a5a72", "#8c8288", "#b4a08f", "#7c7094", 0.4, 1.0, 0.5),
    "space": ("#0a0c26", "#141a44", "#1d2450", "#f4f4ff", "#8a8fd6", 0.0, 1.25, 0.6),
    "backlit": ("#f0b45c", "#f9d78e", "#fff3cf", "#8e7688", "#7c6a92", 0.5, 0.9, 0.2),
}
_OPEN: dict[str, float] = {
    "noon": 0.34, "golden": 0.2, "dawn": 0.12, "overcast": 0.12, "sunset": 0.1, "dusk": 0.06,
    "foggy": 0.06,
}  # fmt: skip


def settle_light(asked: Description, place: str, chance: Chance) -> Light:
    """The light of this picture: what the words ask, the seed for the rest."""
    name = asked.light if asked.light and place != "space" else None
    name = name or _open_light(asked, place, chance)
    top, middle, horizon, tint, shadow, haze, contrast, height = _ROWS[name]
    mood = chance.at("mood")
    turn, lift = mood.between(-7, 7), mood.between(-0.025, 0.025)
    sky = tuple(tweak(rgb(code), hue=turn, light=lift) for code in (top, middle, horizon))
    if asked.sky_colours:
        sky = _asked_sky(asked, name)
    side = {"left": -0.9, "right": 0.9, "above": 0.0}.get(asked.light_from or "")
    if side is None:
        side = chance.at("side").between(0.45, 1.0) * chance.at("side-sign").pick((-1, 1))
    if name == "backlit" and asked.light_from is None:
        side *= 0.3
    return Light(
        name=name,
        sky=(sky[0], sky[1], sky[2]),
        tint=rgb(tint),
        shadow_tint=rgb(shadow),
        haze_colour=sky[2],
        haze=haze,
        side=side,
        height=0.95 if asked.light_from == "above" else height,
        contrast=contrast * chance.at("contrast").between(0.85, 1.2),
        dark=name in ("night", "moonlit", "dusk", "dim", "stormy"),
    )


def _open_light(asked: Description, place: str, chance: Chance) -> str:
    if place == "space":
        return "space"
    weather = asked.weather
    kinds = {thing.kind for thing in asked.things}
    if "stars" in weather or "moon" in kinds:
        return chance.at("light").weighted({"night": 0.6, "moonlit": 0.3, "dusk": 0.1})
    if "rain" in weather:
        return chance.at("light").weighted({"overcast": 0.6, "stormy": 0.4})
    if "snowfall" in weather:
        return chance.at("light").weighted({"overcast": 0.6, "dusk": 0.2, "dawn": 0.2})
    if kinds & {"sun", "rainbow"} or "clear" in weather:
        return chance.at("light").weighted({"noon": 0.7, "golden": 0.15, "dawn": 0.15})
    if place in ("plain", "table-top", "room"):
        return chance.at("light").weighted({"noon": 0.68, "golden": 0.2, "dawn": 0.08})
    return chance.at("light").weighted(_OPEN)


def _asked_sky(asked: Description, name: str) -> tuple[RGB, RGB, RGB]:
    word = asked.sky_colours[0]
    main = bent(rgb(word.name), word.modifier)
    light, chroma, hue = to_lch(main)
    if name in ("night", "moonlit", "dusk", "stormy"):
        light = min(light, 0.4)
    horizon = from_lch(min(0.95, light + 0.2), chroma * 0.55, hue)
    if len(asked.sky_colours) > 1:
        horizon = rgb(asked.sky_colours[1].name)
    return from_lch(light, chroma, hue), mix(from_lch(light, chroma, hue), horizon, 0.5), horizon
