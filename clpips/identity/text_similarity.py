"""CLIP-T: how well a generated image shows its prompt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clpips.errors import InputError
from clpips.features.cache import VectorCache
from clpips.features.embedding.compute import embed_files
from clpips.features.embedding.encoder import ImageEncoder
from clpips.features.embedding.text import text_tower_of
from clpips.io.image_tables import ImageRow
from clpips.progress import Watch


def text_similarities(
    queries: Sequence[ImageRow],
    encoder: ImageEncoder,
    *,
    cache: VectorCache | None,
    watch: Watch,
    batch_size: int | None = None,
) -> tuple[list[float | None], list[str]]:
    """The cosine of each whole image and its prompt in the space of a CLIP.

    Args:
        queries: generated images and their prompts.
        encoder: one with a text tower.
        cache: where image embeddings are kept.
        watch: progress and cancel.
        batch_size: pictures per network pass.

    Returns:
        One similarity a query, ``None`` for one without prompt or whose image cannot be read; and
        sentences about what was found.

    Raises:
        InputError: the encoder has no text tower, or no query has a prompt.
        Cancelled: the caller cancelled.
    """
    tower = text_tower_of(encoder)
    places = [place for place, row in enumerate(queries) if row.prompt]
    if not places:
        raise InputError("CLIP-T needs prompts, and the table of queries has none (prompt)")
    prompts = list(dict.fromkeys(queries[place].prompt for place in places))
    texts = dict(zip(prompts, tower.embed(prompts), strict=True))
    images = embed_files(
        encoder,
        [queries[place].path for place in places],
        cache=cache,
        watch=watch,
        batch_size=batch_size,
        unusable={},
    )
    found: list[float | None] = [None] * len(queries)
    for place, image in zip(places, images, strict=True):
        if np.isfinite(image).all():
            found[place] = float(image @ texts[queries[place].prompt])
    notes = [f"CLIP-T by {encoder.card.name} ({encoder.card.preprocessing})"]
    if tower.n_cut:
        notes.append(
            f"CLIP-T: {tower.n_cut} of {len(prompts)} prompts are longer than the {tower.longest} "
            "tokens that the model reads, and were cut"
        )
    return found, notes
