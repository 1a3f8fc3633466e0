"""The images nearest to a query in a large gallery, found through an index (faiss).

An inverted file of unit embeddings in half precision: k-means divides the gallery into √n lists,
and a query is compared with the lists nearest to it. So many lists are searched that ten nearest
images are found again (recall@10, measured against comparing all), and what was found is measured
exactly afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

from clpips.extras import requires
from clpips.identity.distances import cosine_distances
from clpips.progress import Watch

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

FOUND = 1000
"""So many of the nearest images are found for each query."""
RECALL_AT, RECALL = 10, 0.98
"""The recall that decides how many lists are searched."""
PROBED = 8
"""Lists that are searched at first."""
SAMPLE = 100
"""Queries that recall is measured on."""
PER_LIST = 50
"""Images per list that k-means sees."""
AT_ONCE = 65_536
"""Images that are added or compared at once."""
QUERIES_AT_ONCE = 256


class GalleryIndex:
    """An index over a gallery's embeddings.

    Args:
        features: (m, d) float32, rows of length 1 or zero; rows that are not finite are left out.
        rows: (n,) the gallery's rows among them.
        seed: of k-means and of the sample of queries.
        watch: progress and cancel.

    Attributes:
        n_ranked: images in the index.
        recall: share of the ten nearest images that the search finds, on a sample of the queries;
            NaN before the first search.
        n_lists, n_probed: lists of the index, and how many of them are searched.

    Raises:
        MissingExtra: faiss is not installed.
        Cancelled: the caller cancelled.
    """

    def __init__(
        self, features: Array, rows: Array, *, seed: int = 0, watch: Watch | None = None
    ) -> None:
        with requires("scale", f"a gallery of {len(rows):,} images"):
            import faiss

        watch = watch or Watch()
        self._features, self._seed = features, seed
        finite = [
            np.isfinite(features[rows[at : at + AT_ONCE]]).all(axis=1)
            for at in range(0, len(rows), AT_ONCE)
        ]
        self._places = np.flatnonzero(np.concatenate(finite))
        self._rows_of_places, self._rows = rows, rows[self._places]
        self.n_ranked, self.recall, self.n_probed = len(self._rows), math.nan, PROBED
        self.n_lists = max(1, min(math.isqrt(self.n_ranked), self.n_ranked // PER_LIST))
        dimensions = features.shape[1]
        self._index = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(dimensions),
            dimensions,
            self.n_lists,
            faiss.ScalarQuantizer.QT_fp16,
            faiss.METRIC_INNER_PRODUCT,
        )
        self._index.cp.seed = seed
        sample = np.random.default_rng(seed).permutation(self._rows)[: PER_LIST * self.n_lists]
        watch.report(0.0, f"Indexing {self.n_ranked:,} images")
        self._index.train(features[np.sort(sample)])
        for at in range(0, self.n_ranked, AT_ONCE):
            watch.report(0.3 + 0.7 * at / self.n_ranked, f"Indexing {self.n_ranked:,} images")
            self._index.add(features[self._rows[at : at + AT_ONCE]])

    def nearest(self, queries: Array, *, count: int = FOUND) -> Iterator[tuple[Array, Array]]:
        """The images nearest to each of (q, d) unit queries.

        Yields:
            places in the gallery, rising, and their exact distances; none for a query that is not
            finite.
        """
        if math.isnan(self.recall):
            self._tune(queries)
        for start in range(0, len(queries), QUERIES_AT_ONCE):
            block = queries[start : start + QUERIES_AT_ONCE]
            found = self._search(block, min(count, self.n_ranked))
            for query, places in zip(block, found, strict=True):
                there = np.sort(places[places >= 0])
                found_at = self._places[there]
                yield found_at, self.distances(query, found_at)

    def distances(self, query: Array, places: Array) -> Array:
        """Exact distances of a (d,) query to places in the gallery."""
        features = self._features[self._rows_of_places[places]]
        return next(cosine_distances(query[None], features))

    def _search(self, queries: Array, count: int) -> Array:
        """(q, count) positions in the index; −1 where there is none."""
        finite = np.isfinite(queries).all(axis=1)
        self._index.nprobe = self.n_probed
        found = np.full((len(queries), count), -1, dtype=np.int64)
        if finite.any():
            _, found[finite] = self._index.search(queries[finite].astype(np.float32), count)
        return found

    def _tune(self, queries: Array) -> None:
        """Search more lists until the sample's nearest images are found."""
        finite = queries[np.isfinite(queries).all(axis=1)]
        chosen = np.random.default_rng(self._seed).permutation(len(finite))[:SAMPLE]
        sample = finite[np.sort(chosen)]
        exact = self._nearest_of_all(sample, min(RECALL_AT, self.n_ranked))
        if not len(sample):
            return
        while True:
            found = self._search(sample, exact.shape[1])
            shares = [np.isin(one, two).mean() for one, two in zip(exact, found, strict=True)]
            self.recall = float(np.mean(shares))
            if self.recall >= RECALL or self.n_probed >= self.n_lists:
                return
            self.n_probed = min(2 * self.n_probed, self.n_lists)

    def _nearest_of_all(self, queries: Array, count: int) -> Array:
        """(q, count) positions of the nearest images, by comparing all."""
        near = np.full((len(queries), count), -1, dtype=np.int64)
        similar = np.full((len(queries), count), -np.inf, dtype=np.float32)
        for at in range(0, self.n_ranked, AT_ONCE):
            block = queries @ self._features[self._rows[at : at + AT_ONCE]].T
            among = np.concatenate([similar, block], axis=1)
            best = np.argpartition(-among, count - 1, axis=1)[:, :count]
            numbers = np.broadcast_to(np.arange(at, at + block.shape[1]), block.shape)
            near = np.take_along_axis(np.concatenate([near, numbers], axis=1), best, axis=1)
            similar = np.take_along_axis(among, best, axis=1)
        return near
