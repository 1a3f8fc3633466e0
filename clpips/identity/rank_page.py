"""The files of a ranking: ``report.json``, ``queries.csv`` and one self-contained HTML page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from clpips.identity.rank_report import COLUMNS, MethodResult, RankReport, query_rows
from clpips.identity.ranking import RankedQuery
from clpips.io.atomic_files import write_files
from clpips.io.csv_files import csv_bytes
from clpips.io.small_pictures import SmallPictures
from clpips.progress import Watch
from clpips.version import __version__

SIDE = 104
"""Longest side of the page's small pictures, in pixels."""
SHOWN_QUERIES = 150
"""So many queries of each method are on the page, those with the lowest AP first."""
COLOURS = ("#2563eb", "#c2410c", "#047857", "#7e22ce", "#b45309", "#be123c", "#0e7490", "#4d7c0f")
WIDTH, HEIGHT, LEFT, BOTTOM, EDGE = 620, 360, 52, 44, 14
"""The plot's size and margins, in pixels."""


def write_rank_report(report: RankReport, out: Path, watch: Watch) -> None:
    """Write ``report.json``, ``queries.csv`` and ``report.html``, all or none.

    Raises:
        OSError: the folder cannot be written.
        Cancelled: the caller cancelled.
    """
    document = json.dumps(report.to_dict(), ensure_ascii=False, indent=1, allow_nan=False)
    write_files(
        {
            out / "report.json": document.encode(),
            out / "queries.csv": csv_bytes(COLUMNS, query_rows(report), bom=False),
            out / "report.html": html_page(report, watch).encode(),
        }
    )


def html_page(report: RankReport, watch: Watch) -> str:
    """One page with tables, plots and pictures, that needs no other file and no network."""
    from jinja2 import Environment
    from markupsafe import Markup

    source = files("clpips.identity").joinpath("report.html.jinja").read_text("utf-8")
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        source
    )
    shown = {method.method: worst_queries(method) for method in report.methods}
    pictures = SmallPictures(SIDE)
    for number, one in enumerate(queries := [q for group in shown.values() for q in group]):
        watch.report(number / len(queries), f"Pictures of query {number + 1} of {len(queries)}")
        for row in (one.query, *(near.image for near in one.neighbours)):
            pictures.add(row.path)
    colours = {m.method: COLOURS[n % len(COLOURS)] for n, m in enumerate(report.methods)}
    return template.render(
        report=report,
        rows=page_rows,
        shown=shown,
        colours=colours,
        picture=lambda row: pictures.number(row.path),
        pictures=Markup(json.dumps(pictures.data)),
        plot=scatter(report.methods),
        with_text=any(one.macro.clip_t is not None for one in report.methods),
        sentence=_sentence(str(report.compared_by.get("preprocessing", ""))),
        version=__version__,
        share=lambda value: "–" if value is None else f"{value:.3f}",
        most=SHOWN_QUERIES,
    )


def worst_queries(method: MethodResult, most: int = SHOWN_QUERIES) -> list[RankedQuery]:
    """A method's queries with the lowest AP first; equal ones in the table's order."""
    return sorted(method.queries, key=lambda one: one.result.ap)[:most]


@dataclass(frozen=True, slots=True)
class Dot:
    """One identity's place in the plot, or a method's mean.

    Args:
        method: whose.
        label: for a pointer.
        x, y: in pixels.
        is_mean: of the whole method.
    """

    method: str
    label: str
    x: float
    y: float
    is_mean: bool


@dataclass(frozen=True, slots=True)
class Scatter:
    """mAP against reference similarity.

    Args:
        dots: identities, then the methods' means.
        x_ticks, y_ticks: (position in pixels, label).
    """

    dots: tuple[Dot, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    bottom: int = HEIGHT - BOTTOM
    right: int = WIDTH - EDGE
    top: int = EDGE


def scatter(methods: Sequence[MethodResult]) -> Scatter | None:
    """The plot's dots, both axes over their own range; ``None`` without reference similarities."""
    points = [point for method in methods for point in _points(method)]
    if not points:
        return None
    low, high = _padded([x for _, _, x, _, _ in points])
    right, bottom = WIDTH - EDGE, HEIGHT - BOTTOM
    across, down = (right - LEFT) / (high - low), bottom - EDGE

    def at(x: float, y: float) -> tuple[float, float]:
        return round(LEFT + (x - low) * across, 1), round(bottom - y * down, 1)

    dots = [Dot(method, label, *at(x, y), mean) for method, label, x, y, mean in points]
    steps = [low + (high - low) * step / 5 for step in range(6)]
    return Scatter(
        tuple(sorted(dots, key=lambda dot: dot.is_mean)),
        tuple((at(x, 0)[0], f"{x:.2f}") for x in steps),
        tuple((at(low, y / 5)[1], f"{y / 5:.1f}") for y in range(6)),
    )


def _points(method: MethodResult) -> Iterable[tuple[str, str, float, float, bool]]:
    """Method, label, reference similarity, mAP, whether it is the method's mean."""
    groups: dict[tuple[str, str], list[RankedQuery]] = {}
    for one in method.queries:
        if one.reference_similarity is not None:
            groups.setdefault(one.query.identity, []).append(one)
    for (species, name), group in groups.items():
        x, y = _means(group)
        yield method.method, f"{species} / {name}: mAP {y:.3f}, similarity {x:.3f}", x, y, False
    if groups and method.macro.reference_similarity is not None:
        x, y = method.macro.reference_similarity, method.macro.map
        yield method.method, f"{method.method}: mAP {y:.3f}, similarity {x:.3f}", x, y, True


def _means(group: Sequence[RankedQuery]) -> tuple[float, float]:
    similarities = [one.reference_similarity or 0.0 for one in group]
    precisions = [one.result.ap for one in group]
    return sum(similarities) / len(group), sum(precisions) / len(group)


def _padded(values: Sequence[float]) -> tuple[float, float]:
    room = max((max(values) - min(values)) * 0.08, 0.01)
    return min(values) - room, max(values) + room


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def page_rows(method: MethodResult) -> list[tuple[str, Any]]:
    """The rows of a method's table: each class, then the mean where there are several."""
    rows: list[tuple[str, Any]] = list(method.classes.items())
    return rows if len(rows) < 2 else [*rows, ("all classes", method.macro)]
