"""Finer-Personalization Rank: generated images as queries against a gallery of their class."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from clpips.identity.distances import CosineDistances, Distances
from clpips.identity.gallery import QueryResult, nearest, rank_gallery, rank_part
from clpips.identity.gallery_index import FOUND, RECALL_AT, GalleryIndex
from clpips.io.image_tables import ImageRow, check_species
from clpips.progress import Watch
from clpips.text import quoted

SHOWN = 10
"""So many of the nearest gallery images are kept for each query."""
EXACT_UP_TO = 200_000
"""Larger galleries of embeddings are searched through an index."""

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


class GalleryRanking:
    """Galleries, one of each species, that queries are ranked against.

    Args:
        gallery: the images of all species.
        distances: what compares images.
        exact_up_to: a species with more images is searched through an index
            (:class:`~clpips.identity.gallery_index.GalleryIndex`) where embeddings are compared.
        seed: of the index.
    """

    def __init__(
        self,
        gallery: Sequence[ImageRow],
        distances: Distances,
        *,
        exact_up_to: int = EXACT_UP_TO,
        seed: int = 0,
    ) -> None:
        self._distances, self._exact_up_to, self._seed = distances, exact_up_to, seed
        self._species = {
            species: _SpeciesGallery([gallery[place] for place in places])
            for species, places in _places_by(gallery, lambda row: row.species).items()
        }
        self._indexes: dict[str, GalleryIndex] = {}

    def rank(self, queries: Sequence[ImageRow], watch: Watch) -> list[RankedQuery]:
        """Rank, for each query, the gallery images of its species.

        Returns:
            One result a query, in the queries' order.

        Raises:
            DatasetError: a species without any gallery image.
            MissingExtra: faiss is not installed and a gallery is too large to do without.
            Cancelled: the caller cancelled.
        """
        check_species(queries, self._species)
        found: dict[int, RankedQuery] = {}
        for species, places in _places_by(queries, lambda row: row.species).items():
            part = watch.part(len(found) / len(queries), len(places) / len(queries))
            own = [queries[place] for place in places]
            for number, one in enumerate(self._ranked(species, own, part)):
                watch.report(len(found) / len(queries), f"Ranking query {len(found) + 1:,}")
                found[places[number]] = one
        return [found[place] for place in range(len(queries))]

    def searches(self) -> list[str]:
        """A sentence for each gallery that was searched through an index."""
        return [
            f"the gallery of {quoted(species)} ({index.n_ranked:,} images) was searched through an "
            f"index, {index.n_probed} of {index.n_lists} lists at a time: recall@{RECALL_AT} "
            f"{index.recall:.3f}; ranks beyond {FOUND:,} are estimated"
            for species, index in self._indexes.items()
        ]

    def _ranked(
        self, species: str, queries: Sequence[ImageRow], watch: Watch
    ) -> Iterator[RankedQuery]:
        gallery, distances = self._species[species], self._distances
        missing = distances.is_missing(queries)
        if isinstance(distances, CosineDistances) and len(gallery.images) > self._exact_up_to:
            if species not in self._indexes:
                rows = distances.rows_of(gallery.images)
                self._indexes[species] = GalleryIndex(
                    distances.features, rows, seed=self._seed, watch=watch
                )
            results = _searched(gallery, queries, distances.of(queries), self._indexes[species])
        else:
            results = _compared(gallery, queries, distances.between(queries, gallery.images))
        for query, is_missing, (result, near, own) in zip(queries, missing, results, strict=True):
            own = own[np.isfinite(own)]
            similarity = float(1 - own.mean()) if own.size else None
            yield RankedQuery(query, result, near, bool(is_missing), gallery_similarity=similarity)


def rank_queries(
    queries: Sequence[ImageRow],
    gallery: Sequence[ImageRow],
    distances: Distances,
    watch: Watch,
) -> list[RankedQuery]:
    """Rank queries once: see :class:`GalleryRanking`."""
    return GalleryRanking(gallery, distances).rank(queries, watch)


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


class _SpeciesGallery:
    """The gallery images of one species, and where each identity's are."""

    def __init__(self, images: Sequence[ImageRow]) -> None:
        self.images = images
        self._places = _places_by(images, lambda row: row.name)

    def own(self, query: ImageRow) -> Array:
        """The places of the images of a query's identity, rising."""
        return np.array(self._places.get(query.name, []), dtype=np.intp)

    def neighbours(self, places: Array, distances: Array, own: Array) -> tuple[Neighbour, ...]:
        """The nearest of the images at these places, in file order, and their distances."""
        return tuple(
            Neighbour(self.images[places[at]], float(distances[at]), bool(places[at] in own))
            for at in nearest(distances, SHOWN)
        )


_Result: TypeAlias = tuple[QueryResult, tuple[Neighbour, ...], Array]
"""How a query ranks, its neighbours, and its distances to images of its identity."""


def _compared(
    gallery: _SpeciesGallery, queries: Sequence[ImageRow], rows: Iterator[Array]
) -> Iterator[_Result]:
    """By comparing every gallery image."""
    places = np.arange(len(gallery.images))
    for query, row in zip(queries, rows, strict=True):
        own = gallery.own(query)
        relevant = np.zeros(len(row), dtype=bool)
        relevant[own] = True
        near = gallery.neighbours(places, row, own)
        yield rank_gallery(row, relevant), near, row[own]


def _searched(
    gallery: _SpeciesGallery, queries: Sequence[ImageRow], features: Array, index: GalleryIndex
) -> Iterator[_Result]:
    """Through an index, and exactly for the images of a query's identity."""
    results = zip(queries, features, index.nearest(features), strict=True)
    for query, vector, (places, distances) in results:
        own = gallery.own(query)
        others = own[~np.isin(own, places)]
        joined = np.concatenate([places, others])
        values = np.concatenate([distances, index.distances(vector, others)])
        order = np.argsort(joined)
        joined, values = joined[order], values[order]
        finite = np.isfinite(values)
        joined, values = joined[finite], values[finite]
        is_all = len(places) == index.n_ranked
        result = rank_part(
            values,
            np.isin(joined, own),
            complete_below=np.inf if is_all else distances.max(initial=-np.inf),
            n_ranked=index.n_ranked if len(places) else 0,
        )
        yield result, gallery.neighbours(joined, values, own), values[np.isin(joined, own)]


def _places_by(rows: Sequence[ImageRow], key: Callable[[ImageRow], str]) -> Mapping[str, list[int]]:
    found: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        found.setdefault(key(row), []).append(place)
    return found
