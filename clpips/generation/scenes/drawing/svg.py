# a path is one string: broken over lines it cannot be read as a shape
"""The pen: turns shapes, colours and surfaces into one SVG document.

Things are drawn in their own coordinates: the foot at (0, 0), y upwards negative, about 100
units high. The pen knows the scene's light and how far away the thing stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from clpips.generation.scenes.drawing.appearance import Look
from clpips.generation.scenes.drawing.colour import RGB, css, mix, shade
from clpips.generation.scenes.drawing.lighting import Light
from clpips.generation.scenes.drawing.texture import material_pattern, printed_pattern

Stops = tuple[tuple[float, RGB, float], ...]
WHITE: RGB = (1.0, 1.0, 1.0)
INK: RGB = (0.13, 0.12, 0.16)


class Pen:
    """Collects SVG; ``hard`` draws two-tone shading instead of soft, ``outline`` inks edges."""

    def __init__(
        self, light: Light, width: float, *, hard: bool = False, outline: float = 0.0
    ) -> None:
        self.light = light
        self.width = width
        self.hard = hard
        self.outline = outline
        self.side = light.side
        self.depth = 1.0
        self._parts: list[str] = []
        self._defs: dict[tuple[str, str], str] = {}

    def svg(self) -> str:
        """The whole document, 1000 units high."""
        defs = "".join(
            f'<{tag} id="{name}" {rest}</{tag}>' for (tag, rest), name in self._defs.items()
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:g} 1000">'
            f"<defs>{defs}</defs>{''.join(self._parts)}</svg>"
        )

    def define(self, tag: str, rest: str) -> str:
        """Keep ``<tag rest</tag>`` once among the definitions and give its address."""
        name = self._defs.setdefault((tag, rest), f"d{len(self._defs)}")
        return f"url(#{name})"

    def raw(self, markup: str) -> None:
        """Markup as it is."""
        self._parts.append(markup)

    @contextmanager
    def group(self, transform: str = "", *, opacity: float = 1.0, clip: str = "") -> Iterator[None]:
        """Everything drawn inside is moved, faded or clipped to the path ``clip``."""
        attributes = f' transform="{transform}"' if transform else ""
        if opacity < 1:
            attributes += f' opacity="{opacity:.2f}"'
        if clip:
            address = self.define("clipPath", f'><path d="{clip}"/>')
            attributes += f' clip-path="{address}"'
        self._parts.append(f"<g{attributes}>")
        yield
        self._parts.append("</g>")

    def cast(self, colour: RGB) -> RGB:
        """A surface colour in the scene's light."""
        return self.light.cast(colour, self.depth)

    # --- paints ---------------------------------------------------------------------------

    def linear(self, stops: Stops, x1: float, y1: float, x2: float, y2: float) -> str:
        """A linear gradient over the shape's own box, colours as given."""
        box = f'x1="{x1:.2f}" y1="{y1:.2f}" x2="{x2:.2f}" y2="{y2:.2f}"'
        return self.define("linearGradient", f"{box}>{_stop_list(stops)}")

    def radial(self, stops: Stops, cx: float = 0.5, cy: float = 0.5, r: float = 0.5) -> str:
        """A radial gradient over the shape's own box, colours as given."""
        box = f'cx="{cx:.2f}" cy="{cy:.2f}" r="{r:.2f}"'
        return self.define("radialGradient", f"{box}>{_stop_list(stops)}")

    def paint(self, colour: RGB, form: str, material: str = "matte") -> str:
        """The fill for a colour on a form: round, side (upright cylinder), plane, or flat."""
        lit, base, dark, bounce = self.light.tones(colour, self.depth)
        if form == "flat":
            return css(base)
        if material in ("metal", "gloss", "glass"):
            lit = mix(lit, WHITE, 0.22 if not self.light.dark else 0.08)
        if material == "metal":
            dark = mix(dark, INK, 0.15)
        reach = 0.5 + 0.24 * self.side
        if form == "round":
            top = 0.5 - 0.12 - 0.16 * self.light.height
            stops = self.steps((0.0, lit), (0.42, base), (0.86, dark), (1.0, bounce))
            return self.radial(stops, reach, top, 0.78)
        near, far = (0.0, 1.0) if self.side < 0 else (1.0, 0.0)
        if form == "side":
            stops = self.steps((0.0, base), (0.2, lit), (0.5, base), (0.88, dark), (1.0, bounce))
            if material == "metal":
                stops = self.steps(
                    (0.0, dark), (0.18, lit), (0.3, base), (0.55, dark), (0.72, lit), (1.0, dark)
                )
            return self.linear(stops, near, 0, far, 0.06)
        soft = mix(base, dark, 0.55)
        stops = self.steps((0.0, mix(base, lit, 0.6)), (0.5, base), (1.0, soft))
        return self.linear(stops, 0.5 + (near - 0.5) * 0.6, 0, 0.5 + (far - 0.5) * 0.6, 1)

    def steps(self, *stops: tuple[float, RGB]) -> Stops:
        """Gradient stops; in hard shading each colour holds until the next."""
        if not self.hard:
            return tuple((at, colour, 1.0) for at, colour in stops)
        flat: list[tuple[float, RGB, float]] = []
        middle = len(stops) // 2
        tones = (stops[middle - 1 if middle > 1 else 0], stops[-2 if len(stops) > 2 else -1])
        edge = 0.62
        flat.append((edge, tones[0][1], 1.0))
        flat.append((edge + 0.01, tones[1][1], 1.0))
        return tuple(flat)

    # --- marks ----------------------------------------------------------------------------

    def fill(self, d: str, fill: str, *, opacity: float = 1.0) -> None:
        """A path with a ready paint (a colour code or a gradient's address)."""
        extra = f' opacity="{opacity:.2f}"' if opacity < 1 else ""
        self._parts.append(f'<path d="{d}" fill="{fill}"{extra}/>')

    def shape(
        self, d: str, colour: RGB, form: str = "plane", *, opacity: float = 1.0, ink: bool = True
    ) -> None:
        """A path in one colour, shaded for its form."""
        self.fill(d, self.paint(colour, form), opacity=opacity)
        if ink:
            self.edge(d)

    def edge(self, d: str) -> None:
        """The ink line round a shape, where the style has one."""
        if self.outline:
            ink = css(self.cast(INK))
            self._parts.append(
                f'<path d="{d}" fill="none" stroke="{ink}" stroke-width="{self.outline:g}" '
                'stroke-linejoin="round"/>'
            )

    def line(self, d: str, colour: RGB, width: float, *, opacity: float = 1.0) -> None:
        """A stroke with round ends."""
        self._parts.append(
            f'<path d="{d}" fill="none" stroke="{css(self.cast(colour))}" '
            f'stroke-width="{width:.2f}" stroke-linecap="round" stroke-linejoin="round"'
            f' opacity="{opacity:.2f}"/>'
        )

    def body(self, d: str, look: Look, form: str = "plane", *, colour: RGB | None = None) -> None:
        """A path in a thing's colour with its material and pattern."""
        main = colour or look.main
        glass = look.material == "glass"
        self.fill(d, self.paint(main, form, look.material), opacity=0.5 if glass else 1.0)
        tone = self.cast(main)
        chance = look.pose.at("texture")
        printed = printed_pattern(look.pattern, self.cast(look.accent), chance)
        surface = material_pattern(look.material, tone, chance.at("grain"))
        for inside, strength in ((printed, 0.92), (surface, 0.75)):
            if inside:
                address = self.define("pattern", f'patternUnits="userSpaceOnUse" {inside}')
                self.fill(d, address, opacity=strength)
        if printed and form != "flat":
            self.fill(d, self.veil(form))
        if look.material in ("gloss", "metal", "glass") and form != "flat":
            self.fill(d, self.sheen(form))
        if glass:
            rim = css(mix(self.cast(main), WHITE, 0.5))
            self._parts.append(
                f'<path d="{d}" fill="none" stroke="{rim}" stroke-width="1.4" opacity=".8"/>'
            )
        self.edge(d)

    def veil(self, form: str) -> str:
        """See-through shading that goes over a printed pattern."""
        ink = self.light.cast(INK, self.depth)
        clear, deep = (0.55, ink, 0.0), (1.0, ink, 0.34 * self.light.contrast)
        if form == "round":
            return self.radial((clear, deep), 0.5 + 0.24 * self.side, 0.3, 0.8)
        near, far = (0.0, 1.0) if self.side < 0 else (1.0, 0.0)
        return self.linear((clear, deep), near, 0, far, 0.2)

    def sheen(self, form: str) -> str:
        """A bright reflection on the lit side."""
        power = 0.75 if not self.light.dark else 0.4
        if form == "round":
            stops = ((0.0, WHITE, power), (0.16, WHITE, power * 0.6), (0.34, WHITE, 0.0))
            return self.radial(stops, 0.5 + 0.2 * self.side, 0.24, 0.62)
        at = 0.24
        stops2 = ((at - 0.1, WHITE, 0.0), (at, WHITE, power * 0.7), (at + 0.1, WHITE, 0.0))
        near, far = (0.0, 1.0) if self.side < 0 else (1.0, 0.0)
        return self.linear(stops2, near, 0, far, 0.1)

    def glow(self, x: float, y: float, r: float, colour: RGB, strength: float) -> None:
        """Light in the air: a soft disc that fades to nothing."""
        stops = ((0.0, colour, strength), (0.4, colour, strength * 0.35), (1.0, colour, 0.0))
        self._parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}" fill="{self.radial(stops)}"/>'
        )

    def shadow(self, x: float, y: float, rx: float, ry: float, strength: float) -> None:
        """A soft shadow on the ground."""
        ink = mix(shade(self.light.haze_colour, -0.8), INK, 0.5)
        stops = ((0.0, ink, strength), (0.45, ink, strength * 0.62), (1.0, ink, 0.0))
        self._parts.append(
            f'<ellipse cx="{x:.1f}" cy="{y:.1f}" rx="{rx:.1f}" ry="{ry:.1f}" '
            f'fill="{self.radial(stops)}"/>'
        )


def _stop_list(stops: Stops) -> str:
    return "".join(
        f'<stop offset="{at:.3f}" stop-color="{css(colour)}"'
        + (f' stop-opacity="{alpha:.3f}"/>' if alpha < 1 else "/>")
        for at, colour, alpha in stops
    )
