"""Charts of the report: metrics side by side, and the learning curve with its forecast."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import altair as alt

from app.charts.base import AXIS_ROOM, COLOURS, PERSONAL, ROW, SHAPES, STOCK, inline, layered
from clpips.evaluation.metric_names import POOLED_WEIGHTS as POOLED

SERIES = {"stock": STOCK, "pooled": POOLED, "personal": PERSONAL}
OTHER = "Other"
SERIES_COLOURS = {**COLOURS, POOLED: "#0f8a7a", OTHER: "#7a818c"}
SERIES_SHAPES = {**SHAPES, POOLED: "square", OTHER: "triangle-up"}
BAND = 0.16
HEIGHT = 300
STEP = 0.2  # Spearman axes begin and end at such numbers


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric's mean held-out Spearman, in [-1, 1].

    Args:
        name: as the row is called; no two the same.
        metric: ``stock``, ``pooled``, ``personal`` or another, which decides colour and shape.
        spearman: ``None`` where there is none.
        ci: its 95 % interval, where there is one.
        n: rankings it comes from.
    """

    name: str
    metric: str
    spearman: float | None
    ci: tuple[float, float] | None
    n: int


@dataclass(frozen=True, slots=True)
class Point:
    """Held-out agreement with a number of rankings; 0 rankings is stock.

    Args:
        n_rankings: rankings learnt from and judged by.
        spearman: mean over rankings, in [-1, 1].
        gain: spearman − stock's.
        gain_error: standard error of the gain over targets.
    """

    n_rankings: float
    spearman: float
    gain: float
    gain_error: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """The agreement to expect with more rankings, and the interval that will hold it."""

    n_rankings: float
    spearman: float
    low: float
    high: float


def metric_rows(rows: Sequence[MetricRow]) -> alt.LayerChart:
    """Each metric's mean Spearman as a point on its 95 % interval, in the order given."""
    values = [_chart_row(row) for row in rows]
    series = list(dict.fromkeys(row["series"] for row in values))
    base = alt.Chart(inline(values)).encode(
        y=alt.Y(
            "name:N",
            sort=[row.name for row in rows],
            title=None,
            axis=alt.Axis(ticks=False, domain=False, labelPadding=8, labelLimit=190),
        ),
        color=_scale(alt.Color, series, SERIES_COLOURS),
        tooltip=[
            alt.Tooltip("name:N", title="Metric"),
            alt.Tooltip("value:Q", title="Mean Spearman", format="+.2f"),
            alt.Tooltip("low:Q", title="95 % from", format="+.2f"),
            alt.Tooltip("high:Q", title="to", format="+.2f"),
            alt.Tooltip("n:Q", title="Rankings"),
        ],
    )
    ends = [end for row in rows for end in (row.spearman, *(row.ci or ())) if end is not None]
    domain = _domain(ends)

    def x(field: str) -> alt.X:
        return alt.X(
            f"{field}:Q",
            title="Mean Spearman on unseen targets",
            scale=alt.Scale(domain=domain),
            axis=alt.Axis(tickCount=5, format=".1f", labelFlush=True),
        )

    interval = base.mark_rule(strokeWidth=4, opacity=0.45).encode(x=x("low"), x2="high:Q")
    point = base.mark_point(size=130, filled=True, opacity=1).encode(
        x=x("value"), shape=_scale(alt.Shape, series, SERIES_SHAPES)
    )
    return layered(interval, point).properties(height=ROW * max(len(rows), 1) + AXIS_ROOM)


