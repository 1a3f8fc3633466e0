"""Check whether regenerating an image from its provenance gives the same bytes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from PIL import Image

from clpips.errors import GenerationError
from clpips.generation.names import kind_of
from clpips.generation.pixel_hash import Difference, difference
from clpips.generation.protocol import open_maker
from clpips.types import Provenance

REPEATABLE = ("scenes", "tiny", "diffusers")


@dataclass(frozen=True, slots=True)
class Again:
    """The result of regenerating an image.

    Args:
        image: the new one.
        difference: from the original.
        seconds: how long it took.
    """

    image: Image.Image
    difference: Difference
    seconds: float


def made_again(
    provenance: Provenance,
    before: Image.Image,
    *,
    start: Image.Image | None = None,
    maker: str | None = None,
) -> Again:
    """Make an image again and compare it with what there is.

    Args:
        provenance: of the image.
        before: the image itself.
        start: the image that it started from, where it did.
        maker: under which name the maker is opened; by default that of the provenance.

    Raises:
        GenerationError: the maker cannot make an image again (a service, a pool), is not there,
            or has another version by now.
    """
    if kind_of(provenance.maker) not in REPEATABLE:
        raise GenerationError(
            f"only scenes and diffusion models can make an image again, got {provenance.maker}"
        )
    opened: Any = open_maker(maker or provenance.maker)
    started = time.perf_counter()
    image = opened.remake(provenance, **({} if start is None else {"start": start}))
    return Again(image, difference(before, image), time.perf_counter() - started)
