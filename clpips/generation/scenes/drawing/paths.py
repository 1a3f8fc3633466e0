# a path is one string: broken over lines it cannot be read as a shape
"""Path data for the shapes that everything is drawn from."""

from __future__ import annotations

import math
from collections.abc import Sequence

from clpips.generation.seeds import Chance

Point = tuple[float, float]


def polygon(*points: float) -> str:
    """A closed shape with straight sides: x, y, x, y, …"""
    pairs = [f"{points[i]:.1f} {points[i + 1]:.1f}" for i in range(0, len(points), 2)]
    return "M" + "L".join(pairs) + "z"


def box(x: float, y: float, width: float, height: float, round_by: float = 0.0) -> str:
    """A rectangle by its top left corner, with rounded corners."""
    r = min(round_by, width / 2, height / 2)
    if r <= 0:
        return f"M{x:.1f} {y:.1f}h{width:.1f}v{height:.1f}h{-width:.1f}z"
    w, h = width - 2 * r, height - 2 * r
    return (
        f"M{x + r:.1f} {y:.1f}h{w:.1f}a{r:.1f} {r:.1f} 0 0 1 {r:.1f} {r:.1f}v{h:.1f}"
        f"a{r:.1f} {r:.1f} 0 0 1 {-r:.1f} {r:.1f}h{-w:.1f}a{r:.1f} {r:.1f} 0 0 1 {-r:.1f} {-r:.1f}"
        f"v{-h:.1f}a{r:.1f} {r:.1f} 0 0 1 {r:.1f} {-r:.1f}z"
    )


def oval(x: float, y: float, rx: float, ry: float | None = None) -> str:
    """An ellipse, or a circle when only one radius is given."""
    ry = rx if ry is None else ry
    return (
        f"M{x - rx:.1f} {y:.1f}a{rx:.1f} {ry:.1f} 0 1 1 {2 * rx:.1f} 0"
        f"a{rx:.1f} {ry:.1f} 0 1 1 {-2 * rx:.1f} 0z"
    )


def smooth(points: Sequence[Point], *, closed: bool = True) -> str:
    """A soft curve through the points (Catmull–Rom)."""
    count = len(points)
    d = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for i in range(count if closed else count - 1):
        if closed:
            before, a, b, after = (points[(i + k) % count] for k in (-1, 0, 1, 2))
        else:
            before, a = points[max(0, i - 1)], points[i]
            b, after = points[i + 1], points[min(count - 1, i + 2)]
        d += (
            f"C{a[0] + (b[0] - before[0]) / 6:.1f} {a[1] + (b[1] - before[1]) / 6:.1f} "
            f"{b[0] - (after[0] - a[0]) / 6:.1f} {b[1] - (after[1] - a[1]) / 6:.1f} "
            f"{b[0]:.1f} {b[1]:.1f}"
        )
    return d + ("z" if closed else "")


def blob(
    x: float,
    y: float,
    rx: float,
    ry: float,
    chance: Chance,
    *,
    rough: float = 0.12,
    points: int = 9,
) -> str:
    """An uneven round shape."""
    ring = []
    for i in range(points):
        angle = math.tau * i / points
        reach = 1 + chance.between(-rough, rough)
        ring.append((x + rx * reach * math.cos(angle), y + ry * reach * math.sin(angle)))
    return smooth(ring)


def ridge(
    width: float, base: float, height: float, chance: Chance, *, points: int = 7, floor: float
) -> str:
    """A rolling line across the picture, closed down to ``floor``."""
    line = []
    for i in range(points + 1):
        x = -60 + (width + 120) * i / points
        line.append((x, base - height * chance.between(0.0, 1.0)))
    return f"{smooth(line, closed=False)}L{width + 60:.0f} {floor:.0f}L-60 {floor:.0f}z"


def peaks(
    width: float, base: float, height: float, chance: Chance, *, points: int, floor: float
) -> tuple[str, list[Point]]:
    """A jagged line of summits; also the summits themselves."""
    d = f"M-60 {floor:.0f}"
    tops: list[Point] = []
    step = (width + 120) / points
    for i in range(points):
        x = -60 + step * i
        top = (x + step * chance.between(0.35, 0.65), base - height * chance.between(0.45, 1.0))
        valley = base - height * chance.between(0.0, 0.22)
        d += f"L{x:.0f} {valley:.0f}L{top[0]:.0f} {top[1]:.0f}"
        tops.append(top)
    return d + f"L{width + 60:.0f} {base:.0f}L{width + 60:.0f} {floor:.0f}z", tops


def star(x: float, y: float, outer: float, inner: float, points: int, turn: float = -90) -> str:
    """A star with ``points`` tips; ``turn`` in degrees."""
    corners: list[float] = []
    for i in range(points * 2):
        r = outer if i % 2 == 0 else inner
        angle = math.radians(turn) + math.pi * i / points
        corners += [x + r * math.cos(angle), y + r * math.sin(angle)]
    return polygon(*corners)
