"""Finer-Personalization Rank from tables of images to a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from clpips.errors import InputError
from clpips.identity.distances import Array, CosineDistances, Distances, image_key
from clpips.identity.gallery_choice import (
    SIZE_SEED,
    GalleryChoice,
    GallerySize,
    random_gallery,
    representative_gallery,
    resized_gallery,
)
from clpips.identity.rank_report import RankReport, SizedGallery, method_results, summarise
from clpips.identity.ranking import (
    EXACT_UP_TO,
    GalleryRanking,
    RankedQuery,
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
        extra: further real images, which only larger galleries take.
        notes: what was found while they were read.
    """

    queries: Sequence[ImageRow]
    gallery: Sequence[ImageRow]
    references: Sequence[ImageRow] = ()
    extra: Sequence[ImageRow] = ()
    notes: Sequence[str] = field(default=())

    @property
    def rows(self) -> list[ImageRow]:
        """Every image that is compared with another."""
        named = named_references(self.queries) if self.references else []
        return [*self.queries, *self.gallery, *self.references, *self.extra, *named]


def cosine_distances(
    tables: RankTables, embed: Callable[[Sequence[ImageRow]], Array]
) -> CosineDistances:
    """Distances of embeddings between all images of a ranking.

    Args:
        tables: the images.
        embed: gives (n, d) unit rows for n images; it is called once, with each image once.
    """
    rows = list({image_key(row): row for row in tables.rows}.values())
    places = {image_key(row): place for place, row in enumerate(rows)}
    return CosineDistances(embed(rows), places)


def rank_images(
    tables: RankTables,
    distances: Distances,
    *,
    compared_by: Mapping[str, Any],
    unusable: Iterable[str] = (),
    text_similarity: Sequence[float | None] = (),
    settings: Mapping[str, Any] | None = None,
    exact_up_to: int = EXACT_UP_TO,
    choice: GalleryChoice | None = None,
    sizes: Sequence[GallerySize] = (),
    size_seed: int = SIZE_SEED,
    seed: int = 0,
    watch: Watch | None = None,
) -> RankReport:
    """Rank every query, and the references for the ceiling; summarise.

    Args:
        tables: the images.
        distances: what compares them.
        compared_by: what made the distances, as the report states it.
        unusable: why images could not be used, a sentence each.
        text_similarity: CLIP-T of each query, or nothing.
        settings: choices, as the report states them.
        exact_up_to: see :class:`~clpips.identity.ranking.GalleryRanking`.
        choice: which of the gallery's images to search; all by default.
        sizes: further galleries of other sizes to rank the queries against.
        size_seed: of the draws of these.
        seed: of intervals, tests and samples.
        watch: progress and cancel.

    Raises:
        DatasetError: a species of the queries without any gallery image.
        InputError: a choice by k-means where there are no embeddings.
        Cancelled: the caller cancelled.
    """
    watch = watch or Watch()
    share = 1 / (1 + len(sizes))
    rows = tables.gallery if choice is None else chosen_gallery(choice, tables, distances)
    gallery = GalleryRanking(rows, distances, exact_up_to=exact_up_to, seed=seed)
    species = {row.species for row in tables.queries}
    references = [row for row in tables.references if row.species in species]
    ranked, ceiling = _ranked(gallery, tables.queries, references, watch.part(0.0, share))
    if tables.references:
        ranked = with_reference_similarity(ranked, tables.references, distances)
    if text_similarity:
        told = zip(ranked, text_similarity, strict=True)
        ranked = [replace(one, text_similarity=similarity) for one, similarity in told]
    queried = dict.fromkeys(row.identity for row in tables.queries)
    # Who is not queried may not be in a smaller gallery.
    references = [row for row in references if row.identity in queried]
    sized = []
    for number, (subjects, images) in enumerate(sizes, 1):
        other = resized_gallery(
            rows, tables.extra, [*queried], subjects=subjects, images=images, seed=size_seed
        )
        found, best = _ranked(
            GalleryRanking(other, distances, exact_up_to=exact_up_to, seed=seed),
            tables.queries,
            references,
            watch.part(number * share, share),
        )
        missing = _missing(distances, other)
        methods = method_results(found, best, other, missing, seed=seed)
        sized.append(SizedGallery(subjects, images, len(other), methods))
    return summarise(
        ranked,
        ceiling,
        rows,
        _missing(distances, rows),
        compared_by=compared_by,
        settings={
            "seed": seed,
            "exact_up_to": exact_up_to,
            **({"gallery_choice": choice.to_dict()} if choice else {}),
            **({"size_seed": size_seed} if sizes else {}),
            **(settings or {}),
        },
        notes=[
            *tables.notes,
            *(f"left out: {reason}" for reason in unusable),
            *_in_the_gallery(tables.queries, rows, "queries"),
            *_in_the_gallery(references, rows, "references"),
            *gallery.searches(),
        ],
        gallery_sizes=sized,
        seed=seed,
    )


def _ranked(
    gallery: GalleryRanking,
    queries: Sequence[ImageRow],
    references: Sequence[ImageRow],
    watch: Watch,
) -> tuple[list[RankedQuery], list[RankedQuery]]:
    """Queries and references in one gallery."""
    ranked = gallery.rank(queries, watch.part(0.0, 0.7))
    return ranked, gallery.rank(references, watch.part(0.7, 0.3)) if references else []


def _in_the_gallery(
    images: Sequence[ImageRow], gallery: Sequence[ImageRow], words: str
) -> list[str]:
    """A sentence about images that find themselves: at distance 0, and so first."""
    there = {row.path or row.file_path for row in gallery}
    count = sum((row.path or row.file_path) in there for row in images)
    if not count:
        return []
    return [f"{count} of {len(images)} {words} stand in the gallery and find themselves first"]


def _missing(distances: Distances, rows: Sequence[ImageRow]) -> list[bool]:
    return [bool(each) for each in distances.is_missing(rows)]


def chosen_gallery(
    choice: GalleryChoice, tables: RankTables, distances: Distances
) -> list[ImageRow]:
    """Some images of each identity, in the gallery's order.

    Identities are taken in the order of the references, as in the release, then any others.

    Raises:
        InputError: k-means, where what compares images has no embeddings.
    """
    named = [row.identity for row in (*tables.references, *tables.gallery)]
    order = [*dict.fromkeys(named)]
    seed = {} if choice.seed is None else {"seed": choice.seed}
    if choice.by == "random":
        return random_gallery(tables.gallery, order, images=choice.images, **seed)
    if not isinstance(distances, CosineDistances):
        raise InputError("a gallery is chosen by k-means on embeddings, and a metric has none")
    embeddings = distances.of(tables.gallery)
    return representative_gallery(tables.gallery, embeddings, order, images=choice.images, **seed)