def learning_curve(
    points: Sequence[Point], forecast: Forecast | None = None, ceiling: float | None = None
) -> alt.LayerChart:
    """Held-out agreement against number of rankings, with the forecast for more.

    Args:
        points: measured, from stock (0 rankings) to all rankings.
        ahead: the forecast; its band widens from the last point.
        ceiling: the participant's repeatability, drawn as a horizontal line.
    """
    rows = [asdict(point) for point in points]
    known = [point.spearman for point in points]
    known += [] if forecast is None else [forecast.spearman, forecast.low, forecast.high]
    known += [] if ceiling is None else [ceiling]
    x = alt.X(
        "n_rankings:Q",
        title="Rankings",
        scale=alt.Scale(domain=[0, max([one["n_rankings"] for one in rows] + _last(forecast))]),
        axis=alt.Axis(tickMinStep=1, tickCount=6, format="d", labelFlush=True),
    )
    domain = _domain(known, top=None)
    y = _y("spearman", domain)
    layers = [] if forecast is None else _forecast_layers(points[-1], forecast, x, domain)
    measured = alt.Chart(inline(rows)).encode(
        x=x,
        y=y,
        tooltip=[
            alt.Tooltip("n_rankings:Q", title="Rankings", format=".0f"),
            alt.Tooltip("spearman:Q", title="Mean Spearman", format="+.2f"),
            alt.Tooltip("gain:Q", title="Gain over stock", format="+.2f"),
            alt.Tooltip("gain_error:Q", title="Standard error of the gain", format=".2f"),
        ],
    )
    layers.append(measured.mark_line(color=COLOURS[PERSONAL], strokeWidth=2.5))
    layers.append(
        measured.mark_point(size=70, filled=True, opacity=1).encode(
            color=alt.condition(
                "datum.n_rankings > 0", alt.value(COLOURS[PERSONAL]), alt.value(COLOURS[STOCK])
            )
        )
    )
    if ceiling is not None:
        layers += _level(ceiling, y)
    return layered(*layers).properties(height=HEIGHT)


def _y(field: str, domain: Sequence[float]) -> alt.Y:
    return alt.Y(
        f"{field}:Q",
        title="Mean Spearman",
        scale=alt.Scale(domain=list(domain)),
        axis=alt.Axis(tickCount=5, format=".1f"),
    )


def _forecast_layers(
    last_point: Point, forecast: Forecast, x: alt.X, domain: Sequence[float]
) -> list[alt.Chart]:
    start = {"n_rankings": last_point.n_rankings, "spearman": last_point.spearman}
    rows = [
        {**start, "low": last_point.spearman, "high": last_point.spearman},
        asdict(forecast),
    ]
    base = alt.Chart(inline(rows)).encode(
        x=x,
        tooltip=[
            alt.Tooltip("n_rankings:Q", title="Rankings", format=".0f"),
            alt.Tooltip("spearman:Q", title="Expected Spearman", format="+.2f"),
            alt.Tooltip("low:Q", title="95 % from", format="+.2f"),
            alt.Tooltip("high:Q", title="to", format="+.2f"),
        ],
    )
    band = base.mark_area(color=COLOURS[PERSONAL], opacity=BAND).encode(
        y=_y("low", domain), y2="high:Q"
    )
    line = base.mark_line(color=COLOURS[PERSONAL], strokeWidth=2.5, strokeDash=[6, 5]).encode(
        y=_y("spearman", domain)
    )
    return [band, line]


def _level(ceiling: float, y: alt.Y) -> list[alt.Chart]:
    row = {"spearman": ceiling, "words": f"repeatability {ceiling:.2f}"}
    base = alt.Chart(inline([row])).encode(y=y)
    line = base.mark_rule(color=COLOURS[STOCK], strokeDash=[2, 3], strokeWidth=1.5)
    words = base.mark_text(align="right", baseline="top", dx=-4, dy=8, color=COLOURS[STOCK])
    return [line, words.encode(x=alt.value("width"), text="words:N")]


def _last(forecast: Forecast | None) -> list[float]:
    return [] if forecast is None else [forecast.n_rankings]


def _chart_row(row: MetricRow) -> dict[str, Any]:
    low, high = row.ci or (None, None)
    return {
        "name": row.name,
        "series": SERIES.get(row.metric, OTHER),
        "value": row.spearman,
        "low": low,
        "high": high,
        "n": row.n,
    }


def _domain(values: Sequence[float], *, top: float | None = 1.0) -> list[float]:
    """From 0, or below where something lies there, to ``top``, or to just above the highest."""
    low, high = min([0.0, *values]), max([STEP, *values])
    begins = max(-1.0, math.floor(low / STEP) * STEP) if low < 0 else 0.0
    ends = min(1.0, math.ceil((high + 0.02) / STEP) * STEP) if top is None else top
    return [round(begins, 6), round(ends, 6)]


def _scale(channel: Any, series: Sequence[str], values: dict[str, str]) -> Any:
    scale = alt.Scale(domain=list(series), range=[values[name] for name in series])
    return channel("series:N", scale=scale, title=None, legend=None)
