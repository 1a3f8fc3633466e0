"""What mAP and reference similarity make of planted identity drift, on rendered scenes.

Run ``python benchmarks/identity_drift.py [--encoder NAME ...] [--figure FILE]``.

Of each class (a kind of thing) there are 24 identities, each with four references, six gallery
images and four queries in places and lights of their own. Every identity drifts towards another
one of its class: at drift p the query's thing has colours that are p of the way, and its material,
its pattern and its pose (the details of its shape) are each the other's with probability p; what
has changed at one level stays changed at the next. At 100 % it is the other identity. A query's
background, light and spot are the same at all levels.

For each encoder and level, means over pairs of identities with 95 % intervals and the standard
deviation between pairs; then, for both measures, the range of the means, the range as a multiple of
the mean standard deviation, the share of pairs in strict order over the five levels, and the share
of single steps of a pair that fall.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image

from clpips.features.embedding.names import OFFLINE
from clpips.features.embedding.registry import open_encoder
from clpips.generation.scenes.composition.stage import Stage
from clpips.generation.scenes.drawing.appearance import Look
from clpips.generation.scenes.drawing.colour import mix
from clpips.generation.scenes.identities import LIGHTS, PLACES, random_look
from clpips.generation.seeds import Chance
from clpips.identity.distances import CosineDistances, image_key
from clpips.identity.rank_report import by_species
from clpips.identity.ranking import RankedQuery, rank_queries, with_reference_similarity
from clpips.identity.retrieval import class_figures, macro_figures
from clpips.io.image_tables import ImageRow
from clpips.progress import Watch
from clpips.stats.intervals import bootstrap_interval

Array: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
KINDS = ("car", "dog", "teapot")
LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
REFERENCES, GALLERY, QUERIES = 4, 6, 4
SIDE, SEED = 224, 16
MEASURES = ("mAP", "reference similarity")


@dataclass(frozen=True)
class Drawn:
    """One picture: its row, what it is for, and its drift where it is a query."""

    row: ImageRow
    use: str
    picture: Image.Image


@dataclass(frozen=True)
class Curves:
    """One encoder's figures: by measure, (pairs, levels) values and the levels' intervals."""

    values: dict[str, Array]
    intervals: dict[str, list[tuple[float, float] | None]]
    ceiling: float
    chance: float


def drifted(own: Look, other: Look, drift: float, chance: Chance) -> Look:
    """``own`` on its way to ``other``: 0 is the one, 1 the other.

    A part that changes as a whole does so once ``drift`` exceeds the part's own threshold.
    """

    def source(part: str) -> Look:
        return other if drift > chance.at(part).between(0, 1) else own

    return Look(
        main=mix(own.main, other.main, drift),
        accent=mix(own.accent, other.accent, drift),
        material=source("material").material,
        pattern=source("pattern").pattern,
        pose=source("pose").pose,
        twin=source("pose").twin,
    )


def drawn(identities: int) -> Iterator[list[Drawn]]:
    """All pictures, one identity after another."""
    for kind in KINDS:
        chances = [Chance(SEED, f"/{kind}/{number}") for number in range(identities)]
        looks = [random_look(chance.at("look")) for chance in chances]
        for number, chance in enumerate(chances):
            other = looks[(number + 1) % identities]
            yield list(_pictures(kind, number, looks[number], other, chance))


def _pictures(kind: str, number: int, own: Look, other: Look, chance: Chance) -> Iterator[Drawn]:
    row = ImageRow(f"{number:02d}", kind, "")
    for view in range(REFERENCES + GALLERY + QUERIES):
        here = chance.at(f"view/{view}")
        place, light = here.at("place").pick(PLACES), here.at("light").pick(LIGHTS)
        stage = Stage.of(kind, place, light, here.at("stage"))
        name = f"{kind}/{number}/{view}"
        if view < REFERENCES + GALLERY:
            use = "reference" if view < REFERENCES else "gallery"
            yield Drawn(replace(row, file_path=name), use, stage.drawn(kind, own, SIDE))
            continue
        for drift in LEVELS:
            look = drifted(own, other, drift, here.at("drift"))
            query = replace(row, file_path=f"{name}/{drift:g}", method=f"{drift:g}")
            yield Drawn(query, "query", stage.drawn(kind, look, SIDE))


def curves(rows: dict[str, list[ImageRow]], distances: CosineDistances) -> Curves:
    """Rank all queries and group them by level and pair."""
    ceiling = rank_queries(rows["reference"], rows["gallery"], distances, Watch())
    ranked = rank_queries(rows["query"], rows["gallery"], distances, Watch())
    ranked = with_reference_similarity(ranked, rows["reference"], distances)
    values: dict[str, list[list[float]]] = {name: [] for name in MEASURES}
    intervals: dict[str, list[tuple[float, float] | None]] = {name: [] for name in MEASURES}
    for drift in LEVELS:
        level = [one for one in ranked if one.query.method == f"{drift:g}"]
        similarities = _by_pair(level, [one.reference_similarity or 0.0 for one in level])
        values["mAP"].append(_by_pair(level, [one.result.ap for one in level]))
        values["reference similarity"].append(similarities)
        groups = by_species(level)
        classes = {
            name: class_figures(group, n_gallery=0, n_gallery_missing=0)
            for name, group in groups.items()
        }
        macro = macro_figures(classes, groups)
        intervals["mAP"].append(macro.map_ci)
        intervals["reference similarity"].append(
            bootstrap_interval([np.array(similarities)], bounds=(-1.0, 1.0))
        )
    return Curves(
        {name: np.array(table).T for name, table in values.items()},
        intervals,
        float(np.mean([one.result.ap for one in ceiling])),
        macro.chance_map,
    )


def _by_pair(level: Sequence[RankedQuery], values: Sequence[float]) -> list[float]:
    """The mean of each pair's queries."""
    found: dict[tuple[str, str], list[float]] = {}
    for one, value in zip(level, values, strict=True):
        found.setdefault(one.query.identity, []).append(value)
    return [float(np.mean(each)) for each in found.values()]


