"""Finer-Personalization Rank from tables of images to a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clpips.identity.distances import Distances
from clpips.identity.rank_report import RankReport, summarise
from clpips.identity.ranking import (
    EXACT_UP_TO,
    GalleryRanking,
    named_references,
    with_reference_similarity,
)
from clpips.io.image_tables import ImageRow
from clpips.progress import Watch


@dataclass(frozen=True, slots=True)
class RankTables:
    """The images of one ranking.

    Args:
        queries: generated images.
        gallery: real images to search.
        references: the real images that the methods were shown, or none.
        notes: what was found while they were read.
    """

    queries: Sequence[ImageRow]
    gallery: Sequence[ImageRow]
    references: Sequence[ImageRow] = ()
    notes: Sequence[str] = field(default=())

    @property
    def rows(self) -> list[ImageRow]:
        """Every image that is compared with another."""
        named = named_references(self.queries) if self.references else []
        return [*self.queries, *self.gallery, *self.references, *named]


def rank_images(
    tables: RankTables,
    distances: Distances,
    *,
    compared_by: Mapping[str, Any],
    unusable: Iterable[str] = (),
    settings: Mapping[str, Any] | None = None,
    exact_up_to: int = EXACT_UP_TO,
    seed: int = 0,
    watch: Watch | None = None,
) -> RankReport:
    """Rank every query, and the references for the ceiling; summarise.

    Args:
        tables: the images.
        distances: what compares them.
        compared_by: what made the distances, as the report states it.
        unusable: why images could not be used, a sentence each.
        settings: choices, as the report states them.
        exact_up_to: see :class:`~clpips.identity.ranking.GalleryRanking`.
        seed: of intervals, tests and samples.
        watch: progress and cancel.

    Raises:
        DatasetError: a species of the queries without any gallery image.
        Cancelled: the caller cancelled.
    """
    watch = watch or Watch()
    gallery = GalleryRanking(tables.gallery, distances, exact_up_to=exact_up_to, seed=seed)
    ranked = gallery.rank(tables.queries, watch.part(0.0, 0.7))
    ceiling = []
    if tables.references:
        ranked = with_reference_similarity(ranked, tables.references, distances)
        species = {row.species for row in tables.queries}
        known = [row for row in tables.references if row.species in species]
        ceiling = gallery.rank(known, watch.part(0.7, 0.3)) if known else []
    return summarise(
        ranked,
        ceiling,
        tables.gallery,
        [bool(each) for each in distances.is_missing(tables.gallery)],
        compared_by=compared_by,
        settings={"seed": seed, "exact_up_to": exact_up_to, **(settings or {})},
        notes=[
            *tables.notes,
            *(f"left out: {reason}" for reason in unusable),
            *gallery.searches(),
        ],
        seed=seed,
    )
