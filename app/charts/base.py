"""Charts of the researcher's pages: data in, Altair chart out, nothing of Streamlit.

Stock and personal values differ by shape or place as well as by colour, and the colours keep a
contrast above 3:1 on white and on near-black, so a chart reads on both themes and without colour.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import altair as alt

from clpips.evaluation import metric_names

STOCK, PERSONAL, TRUE = metric_names.STOCK, metric_names.PERSONAL, "True"
COLOURS = {STOCK: "#7a818c", PERSONAL: "#2e78d2", TRUE: "#c2660c"}
SHAPES = {STOCK: "circle", PERSONAL: "diamond"}
SHORTEST_LINE = 60.0  # seconds
ROW = 34
THUMBNAIL_ROW = 52
# Streamlit fits axis and legend into a chart's height, so they need room of their own.
AXIS_ROOM = 80
LEGEND_ROOM = 52
THUMBNAIL = 40


def inline(rows: Sequence[Mapping[str, Any]]) -> alt.Data:
    """Rows that travel with the chart itself."""
    return alt.Data(values=rows)  # type: ignore[no-untyped-call] # altair leaves it without types


def layered(*charts: alt.Chart) -> alt.LayerChart:
    """Charts drawn over one another, without facets.

    Raises:
        TypeError: all of them have the same facets.
    """
    chart = alt.layer(*charts)
    if not isinstance(chart, alt.LayerChart):
        raise TypeError("layered charts must have no facets")
    return chart


@dataclass(frozen=True, slots=True)
class Pair:
    """One row of a dumbbell: two mean Spearman correlations of the same rankings, each in [-1, 1].

    Args:
        name: of the target or participant; no two rows the same.
        stock, personal: ``None`` where there is none.
        n: rankings they come from.
        stock_ci, personal_ci: 95 % intervals, where there are any.
        image: address of a thumbnail.
    """

    name: str
    stock: float | None
    personal: float | None
    n: int
    stock_ci: tuple[float, float] | None = None
    personal_ci: tuple[float, float] | None = None
    image: str | None = None


def dumbbell(pairs: Sequence[Pair], *, fitted: str = PERSONAL) -> alt.LayerChart:
    """Stock and personal Spearman of each row, joined by a line; intervals and pictures if any.

    Args:
        pairs: the rows.
        fitted: what the personal values are called.
    """
    rows = [_dumbbell_row(pair) for pair in pairs]
    pictures = any(pair.image for pair in pairs)
    base = alt.Chart(inline(rows)).encode(
        y=alt.Y(
            "name:N",
            sort=[pair.name for pair in pairs],
            title=None,
            axis=alt.Axis(
                labelPadding=THUMBNAIL + 12 if pictures else 8,
                labelLimit=150,
                ticks=False,
                domain=False,
            ),
        )
    )
    tooltip = [
        alt.Tooltip("name:N", title="Name"),
        alt.Tooltip("stock:Q", title=STOCK, format="+.2f"),
        alt.Tooltip("personal:Q", title=fitted, format="+.2f"),
        alt.Tooltip("n:Q", title="Rankings"),
    ]
    line = base.mark_rule(strokeWidth=3, color=COLOURS[STOCK], opacity=0.35).encode(
        x=_spearman_axis("stock", rows), x2="personal:Q", tooltip=tooltip
    )
    layers = [line, *_intervals(base)] if _has_intervals(pairs) else [line]
    for key, series in (("stock", STOCK), ("personal", fitted)):
        layers.append(
            base.transform_calculate(series=f"'{series}'")
            .mark_point(size=110, filled=True, opacity=1)
            .encode(
                x=_spearman_axis(key, rows),
                color=_colour(STOCK, fitted),
                shape=_shape(STOCK, fitted),
                tooltip=tooltip,
            )
        )
    if pictures:
        layers.append(
            base.mark_image(width=THUMBNAIL, height=THUMBNAIL, clip=False).encode(
                url="image:N", x=alt.value(-THUMBNAIL / 2 - 6)
            )
        )
    height = (THUMBNAIL_ROW if pictures else ROW) * max(len(rows), 1)
    return layered(*layers).properties(height=height + AXIS_ROOM + LEGEND_ROOM)


def layer_weights(
    names: Sequence[str],
    stock: Sequence[float],
    personal: Sequence[float],
    true: Sequence[float] | None = None,
) -> alt.Chart:
    """How each metric spreads its weight over the layers.

    Every series is shown as shares of its own sum: a metric times a constant ranks the same,
    so only the shares can be compared.

    Args:
        names: of the layers, first layer first.
        stock, personal, true: the sum of the weights of each layer, ≥ 0.
    """
    series = {STOCK: stock, PERSONAL: personal} | ({TRUE: true} if true is not None else {})
    rows = [
        {"layer": name, "series": key, "share": share, "sum": value}
        for key, values in series.items()
        for name, share, value in zip(names, shares(values), values, strict=True)
    ]
    base = alt.Chart(inline(rows)).encode(
        x=alt.X("layer:N", sort=list(names), title=None, axis=alt.Axis(labelAngle=0, ticks=False)),
        tooltip=[
            alt.Tooltip("layer:N", title="Layer"),
            alt.Tooltip("series:N", title="Metric"),
            alt.Tooltip("share:Q", title="Share of all weight", format=".1%"),
            alt.Tooltip("sum:Q", title="Sum of its weights", format=".3f"),
        ],
    )
    share = alt.Y("share:Q", title="Share of all weight", axis=alt.Axis(format=".0%", tickCount=5))
    chart: alt.Chart = (
        base.mark_bar(cornerRadiusEnd=2)
        .encode(
            y=share,
            xOffset=alt.XOffset("series:N", sort=list(series)),
            color=_colour(*series),
        )
        .properties(height=300)
    )
    return chart


def rankings_over_time(counts: Sequence[tuple[str, int]]) -> alt.Chart:
    """How many rankings there were at each moment, as a rising step line.

    Args:
        counts: moments, ISO 8601, in chronological order, and how many there were by then.
    """
    rows = [{"at": at, "count": count} for at, count in counts]
    chart: alt.Chart = (
        alt.Chart(inline(rows))
        .mark_line(interpolate="step-after", color=COLOURS[PERSONAL], strokeWidth=2)
        .encode(
            x=alt.X("at:T", title=None, axis=alt.Axis(tickCount=5, labelFlush=True)),
            y=alt.Y("count:Q", title="Rankings", axis=alt.Axis(tickMinStep=1, tickCount=4)),
            tooltip=[
                alt.Tooltip("at:T", title="When", format="%d %b %H:%M"),
                alt.Tooltip("count:Q", title="Rankings"),
            ],
        )
        .properties(height=180)
    )
    return chart


def is_worth_a_line(counts: Sequence[tuple[str, int]]) -> bool:
    """Whether rankings came in over long enough, a minute, for a line over time to say anything."""
    if len(counts) < 2:
        return False
    first, last = (datetime.fromisoformat(at) for at, _ in (counts[0], counts[-1]))
    return (last - first).total_seconds() >= SHORTEST_LINE


def shares(values: Sequence[float]) -> list[float]:
    """Each value as a share of their sum, in [0, 1]; all 0 where the sum is 0.

    >>> shares([1.0, 3.0])
    [0.25, 0.75]
    """
    total = float(sum(values))
    return [float(value) / total if total else 0.0 for value in values]


def _dumbbell_row(pair: Pair) -> dict[str, Any]:
    stock_low, stock_high = pair.stock_ci or (None, None)
    personal_low, personal_high = pair.personal_ci or (None, None)
    return {
        "name": pair.name,
        "stock": pair.stock,
        "personal": pair.personal,
        "n": pair.n,
        "image": pair.image,
        "stock_low": stock_low,
        "stock_high": stock_high,
        "personal_low": personal_low,
        "personal_high": personal_high,
    }


def _has_intervals(pairs: Sequence[Pair]) -> bool:
    return any(pair.stock_ci or pair.personal_ci for pair in pairs)


def _intervals(base: alt.Chart) -> list[alt.Chart]:
    """Thin lines above and below a row's middle, so that neither interval hides the other."""
    return [
        base.mark_rule(strokeWidth=1.5, color=COLOURS[series], yOffset=offset, opacity=0.8).encode(
            x=alt.X(f"{key}_low:Q"), x2=f"{key}_high:Q"
        )
        for key, series, offset in (("stock", STOCK, -7), ("personal", PERSONAL, 7))
    ]