def report(name: str, one: Curves) -> Iterator[str]:
    """Lines of one encoder's two tables."""
    pairs = len(one.values["mAP"])
    yield f"\n{name}: {pairs} pairs, ceiling mAP {one.ceiling:.3f}, chance {one.chance:.3f}\n"
    yield "| drift | " + " | ".join(f"{m} | between pairs" for m in MEASURES) + " |"
    yield "| --- |" + " --- |" * (2 * len(MEASURES))
    for at, drift in enumerate(LEVELS):
        cells = []
        for measure in MEASURES:
            level, ends = one.values[measure][:, at], one.intervals[measure][at]
            shown = "" if ends is None else f" ({ends[0]:.3f}…{ends[1]:.3f})"
            cells += [f"{level.mean():.3f}{shown}", f"{level.std(ddof=1):.3f}"]
        yield f"| {100 * drift:.0f} % | " + " | ".join(cells) + " |"
    yield "\n| | range of means | ÷ between pairs | pairs in strict order | steps that fall |"
    yield "| --- |" + " --- |" * 4
    for measure in MEASURES:
        values = one.values[measure]
        means, steps = values.mean(axis=0), np.diff(values, axis=1)
        span = means.max() - means.min()
        cells = [
            f"{span:.3f}",
            f"{span / values.std(axis=0, ddof=1).mean():.1f}",
            f"{100 * (steps < 0).all(axis=1).mean():.0f} %",
            f"{100 * (steps < 0).mean():.0f} %",
        ]
        yield f"| {measure} | " + " | ".join(cells) + " |"


def draw_figure(name: str, one: Curves, path: Path) -> None:
    """Both measures against drift on one scale: thin lines are pairs, thick ones their mean."""
    figure = Figure(figsize=(7.2, 3.2), layout="constrained")
    percent = [100 * drift for drift in LEVELS]
    for axes, measure in zip(figure.subplots(1, 2, sharey=True), MEASURES, strict=True):
        values = one.values[measure]
        axes.plot(percent, values.T, color="#8b9097", linewidth=0.5, alpha=0.5)
        axes.plot(percent, values.mean(axis=0), color="#2f6bd2", linewidth=2.5, marker="o")
        axes.set(title=measure, xlabel="planted drift, %", xticks=percent, ylim=(0, 1))
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{len(values)} pairs of identities, {name}", fontsize=10)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Draw, embed, rank, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--encoder", nargs="+", default=list(OFFLINE), metavar="NAME")
    parser.add_argument("--identities", type=int, default=24, help="of each class")
    parser.add_argument("--figure", type=Path, help="PNG of the first encoder's curves")
    options = parser.parse_args()
    torch.set_num_threads(1)
    encoders = {name: open_encoder(name) for name in options.encoder}
    rows: dict[str, list[ImageRow]] = {"reference": [], "gallery": [], "query": []}
    places: dict[str, int] = {}
    features: dict[str, list[Any]] = {name: [] for name in encoders}
    for done, group in enumerate(drawn(options.identities), start=1):
        for one in group:
            rows[one.use].append(one.row)
            places[image_key(one.row)] = len(places)
        for name, encoder in encoders.items():
            features[name].append(encoder.embed([one.picture for one in group]))
        if done % 12 == 0:
            print(f"{done} of {options.identities * len(KINDS)} identities", flush=True)
    for number, name in enumerate(encoders):
        found = curves(rows, CosineDistances(np.concatenate(features[name]), places))
        print("\n".join(report(name, found)))
        if options.figure is not None and not number:
            draw_figure(name, found, options.figure)


if __name__ == "__main__":
    main()
