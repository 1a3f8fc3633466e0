"""Distances between identity-labelled images: of embeddings, or of anything that compares pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np

from clpips.io.image_tables import ImageRow

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

QUERIES_AT_ONCE, GALLERY_AT_ONCE = 64, 16_384
"""The block of similarities that is computed at once: 8 MB in float64."""


class Distances(Protocol):
    """What ranks galleries. Smaller is nearer; NaN where an image cannot be compared."""

    def between(self, queries: Sequence[ImageRow], gallery: Sequence[ImageRow]) -> Iterator[Array]:
        """For each query, (gallery,) distances."""
        ...

    def of_pairs(self, first: Sequence[ImageRow], second: Sequence[ImageRow]) -> Array:
        """(n,) distances of the n-th image of both."""
        ...

    def is_missing(self, rows: Sequence[ImageRow]) -> Array:
        """(n,) whether an image cannot be compared with any."""
        ...


class CosineDistances:
    """1 − cosine of unit embeddings.

    Similarities are summed in float64 and rounded to float32, so that equal images are at exactly
    equal distances, wherever they stand in the gallery.

    Args:
        features: (n, d) rows of length 1; NaN rows are missing images, and a zero row is at
            distance 1 from everything.
        row_of: the row of each image, by :func:`image_key`.
    """

    def __init__(self, features: Array, row_of: Mapping[str, int]) -> None:
        self.features, self._row_of = features, row_of

    def rows_of(self, images: Sequence[ImageRow]) -> Array:
        """(n,) where the images' embeddings are in :attr:`features`."""
        return np.array([self._row_of[image_key(image)] for image in images], dtype=np.intp)

    def of(self, rows: Sequence[ImageRow]) -> Array:
        """(n, d) the images' embeddings."""
        return self.features[self.rows_of(rows)]

    def between(self, queries: Sequence[ImageRow], gallery: Sequence[ImageRow]) -> Iterator[Array]:
        """See :class:`Distances`."""
        yield from cosine_distances(self.of(queries), self.of(gallery))

    def of_pairs(self, first: Sequence[ImageRow], second: Sequence[ImageRow]) -> Array:
        """See :class:`Distances`."""
        one, other = self.of(first).astype(np.float64), self.of(second).astype(np.float64)
        return np.asarray(1.0 - (one * other).sum(axis=1))

    def is_missing(self, rows: Sequence[ImageRow]) -> Array:
        """See :class:`Distances`."""
        return np.asarray(~np.isfinite(self.of(rows)).all(axis=1))


def image_key(row: ImageRow) -> str:
    """What tells images apart: the path as it stands in the table, and the file that it is."""
    return f"{row.file_path}\n{row.path}"


def cosine_distances(queries: Array, gallery: Array) -> Iterator[Array]:
    """For each of (q, d) unit queries, (n,) distances to (n, d) unit gallery rows, in [0, 2]."""
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        block = queries[start : start + QUERIES_AT_ONCE].astype(np.float64)
        similarity = np.empty((len(block), len(gallery)), dtype=np.float32)
        for at in range(0, len(gallery), GALLERY_AT_ONCE):
            part = gallery[at : at + GALLERY_AT_ONCE].astype(np.float64)
            similarity[:, at : at + GALLERY_AT_ONCE] = block @ part.T
        yield from 1.0 - similarity.astype(np.float64)