def _spearman_axis(field: str, rows: Sequence[dict[str, Any]]) -> alt.X:
    """Spearman from 0 to 1, and from below 0 where something lies there."""
    found = [value for row in rows for value in row.values() if isinstance(value, float)]
    low = min([0.0, *found])
    # A little room below the lowest value, so that its mark does not touch the thumbnails.
    floor = max(-1.0, math.floor((low - 0.05) * 5) / 5) if low < 0 else 0.0
    return alt.X(
        f"{field}:Q",
        title="Mean Spearman on unseen targets",
        scale=alt.Scale(domain=[floor, 1.0]),
        axis=alt.Axis(tickCount=5, format=".1f", labelFlush=True),
    )


def _colour(*series: str, legend: bool = True) -> alt.Color:
    scale = alt.Scale(
        domain=list(series), range=[COLOURS.get(each, COLOURS[PERSONAL]) for each in series]
    )
    return alt.Color("series:N", scale=scale, title=None, legend=_legend(legend))


def _shape(*series: str, legend: bool = True) -> alt.Shape:
    scale = alt.Scale(
        domain=list(series), range=[SHAPES.get(each, SHAPES[PERSONAL]) for each in series]
    )
    return alt.Shape("series:N", scale=scale, title=None, legend=_legend(legend))


def _legend(wanted: bool) -> alt.Legend | None:
    return alt.Legend(orient="top", title=None, symbolOpacity=1) if wanted else None
