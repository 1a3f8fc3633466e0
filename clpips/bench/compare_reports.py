"""Two benchmark reports of the same samples, compared method by method."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clpips.bench.metrics.card import MetricCard, Values
from clpips.bench.report import ROW
from clpips.bench.summary import PairedComparison, compare_pairs
from clpips.errors import DatasetError
from clpips.io.tabular_files import Layout, file_rows
from clpips.text import named, one_line, quoted

LAYOUT = Layout("a table of samples", ("method", "sample", "user"), ROW[3:], DatasetError)


@dataclass(frozen=True)
class WrittenReport:
    """What a report's folder holds.

    Args:
        folder: of the report.
        cards: of its metrics.
        users: of each sample that has an image.
        values: metric → method → sample → value.
    """

    folder: Path
    cards: dict[str, MetricCard]
    users: dict[int, str]
    values: dict[str, dict[str, dict[int, float]]]

    @property
    def methods(self) -> list[str]:
        """The names of its methods."""
        return sorted({method for own in self.values.values() for method in own})


def read_report(folder: str | os.PathLike[str]) -> WrittenReport:
    """Read ``report.json`` and ``samples.csv`` of a folder.

    Raises:
        DatasetError: they are not there, or not a benchmark's.
    """
    place = Path(folder)
    document = place / "report.json"
    if not document.is_file():
        raise DatasetError(f"{document}: no such report (clpips bench score writes it)")
    try:
        found: Any = json.loads(document.read_bytes())
        cards = {name: MetricCard(**card) for name, card in found["metrics"].items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DatasetError(
            one_line(f"{document}: not the report of a benchmark ({error!r})")
        ) from error
    users: dict[int, str] = {}
    values: dict[str, dict[str, dict[int, float]]] = {name: {} for name in cards}
    table = place / "samples.csv"
    for number, cells in file_rows(table, LAYOUT, []):
        method, sample = str(cells["method"]), str(cells["sample"])
        if not (sample.isascii() and sample.isdigit()):
            raise LAYOUT.wrong(
                table, number, f"sample must be a whole number, got {quoted(sample)}"
            )
        users[int(sample)] = str(cells["user"])
        for name in cards:
            text = cells.get(name)
            try:
                value = float(text) if text not in (None, "") else None
            except ValueError:
                raise LAYOUT.wrong(
                    table, number, f"{name} must be a number, got {quoted(text)}"
                ) from None
            if value is not None:
                values[name].setdefault(method, {})[int(sample)] = value
    return WrittenReport(place, cards, users, values)


def compare_reports(
    first: WrittenReport, second: WrittenReport, *, seed: int = 0
) -> list[PairedComparison]:
    """Methods of one name in both reports, or the only method of each, under every common metric.

    They are called ``A: <method>`` and ``B: <method>``.

    Args:
        first, second: of the same samples.
        seed: of tests and intervals.

    Raises:
        DatasetError: other samples, no common method or metric, or a metric with another model.
    """
    differs = [
        index
        for index in sorted(first.users.keys() & second.users.keys())
        if first.users[index] != second.users[index]
    ]
    if differs:
        raise DatasetError(
            f"{first.folder} and {second.folder} must be of the same samples: sample {differs[0]} "
            f"is of {quoted(first.users[differs[0]])} and of {quoted(second.users[differs[0]])}"
        )
    methods = _pairs(first, second)
    names = [name for name in first.cards if name in second.cards]
    if not names:
        raise DatasetError(f"{first.folder} and {second.folder} have no metric in common")
    for name in names:
        card, its = first.cards[name], second.cards[name]
        if (card.model, card.checksum) != (its.model, its.checksum):
            raise DatasetError(
                f"{name} must be of one model in both reports, got {card.model} "
                f"({card.checksum[:8]}) and {its.model} ({its.checksum[:8]})"
            )
    users = {**second.users, **first.users}
    indices = sorted(users)

    def column(report: WrittenReport, name: str, method: str) -> Values:
        own = report.values[name].get(method, {})
        return np.array([own.get(index, np.nan) for index in indices])

    found: list[PairedComparison] = []
    for name in names:
        values: dict[str, Values] = {}
        pairs = []
        for one, other in methods:
            shown = f"A: {one}", f"B: {other}"
            values[shown[0]] = column(first, name, one)
            values[shown[1]] = column(second, name, other)
            pairs.append(shown)
        own_users = [users[index] for index in indices]
        found += compare_pairs(values, pairs, own_users, first.cards[name], seed)
    return found


def _pairs(first: WrittenReport, second: WrittenReport) -> list[tuple[str, str]]:
    if len(first.methods) == len(second.methods) == 1:
        return [(first.methods[0], second.methods[0])]
    common = [method for method in first.methods if method in second.methods]
    if not common:
        raise DatasetError(
            f"the reports have no method in common: {named(first.methods)} and "
            f"{named(second.methods)}"
        )
    return [(method, method) for method in common]
