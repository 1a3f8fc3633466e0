"""What every image encoder is: pictures in, unit vectors out, and a card that says how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from PIL import Image

Embeddings: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]
"""(images, dimensions) float32; rows of length 1, or NaN where an image has no embedding."""


@dataclass(frozen=True, slots=True)
class EncoderCard:
    """What made some embeddings; it goes into every report.

    Args:
        name: by which the encoder is opened.
        checksum: SHA-256 of the weights and of everything else that the vectors depend on.
        dimensions: numbers per image.
        preprocessing: what happens to a picture before the network, in one sentence.
    """

    name: str
    checksum: str
    dimensions: int
    preprocessing: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


class ImageEncoder(Protocol):
    """A frozen network on one device."""

    @property
    def card(self) -> EncoderCard:
        """What the embeddings are made with."""
        ...

    def embed(self, images: Sequence[Image.Image]) -> Embeddings:
        """RGB pictures of any size, as :func:`clpips.io.image_files.read_picture` gives them →
        (n, dimensions) unit vectors. One picture's vector does not depend on the others.
        """
        ...


def unit(features: np.ndarray[Any, Any]) -> Embeddings:
    """(n, d) float32 rows divided by their length, computed in float64.

    A row with a number that is not finite becomes NaN throughout; a zero row stays zero, so that
    its cosine with everything is 0 and its distance 1.
    """
    rows = np.asarray(features, dtype=np.float32).astype(np.float64)
    length = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    scaled = np.where(length > 0, rows / np.where(length > 0, length, 1.0), 0.0)
    scaled[~np.isfinite(rows).all(axis=1)] = np.nan
    return scaled.astype(np.float32)
