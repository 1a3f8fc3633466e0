"""Charts of the Why tab: data in, Altair chart out, nothing of Streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from app.charts.base import (
    AXIS_ROOM,
    COLOURS,
    LEGEND_ROOM,
    PERSONAL,
    SHAPES,
    STOCK,
    TRUE,
    inline,
    layered,
)

ROW = 40
APART = 7  # pixels between the marks of one row


@dataclass(frozen=True, slots=True)
class ShareRow:
    """One block's row: how much of the mean distance it makes, each in [0, 1].

    Args:
        name: of the block; no two the same.
        stock, personal: by either metric.
        interval: 95 % interval of ``personal``, where there is one.
        true: of a simulated participant, whose weights are known.
    """

    name: str
    stock: float
    personal: float
    interval: tuple[float, float] | None = None
    true: float | None = None


def block_shares(shares: Sequence[ShareRow]) -> alt.LayerChart:
    """Stock and personal share of each block as points, first block on top, with intervals."""
    rows = [_row(share) for share in shares]
    series = [STOCK, PERSONAL] + ([TRUE] if any(one.true is not None for one in shares) else [])
    base = alt.Chart(inline(rows)).encode(
        y=alt.Y(
            "name:N",
            sort=[share.name for share in shares],
            title=None,
            axis=alt.Axis(ticks=False, domain=False, grid=True, labelPadding=8, labelLimit=170),
        ),
        tooltip=[
            alt.Tooltip("name:N", title="Block"),
            alt.Tooltip("stock:Q", title=STOCK, format=".1%"),
            alt.Tooltip("personal:Q", title=PERSONAL, format=".1%"),
            alt.Tooltip("low:Q", title="95 % from", format=".1%"),
            alt.Tooltip("high:Q", title="to", format=".1%"),
        ],
    )
    layers = [
        base.mark_rule(strokeWidth=4, opacity=0.45, color=COLOURS[PERSONAL], yOffset=APART).encode(
            x=_axis("low"), x2="high:Q"
        )
    ]
    keys = {STOCK: ("stock", -APART), PERSONAL: ("personal", APART), TRUE: ("true", 0)}
    for name in series:
        key, offset = keys[name]
        layers.append(
            base.transform_calculate(series=f"'{name}'")
            .mark_point(size=110, filled=True, opacity=1, yOffset=offset)
            .encode(x=_axis(key), color=_scale("Color", series), shape=_scale("Shape", series))
        )
    height = ROW * max(len(rows), 1) + AXIS_ROOM + LEGEND_ROOM
    return layered(*layers).properties(height=height)


def _row(share: ShareRow) -> dict[str, Any]:
    low, high = share.interval or (None, None)
    return {
        "name": share.name,
        "stock": share.stock,
        "personal": share.personal,
        "low": low,
        "high": high,
        "true": share.true,
    }


def _axis(field: str) -> alt.X:
    return alt.X(
        f"{field}:Q",
        title="Share of the mean distance",
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(format=".0%", tickCount=5, labelFlush=True),
    )


def _scale(channel: str, series: Sequence[str]) -> Any:
    values = {"Color": COLOURS, "Shape": {**SHAPES, TRUE: "triangle-up"}}[channel]
    scale = alt.Scale(domain=list(series), range=[values[name] for name in series])
    legend = alt.Legend(orient="top", title=None, symbolOpacity=1)
    return getattr(alt, channel)("series:N", scale=scale, title=None, legend=legend)
