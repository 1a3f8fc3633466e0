"""Charts of the Identity page: data in, Altair chart out, nothing of Streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import altair as alt

from app.charts.base import AXIS_ROOM, COLOURS, LEGEND_ROOM, PERSONAL, STOCK, TRUE, inline, layered

ROW = 46
MAP, CHANCE, CEILING = "mAP", "Chance", "Ceiling"
SERIES = {
    CHANCE: (COLOURS[STOCK], "square"),
    MAP: (COLOURS[PERSONAL], "circle"),
    CEILING: (COLOURS[TRUE], "triangle-left"),
}


@dataclass(frozen=True, slots=True)
class MethodRow:
    """One method's mean average precision, in [0, 1].

    Args:
        name: of the method; no two the same.
        map: over all classes.
        low, high: its 95 % interval, where there is one.
        chance: of a random order.
        ceiling: of the real references, where there are any.
    """

    name: str
    map: float
    low: float | None
    high: float | None
    chance: float
    ceiling: float | None


def mean_precision(methods: Sequence[MethodRow]) -> alt.LayerChart:
    """Each method's mAP with its interval, between chance and the real references."""
    has_ceiling = any(one.ceiling is not None for one in methods)
    series = [CHANCE, MAP, *([CEILING] if has_ceiling else [])]
    base = alt.Chart(inline([asdict(one) for one in methods])).encode(
        y=alt.Y(
            "name:N",
            sort=[one.name for one in methods],
            title=None,
            axis=alt.Axis(ticks=False, domain=False, labelPadding=8, labelLimit=150),
        ),
        tooltip=[
            alt.Tooltip("name:N", title="Method"),
            alt.Tooltip("map:Q", title=MAP, format=".3f"),
            alt.Tooltip("low:Q", title="95 % from", format=".3f"),
            alt.Tooltip("high:Q", title="to", format=".3f"),
            alt.Tooltip("chance:Q", title=CHANCE, format=".3f"),
            alt.Tooltip("ceiling:Q", title=CEILING, format=".3f"),
        ],
    )
    interval = base.mark_rule(strokeWidth=4, opacity=0.45, color=COLOURS[PERSONAL])
    layers = [interval.encode(x=_axis("low"), x2="high:Q")]
    for name, key in zip(series, ("chance", "map", "ceiling"), strict=False):
        layers.append(
            base.transform_calculate(series=f"'{name}'")
            .mark_point(size=130, filled=True, opacity=1, strokeWidth=2)
            .encode(x=_axis(key), color=_colour(series), shape=_shape(series))
        )
    return layered(*layers).properties(height=ROW * len(methods) + AXIS_ROOM + LEGEND_ROOM)


def _axis(field: str) -> alt.X:
    return alt.X(
        f"{field}:Q",
        title="Mean average precision",
        scale=alt.Scale(domain=[0, 1], padding=10),  # a mark at either end stays whole
        axis=alt.Axis(tickCount=5, format=".1f", labelFlush=True),
    )


def _legend() -> alt.Legend:
    return alt.Legend(orient="top", title=None, symbolOpacity=1)


def _colour(series: Sequence[str]) -> alt.Color:
    scale = alt.Scale(domain=list(series), range=[SERIES[name][0] for name in series])
    return alt.Color("series:N", scale=scale, title=None, legend=_legend())


def _shape(series: Sequence[str]) -> alt.Shape:
    scale = alt.Scale(domain=list(series), range=[SERIES[name][1] for name in series])
    return alt.Shape("series:N", scale=scale, title=None, legend=_legend())
