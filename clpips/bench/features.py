"""What metrics share: each image's features once per model, each text's once, however often asked.

Features are kept on disk by image content and model, so that a run that was stopped goes on where
it was, and are not normalised: the feature norm needs their length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeAlias

import numpy as np
from PIL import Image

from clpips.features.base import joint_checksum
from clpips.features.cache import VectorCache
from clpips.features.embedding.compute import embed_files
from clpips.features.embedding.encoder import Embeddings, EncoderCard, ImageEncoder, unit
from clpips.features.embedding.network import NetworkEncoder
from clpips.features.embedding.registry import open_encoder
from clpips.features.embedding.text import text_tower_of
from clpips.progress import Watch

Array: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]


class Texts(Protocol):
    """The text half of an encoder."""

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """(n, dimensions) unit rows."""
        ...


class Features:
    """Opens each encoder once, and gives features of files and texts.

    Args:
        cache: where features are kept; ``None`` keeps none.
        device: ``cpu``, ``cuda`` or ``auto``.
        batch_size: pictures per network pass; by default 32.
    """

    def __init__(
        self,
        *,
        cache: VectorCache | None,
        device: str = "auto",
        batch_size: int | None = None,
    ) -> None:
        self.cache, self.device, self.batch_size = cache, device, batch_size
        self._encoders: dict[str, ImageEncoder] = {}
        self._towers: dict[str, Texts] = {}
        self._texts: dict[tuple[str, str], Embeddings] = {}

    def add(self, name: str, encoder: ImageEncoder, texts: Texts) -> None:
        """An encoder of a metric's own, by a name that no other has."""
        self._encoders[name], self._towers[name] = encoder, texts

    def encoder(self, name: str) -> ImageEncoder:
        """An encoder by name (:mod:`clpips.features.embedding.registry`).

        Raises:
            InputError, WeightsError, MissingExtra: it cannot be had.
        """
        if name not in self._encoders:
            self._encoders[name] = open_encoder(name, device=self.device)
        return self._encoders[name]

    def of_images(
        self, name: str, paths: Sequence[str], watch: Watch, *, normalised: bool = True
    ) -> Embeddings:
        """(n, dimensions) features of files, in their order.

        Args:
            name: of the encoder.
            paths: files; the same content passes the network once.
            watch: progress and cancel.
            normalised: as rows of length 1; else as the network gives them.

        Raises:
            ImageError: an image that cannot be read.
            Cancelled: the caller cancelled.
        """
        encoder = self.encoder(name)
        if isinstance(encoder, NetworkEncoder):
            encoder = _Unscaled(encoder)
        unique = list(dict.fromkeys(paths))
        rows = embed_files(
            encoder, unique, cache=self.cache, watch=watch, batch_size=self.batch_size
        )
        places = {path: place for place, path in enumerate(unique)}
        found = rows[[places[path] for path in paths]]
        return unit(found) if normalised else found

    def of_texts(self, name: str, texts: Sequence[str]) -> Embeddings:
        """(n, dimensions) unit features of texts by an encoder's text tower.

        Raises:
            InputError: it has none.
        """
        if name not in self._towers:
            self._towers[name] = text_tower_of(self.encoder(name))
        missing = [text for text in dict.fromkeys(texts) if (name, text) not in self._texts]
        for text, row in zip(missing, self._towers[name].embed(missing), strict=True):
            self._texts[name, text] = row
        return np.stack([self._texts[name, text] for text in texts])


class _Unscaled:
    """An encoder's features as its network gives them."""

    def __init__(self, encoder: NetworkEncoder) -> None:
        self._encoder = encoder
        self._card = replace(
            encoder.card, checksum=joint_checksum(encoder.card.checksum, "not normalised")
        )

    @property
    def card(self) -> EncoderCard:
        """The encoder's, under another checksum."""
        return self._card

    def embed(self, images: Sequence[Image.Image]) -> Embeddings:
        """(n, dimensions) float32, of any length."""
        return self._encoder.raw(images)
