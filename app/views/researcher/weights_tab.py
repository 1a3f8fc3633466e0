"""The Weights tab: what a fit learnt, layer by layer, against stock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app import charts
from app.store import Store
from app.views.researcher.markup import Column, quiet, show, table
from app.views.researcher.whose import choose_metric
from app.views.researcher.words import NARROW, number, percent
from clpips.types import Study


def draw(store: Store, study: Study) -> None:
    """A metric's weights as chart and table."""
    people = store.participants(study.id)
    fit = choose_metric(store.fits(study.id), people, key="whose-weights")
    if fit is None:
        st.info("Nothing has been fitted yet. Press *Fit personal metric* on the Fit & report tab.")
        return
    layers, true = fit.report["layers"], fit.report.get("true_layers")
    st.altair_chart(
        charts.layer_weights(layers["names"], layers["stock"], layers["personal"], true),
        alt="Share of the weights by layer, stock and personal",
    )
    show(table(columns(true), rows(layers, true)))
    words = (
        "A metric multiplied by a constant ranks the same, so the shares are what to compare. "
        "A layer’s sum adds its channels’ weights."
    )
    if true is not None:
        words += " The true weights are known because this participant is simulated."
    show(quiet(words))


def columns(true: Sequence[float] | None) -> list[Column]:
    """The table's columns; the true share only where it is known."""
    names = ["Stock share", "Personal share"] + (["True share"] if true is not None else [])
    names += ["Stock sum", "Personal sum", "Personal ÷ stock"]
    return [Column("Layer", head=True), *(Column(name, numeric=True) for name in names)]


def rows(layers: Mapping[str, Any], true: Sequence[float] | None) -> list[list[str]]:
    """One row per layer."""
    stock, personal = layers["stock"], layers["personal"]
    found = []
    for index, name in enumerate(layers["names"]):
        row = [
            name.capitalize().replace(" ", NARROW),
            percent(charts.shares(stock)[index], 0),
            percent(charts.shares(personal)[index], 0),
        ]
        if true is not None:
            row.append(percent(charts.shares(true)[index], 0))
        ratio = personal[index] / stock[index] if stock[index] else None
        row += [number(stock[index]), number(personal[index]), number(ratio)]
        found.append(row)
    return found
