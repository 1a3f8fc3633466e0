"""How well encoders tell real subjects apart, on photographs of several subjects of a class.

Run ``python benchmarks/identity_photographs.py --root DIR [--head FILE ...] [--encoder NAME ...]``,
where DIR has ``images.csv`` (``name,species,file_path``) with at least four photographs of each
subject. Without ``--encoder``, every encoder that needs no download is measured.

* mAP: each photograph in turn is the query, and the others of its class are the gallery. Queries
  are real, so this is what a generator that made perfect pictures of its subject would get: the
  ceiling itself. Chance is the mean over all orders of the same galleries.
* Ceiling, by halves: as ``clpips identity rank`` measures it, every second photograph of a subject
  as references, which are the queries, against the gallery of the others; and the other way round.
* SSR and PA: NearID's margins of a subject's first three photographs as views. Another subject of
  the class is the distractor, its n-th photograph at view n, and every other one is in turn. The
  photographs share no background, so that a margin says less here than in a near-identity set.

"All" ranks the photographs of all subjects together; its distractors are still of the same class.
Intervals hold 95 % over subjects.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from clpips.features.cache import default_cache
from clpips.features.embedding.compute import embed_files
from clpips.features.embedding.names import OFFLINE
from clpips.features.embedding.registry import open_encoder
from clpips.identity.distances import CosineDistances, image_key
from clpips.identity.distractors import VIEWS, MarginSummary, embedding_margins, pooled
from clpips.identity.ranking import RankedQuery, rank_queries
from clpips.identity.retrieval import ClassFigures, class_figures
from clpips.io.image_tables import ImageRow, read_image_table
from clpips.progress import Watch

ALL = "all"


def left_one_out(rows: Sequence[ImageRow], distances: CosineDistances) -> ClassFigures:
    """Each photograph against all others."""
    ranked = []
    for place, row in enumerate(rows):
        others = [*rows[:place], *rows[place + 1 :]]
        ranked += rank_queries([row], others, distances, Watch())
    return class_figures(ranked, n_gallery=len(rows) - 1, n_gallery_missing=0)


def by_halves(rows: Sequence[ImageRow], distances: CosineDistances) -> float:
    """mAP of every second photograph of each subject against the others, both ways."""
    halves: tuple[list[ImageRow], list[ImageRow]] = ([], [])
    for own in by_subject(rows).values():
        for number, row in enumerate(own):
            halves[number % 2].append(row)
    ranked: list[RankedQuery] = []
    for queries, gallery in (halves, halves[::-1]):
        ranked += rank_queries(queries, gallery, distances, Watch())
    return float(np.mean([one.result.ap for one in ranked]))


def by_subject(rows: Sequence[ImageRow]) -> dict[tuple[str, str], list[ImageRow]]:
    """The photographs of each subject, in file order."""
    found: dict[tuple[str, str], list[ImageRow]] = {}
    for row in rows:
        found.setdefault(row.identity, []).append(row)
    return found


def margins(rows: Sequence[ImageRow], distances: CosineDistances) -> MarginSummary:
    """NearID's margins with every other subject of the class as distractor in turn."""
    views = {subject: distances.of(own[:VIEWS]) for subject, own in by_subject(rows).items()}
    subjects = list(views)
    others = {
        one: [each for each in subjects if each[0] == one[0] and each != one] for one in subjects
    }
    nothing = np.full_like(views[subjects[0]], np.nan)
    positives = np.stack([views[one] for one in subjects])
    tables = {}
    for turn in range(max(map(len, others.values()))):
        distractors = [
            views[others[one][turn]] if turn < len(others[one]) else nothing for one in subjects
        ]
        tables[str(turn)] = embedding_margins(positives, np.stack(distractors))
    return pooled(tables)


def scopes(rows: Sequence[ImageRow]) -> dict[str, list[ImageRow]]:
    """The classes with several subjects, by their number, then all photographs."""
    found: dict[str, list[ImageRow]] = {}
    for row in rows:
        found.setdefault(row.species, []).append(row)
    several = {name: own for name, own in found.items() if len(by_subject(own)) > 1}
    ordered = sorted(several, key=lambda name: (-len(by_subject(several[name])), name))
    return {name: several[name] for name in ordered} | {ALL: list(rows)}


def cells(scope: str, rows: Sequence[ImageRow], distances: CosineDistances) -> list[str]:
    """One scope's figures under one encoder."""
    apart = margins(rows, distances)
    if scope == ALL:  # names are unique, so that one class can hold all subjects
        rows = [replace(row, species=ALL) for row in rows]
    figures = left_one_out(rows, distances)
    return [
        _with_ends(figures.map, figures.map_ci),
        f"{by_halves(rows, distances):.2f}",
        f"{figures.chance_map:.2f}",
        f"{figures.rank1:.2f}",
        _with_ends(apart.ssr, apart.ssr_ci),
        _with_ends(apart.pa, apart.pa_ci),
    ]


def _with_ends(value: float | None, ends: tuple[float, float] | None) -> str:
    if value is None:
        return "–"
    return f"{value:.2f}" if ends is None else f"{value:.2f} ({ends[0]:.2f}…{ends[1]:.2f})"


def main() -> None:
    """Embed, rank, print one table a scope."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--root", type=Path, required=True, help="folder with images.csv")
    parser.add_argument("--encoder", nargs="+", default=list(OFFLINE), metavar="NAME")
    parser.add_argument("--head", nargs="+", default=[], metavar="FILE", help="trained heads")
    options = parser.parse_args()
    rows = read_image_table(options.root / "images.csv")
    places = {image_key(row): place for place, row in enumerate(rows)}
    parts = scopes(rows)
    tables: dict[str, list[list[str]]] = {scope: [] for scope in parts}
    for name in [*options.encoder, *(f"head:{path}" for path in options.head)]:
        encoder = open_encoder(name)
        paths = [row.path for row in rows]
        features = embed_files(encoder, paths, cache=default_cache(), watch=Watch())
        for scope, own in parts.items():
            found = cells(scope, own, CosineDistances(features, places))
            tables[scope].append([name, *found])
        print(f"{name} measured", flush=True)
    columns = ("encoder", "mAP", "ceiling, by halves", "chance", "rank-1", "SSR", "PA")
    for scope, lines in tables.items():
        own = parts[scope]
        print(f"\n{scope}: {len(by_subject(own))} subjects, {len(own)} photographs\n")
        for line in (columns, ["---"] * len(columns), *lines):
            print("| " + " | ".join(line) + " |")


if __name__ == "__main__":
    main()
