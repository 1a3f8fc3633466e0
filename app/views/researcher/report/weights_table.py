"""A fit's weights added up layer by layer, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.charts import base
from app.study.records import Fit
from app.views.researcher.formatting import NARROW, number, percent
from app.views.researcher.html import Column, muted, show, table


def draw(fit: Fit) -> None:
    """A metric's sums of weights beside stock's, and the true ones of a simulated participant."""
    layers, true = fit.report["layers"], fit.report.get("true_layers")
    show(table(columns(true), rows(layers, true)))
    words = (
        "A layer’s sum adds up its channels’ weights. It ignores how large the differences on that "
        "layer are; shares of the distance, where shown, take them into account."
    )
    if true is not None:
        words += " The true weights are known because this participant is simulated."
    show(muted(words))


def columns(true: Sequence[float] | None) -> list[Column]:
    """The table's columns; the true share only where it is known."""
    names = ["Stock, share of weights", "Personal, share of weights"]
    names += ["True, share of weights"] if true is not None else []
    names += ["Stock sum", "Personal sum", "Personal ÷ stock"]
    return [Column("Layer", head=True), *(Column(name, numeric=True) for name in names)]


def rows(layers: Mapping[str, Any], true: Sequence[float] | None) -> list[list[str]]:
    """One row per layer."""
    stock, personal = layers["stock"], layers["personal"]
    found = []
    for index, name in enumerate(layers["names"]):
        row = [
            name.capitalize().replace(" ", NARROW),
            percent(base.shares(stock)[index], 0),
            percent(base.shares(personal)[index], 0),
        ]
        if true is not None:
            row.append(percent(base.shares(true)[index], 0))
        ratio = personal[index] / stock[index] if stock[index] else None
        row += [number(stock[index]), number(personal[index]), number(ratio)]
        found.append(row)
    return found
