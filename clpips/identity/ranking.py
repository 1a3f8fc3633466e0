"""Finer-Personalization Rank: generated images as queries against a gallery of their class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from clpips.errors import DatasetError
from clpips.identity.distances import Distances
from clpips.identity.gallery import QueryResult, nearest, rank_gallery
from clpips.io.image_tables import ImageRow
from clpips.progress import Watch
from clpips.text import named

SHOWN = 10
"""So many of the nearest gallery images are kept for each query."""

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A gallery image near a query.

    Args:
        image: the gallery image.
        distance: from the query.
        is_hit: whether it shows the query's identity.
    """

    image: ImageRow
    distance: float
    is_hit: bool


@dataclass(frozen=True, slots=True)
class RankedQuery:
    """One query and how it ranked its gallery.

    Args:
        query: the image.
        result: its average precision, first hit and ties.
        neighbours: the nearest gallery images, nearest first.
        is_missing: whether it could not be compared: its AP is 0.
        reference_similarity: to the real references of its identity; ``None`` without any.
        gallery_similarity: mean similarity to the gallery images of its identity; ``None``
            without any.
        text_similarity: CLIP-T, of the image and its prompt; ``None`` without.
    """

    query: ImageRow
    result: QueryResult
    neighbours: tuple[Neighbour, ...]
    is_missing: bool
    reference_similarity: float | None = None
    gallery_similarity: float | None = None
    text_similarity: float | None = None


def rank_queries(
    queries: Sequence[ImageRow],
    gallery: Sequence[ImageRow],
    distances: Distances,
    watch: Watch,
) -> list[RankedQuery]:
    """Rank, for each query, the gallery images of its species.

    Returns:
        One result a query, in the queries' order.

    Raises:
        DatasetError: a species without any gallery image.
        Cancelled: the caller cancelled.
    """
    of_species = _by_species(gallery)
    absent = sorted({row.species for row in queries} - set(of_species))
    if absent:
        raise DatasetError(
            f"the gallery must have images of every species of the queries, got none of "
            f"{named(absent)}"
        )
    found: dict[int, RankedQuery] = {}
    for species, places in _places_by_species(queries).items():
        own = [queries[place] for place in places]
        ranked = _rank_species(own, of_species[species], distances)
        for place, one in zip(places, ranked, strict=True):
            watch.report(len(found) / len(queries), f"Ranking query {len(found) + 1}")
            found[place] = one
    return [found[place] for place in range(len(queries))]


def with_reference_similarity(
    ranked: Sequence[RankedQuery], references: Sequence[ImageRow], distances: Distances
) -> list[RankedQuery]:
    """Add each query's similarity (1 − distance) to its reference.

    A query that names its reference (``ref_path``) is compared with that one, any other with every
    reference of its identity, of which the mean counts.
    """
    own = {row.identity: list[ImageRow]() for row in references}
    for row in references:
        own[row.identity].append(row)
    found = []
    for one in ranked:
        query = one.query
        against = [_named_reference(query)] if query.ref_path else own.get(query.identity, [])
        similar = 1.0 - distances.of_pairs([query] * len(against), against)
        finite = similar[np.isfinite(similar)]
        mean = float(finite.mean()) if finite.size else None
        found.append(replace(one, reference_similarity=mean))
    return found


def named_references(queries: Sequence[ImageRow]) -> list[ImageRow]:
    """The reference images that queries name, as rows of their own."""
    return [_named_reference(row) for row in queries if row.ref_path]


def _named_reference(query: ImageRow) -> ImageRow:
    return ImageRow(query.name, query.species, query.ref_path, query.ref)


def _rank_species(
    queries: Sequence[ImageRow], gallery: Sequence[ImageRow], distances: Distances
) -> Iterator[RankedQuery]:
    names = np.array([row.name for row in gallery], dtype=object)
    missing = distances.is_missing(queries)
    rows = distances.between(queries, gallery)
    for query, is_missing, row in zip(queries, missing, rows, strict=True):
        relevant = names == query.name
        near = tuple(
            Neighbour(gallery[place], float(row[place]), bool(relevant[place]))
            for place in nearest(row, SHOWN)
        )
        own = row[relevant & np.isfinite(row)]
        similarity = float(1 - own.mean()) if own.size else None
        yield RankedQuery(
            query,
            rank_gallery(row, relevant),
            near,
            bool(is_missing),
            gallery_similarity=similarity,
        )


def _by_species(rows: Sequence[ImageRow]) -> Mapping[str, list[ImageRow]]:
    return {s: [rows[p] for p in places] for s, places in _places_by_species(rows).items()}


def _places_by_species(rows: Sequence[ImageRow]) -> Mapping[str, list[int]]:
    found: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        found.setdefault(row.species, []).append(place)
    return found
