"""Distances of a personal metric, to rank galleries with: what this person would call the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from clpips.features.batching import Unusable, compute
from clpips.features.cache import content_hash
from clpips.features.embedding.encoder import EncoderCard
from clpips.identity.distances import Array
from clpips.io.image_tables import ImageRow
from clpips.metric.clpips import CLPIPS
from clpips.progress import Watch

QUERIES_AT_ONCE = 32
"""Queries whose distances are computed together, sharing the gallery's features."""


class PersonalDistances:
    """Each pair's distance by a personal metric; the second image at the first one's size.

    Args:
        path: the metric's file.
        watch: progress and cancel.

    Attributes:
        card: what reports say of the metric.
        unusable: images that could not be read, by file, and why.
    """

    def __init__(self, path: str, watch: Watch) -> None:
        self.metric = CLPIPS.load(path)
        self.card = EncoderCard(
            path.rsplit("/", 1)[-1],
            content_hash(path).decode(),
            len(self.metric.weights),
            f"distances of a personal metric ({self.metric.backbone}), each gallery image at the "
            "query's size; a similarity is 1 − the distance",
        )
        self.unusable: Unusable = {}
        self._watch = watch
        self._known: dict[tuple[str, str], float] = {}

    def between(self, queries: Sequence[ImageRow], gallery: Sequence[ImageRow]) -> Iterator[Array]:
        """See :class:`~clpips.identity.distances.Distances`."""
        for start in range(0, len(queries), QUERIES_AT_ONCE):
            block = queries[start : start + QUERIES_AT_ONCE]
            pairs = {query.path: [row.path for row in gallery] for query in block}
            found = self._of(pairs)
            for query in block:
                yield np.array([found.get((query.path, row.path), np.nan) for row in gallery])

    def of_pairs(self, first: Sequence[ImageRow], second: Sequence[ImageRow]) -> Array:
        """See :class:`~clpips.identity.distances.Distances`."""
        pairs: dict[str, list[str]] = {}
        for one, other in zip(first, second, strict=True):
            pairs.setdefault(one.path, []).append(other.path)
        found = self._of(pairs)
        return np.array(
            [found.get((a.path, b.path), np.nan) for a, b in zip(first, second, strict=True)]
        )

    def is_missing(self, rows: Sequence[ImageRow]) -> Array:
        """See :class:`~clpips.identity.distances.Distances`; known once they were compared."""
        return np.array([row.path in self.unusable for row in rows], dtype=bool)

    def _of(self, pairs: dict[str, list[str]]) -> dict[tuple[str, str], float]:
        """The distances known so far, these among them: galleries of other sizes share pairs."""
        wanted = {
            target: list(dict.fromkeys(i for i in images if (target, i) not in self._known))
            for target, images in pairs.items()
        }
        wanted = {target: images for target, images in wanted.items() if images}
        for target, image, vector in compute(
            wanted, self.metric.network(), self._watch, self.unusable
        ):
            self._known[target, image] = float(self.metric.distances_of(vector[None])[0])
        return self._known
