"""Embeddings kept on disk by an image's content and the encoder's checksum, bit for bit."""

from __future__ import annotations

import numpy as np

from clpips.features.cache import VectorCache
from clpips.features.embedding.encoder import Embeddings, EncoderCard

KIND = "embedding 2"
"""Part of every key: another number where the same weights come to give other vectors."""


class EmbeddingCache:
    """One encoder's embeddings in the cache that difference vectors are kept in.

    Args:
        cache: the folder; ``None`` keeps nothing.
        card: the encoder's: another checksum never finds these embeddings.
    """

    def __init__(self, cache: VectorCache | None, card: EncoderCard) -> None:
        self._cache, self._dimensions = cache, card.dimensions
        self._encoder = f"{KIND}\n{card.checksum}\n{card.dimensions}\n".encode()

    def get(self, content: bytes) -> Embeddings | None:
        """(dimensions,) the embedding of an image by its content's hash; ``None`` if not kept."""
        if self._cache is None:
            return None
        kept = self._cache.read(self._encoder + content)
        if kept is None or len(kept) != 4 * self._dimensions:
            return None
        return np.frombuffer(kept, "<f4").astype(np.float32)

    def put(self, content: bytes, embedding: Embeddings) -> None:
        """Keep an image's embedding by its content's hash."""
        if self._cache is not None:
            self._cache.write(self._encoder + content, embedding.astype("<f4").tobytes())
