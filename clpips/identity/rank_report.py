"""What ``clpips identity rank`` finds, as figures, as rows and as one document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clpips.identity.ranking import RankedQuery
from clpips.identity.retrieval import (
    ClassFigures,
    Comparison,
    class_figures,
    compare_methods,
    macro_figures,
)
from clpips.io.image_tables import ImageRow
from clpips.text import named
from clpips.version import __version__

COLUMNS = (
    "method", "species", "name", "file_path", "ap", "ap_worst", "ap_best", "first_hit",
    "n_relevant", "n_ranked", "is_missing", "reference_similarity", "gallery_similarity",
    "clip_t", "nearest", "prompt",
)  # fmt: skip
"""Of ``queries.csv``; ``nearest`` are the first ten gallery images, separated by blanks."""


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One method's queries and figures.

    Args:
        method: its name.
        queries: in the table's order.
        classes: the figures of each species.
        macro: their mean.
    """

    method: str
    queries: tuple[RankedQuery, ...]
    classes: Mapping[str, ClassFigures]
    macro: ClassFigures


@dataclass(frozen=True, slots=True)
class SizedGallery:
    """The same queries against a gallery of another size.

    Args:
        subjects: identities of each species that were asked for; ``None`` for all.
        images: of each identity; ``None`` for all.
        n_gallery: images that it has.
        methods: what they reach in it.
    """

    subjects: int | None
    images: int | None
    n_gallery: int
    methods: tuple[MethodResult, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        size = {"subjects": self.subjects, "images": self.images, "n_gallery": self.n_gallery}
        return {**size, "methods": methods_dict(self.methods)}


@dataclass(frozen=True, slots=True)
class RankReport:
    """Everything that a ranking of generated images showed.

    Args:
        methods: in the order in which the queries' table names them.
        ceiling: the real references as queries; empty without references.
        comparisons: of every pair of methods.
        compared_by: what made the distances: an encoder's card, or a metric's.
        settings: seed and choices, as they go into the document.
        notes: sentences about what was left out or found.
        gallery_sizes: the ablation over gallery size, if it was asked for.
    """

    methods: tuple[MethodResult, ...]
    ceiling: tuple[RankedQuery, ...]
    comparisons: tuple[Comparison, ...]
    compared_by: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    gallery_sizes: tuple[SizedGallery, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "methods": methods_dict(self.methods),
            "comparisons": [one.to_dict() for one in self.comparisons],
            "compared_by": dict(self.compared_by),
            "settings": dict(self.settings),
            "gallery_sizes": [one.to_dict() for one in self.gallery_sizes],
            "notes": list(self.notes),
            "version": __version__,
        }


def methods_dict(methods: Sequence[MethodResult]) -> dict[str, Any]:
    """Methods' figures as plain values."""
    return {
        one.method: {
            "classes": {name: each.to_dict() for name, each in one.classes.items()},
            "macro": one.macro.to_dict(),
        }
        for one in methods
    }


def summarise(
    ranked: Sequence[RankedQuery],
    ceiling: Sequence[RankedQuery],
    gallery: Sequence[ImageRow],
    gallery_missing: Sequence[bool],
    *,
    compared_by: Mapping[str, Any],
    settings: Mapping[str, Any],
    notes: Sequence[str] = (),
    gallery_sizes: Sequence[SizedGallery] = (),
    seed: int = 0,
) -> RankReport:
    """The figures of every method and class.

    Args:
        ranked: the queries of all methods.
        ceiling: the real references as queries, or none.
        gallery: all its images.
        gallery_missing: for each, whether it could not be compared.
        compared_by, settings, notes, gallery_sizes: see :class:`RankReport`.
        seed: of intervals and tests.
    """
    results = method_results(ranked, ceiling, gallery, gallery_missing, seed=seed)
    names: dict[str, set[str]] = {}
    for row in gallery:
        names.setdefault(row.species, set()).add(row.name)
    if alone := [species for species, own in names.items() if len(own) == 1]:
        notes = [
            *notes,
            f"every order gives mAP 1 where the gallery shows one identity only: {named(alone)}",
        ]
    compared = compare_methods({one.method: one.queries for one in results}, seed=seed)
    return RankReport(
        results,
        tuple(ceiling),
        tuple(compared),
        compared_by,
        settings,
        tuple(notes),
        tuple(gallery_sizes),
    )


def method_results(
    ranked: Sequence[RankedQuery],
    ceiling: Sequence[RankedQuery],
    gallery: Sequence[ImageRow],
    gallery_missing: Sequence[bool],
    *,
    seed: int = 0,
) -> tuple[MethodResult, ...]:
    """The figures of every method in one gallery; see :func:`summarise`."""
    images = Counter(row.species for row in gallery)
    missing = Counter(
        row.species for row, absent in zip(gallery, gallery_missing, strict=True) if absent
    )
    methods = list(dict.fromkeys(one.query.method for one in ranked))
    results = []
    for method in methods:
        queries = [one for one in ranked if one.query.method == method]
        groups = by_species(queries)
        classes = {
            name: class_figures(
                group,
                n_gallery=images[name],
                n_gallery_missing=missing[name],
                ceiling=[one for one in ceiling if one.query.species == name],
                seed=seed,
            )
            for name, group in groups.items()
        }
        macro = macro_figures(classes, groups, seed=seed)
        results.append(MethodResult(method, tuple(queries), classes, macro))
    return tuple(results)


def query_rows(report: RankReport) -> Iterator[dict[str, Any]]:
    """The rows of ``queries.csv``, by column; figures that there are none of are empty."""
    for method in report.methods:
        for one in method.queries:
            query, result = one.query, one.result
            yield {
                "method": query.method,
                "species": query.species,
                "name": query.name,
                "file_path": query.file_path,
                "ap": result.ap,
                "ap_worst": result.ap_ties[0],
                "ap_best": result.ap_ties[1],
                "first_hit": result.first_hit,
                "n_relevant": result.n_relevant,
                "n_ranked": result.n_ranked,
                "is_missing": int(one.is_missing),
                "reference_similarity": one.reference_similarity,
                "gallery_similarity": one.gallery_similarity,
                "clip_t": one.text_similarity,
                "nearest": " ".join(near.image.file_path for near in one.neighbours),
                "prompt": query.prompt,
            }


def by_species(queries: Sequence[RankedQuery]) -> dict[str, list[RankedQuery]]:
    """Queries by their coarse class, in the order in which classes appear."""
    found: dict[str, list[RankedQuery]] = {}
    for one in queries:
        found.setdefault(one.query.species, []).append(one)
    return found
