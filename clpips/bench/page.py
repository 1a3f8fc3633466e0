"""The benchmark's self-contained page: tables, distributions, and every sample's images."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np

from clpips.bench.metrics.card import MetricCard
from clpips.bench.published import published_rows
from clpips.bench.report import BenchReport
from clpips.bench.samples import Sample
from clpips.bench.tables import ARROWS, PUBLISHED
from clpips.identity.rank_page import COLOURS, SIDE
from clpips.io.small_pictures import SmallPictures
from clpips.progress import Watch
from clpips.version import __version__

SHOWN = 120
"""So many samples are on the contact sheet: half of them the worst, half the best."""
BINS = 24
"""Of each distribution."""


def html_page(report: BenchReport, watch: Watch) -> str:
    """One page that needs no other file and no network."""
    from jinja2 import Environment
    from markupsafe import Markup

    source = files("clpips.bench").joinpath("report.html.jinja").read_text("utf-8")
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        source
    )
    pictures, sheet = SmallPictures(SIDE), []
    shown = shown_samples(report)
    for number, sample in enumerate(shown):
        watch.report(number / len(shown), f"Pictures of sample {number + 1} of {len(shown)}")
        sheet.append(_sheet_row(report, sample, pictures))
    return template.render(
        report=report,
        cards=report.scores.cards,
        colours={m: COLOURS[n % len(COLOURS)] for n, m in enumerate(report.methods)},
        arrows=ARROWS,
        published=published_rows(report.dataset),
        published_words=PUBLISHED,
        distributions=[distribution(report, card) for card in report.scores.cards.values()],
        sheet=sheet,
        directions=Markup(json.dumps({n: c.direction for n, c in report.scores.cards.items()})),
        pictures=Markup(json.dumps(pictures.data)),
        number=lambda value: "–" if value is None or math.isnan(value) else f"{value:.4f}",
        is_cut=len(shown) < len(report.scores.samples),
        version=__version__,
    )


def shown_samples(report: BenchReport, most: int = SHOWN) -> list[Sample]:
    """The samples of the contact sheet, worst first by the first metric that has a better end."""
    samples = list(report.scores.samples)
    order = samples
    for name, card in report.scores.cards.items():
        if card.direction == "none":
            continue
        values = np.array([own[name] for own in report.scores.values.values()])
        there = np.isfinite(values)
        means = np.where(there, values, 0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
        worse = means if card.direction == "lower" else -means
        worse = np.where(there.any(axis=0), worse, np.inf)
        order = [samples[place] for place in np.argsort(-worse, kind="stable")]
        break
    return order if len(order) <= most else [*order[: most // 2], *order[-(most // 2) :]]


@dataclass(frozen=True, slots=True)
class Distribution:
    """How the values of one metric spread, for each method.

    Args:
        card: the metric's.
        low, high: the ends of the bins.
        bars: method → (x, height) of its bars, both in [0, 1]; the highest bar of all has 1.
    """

    card: MetricCard
    low: float
    high: float
    bars: dict[str, list[tuple[float, float]]]


def distribution(report: BenchReport, card: MetricCard) -> Distribution | None:
    """One metric's histogram over common bins; ``None`` without any value."""
    own = {
        method: values[card.name][np.isfinite(values[card.name])]
        for method, values in report.scores.values.items()
    }
    every = np.concatenate([*own.values(), np.empty(0)])
    if not every.size:
        return None
    low, high = float(every.min()), float(every.max())
    high = high if high > low else low + 1e-9
    counts = {m: np.histogram(values, bins=BINS, range=(low, high))[0] for m, values in own.items()}
    top = max(1, *(int(each.max()) for each in counts.values()))
    bars = {
        method: [(place / BINS, count / top) for place, count in enumerate(each.tolist())]
        for method, each in counts.items()
    }
    return Distribution(card, low, high, bars)


def _sheet_row(report: BenchReport, sample: Sample, pictures: SmallPictures) -> dict[str, Any]:
    """One sample's pictures and numbers."""
    images = {
        method: next((one.path for one in own if one.sample.index == sample.index), "")
        for method, own in report.scores.images.items()
    }
    return {
        "sample": sample,
        "history": [(item, _place(pictures, item.path)) for item in sample.history],
        "target": (sample.target, _place(pictures, sample.target.path)),
        "images": {method: _place(pictures, path) for method, path in images.items()},
        "values": {
            method: {name: float(values[sample.index]) for name, values in own.items()}
            for method, own in report.scores.values.items()
        },
        "means": json.dumps(_means(report, sample)),
    }


def _means(report: BenchReport, sample: Sample) -> dict[str, float | None]:
    """Each metric's mean over the methods that have it, to sort by."""
    found: dict[str, float | None] = {}
    for name in report.scores.cards:
        values = [own[name][sample.index] for own in report.scores.values.values()]
        there = [float(value) for value in values if np.isfinite(value)]
        found[name] = sum(there) / len(there) if there else None
    return found


def _place(pictures: SmallPictures, path: str) -> int | None:
    pictures.add(path)
    return pictures.number(path)
