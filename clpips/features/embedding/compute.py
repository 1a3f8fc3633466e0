"""Image files → embeddings: each content once, in batches, from the cache where it is kept."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image

from clpips.errors import ImageError
from clpips.features.cache import VectorCache
from clpips.features.embedding.cache import EmbeddingCache
from clpips.features.embedding.encoder import Embeddings, ImageEncoder
from clpips.io.image_files import read_picture
from clpips.progress import Watch

BATCH = 32
"""Pictures per network pass, by default."""
READERS = 2
"""Threads that decode pictures while the network runs."""
MIN_SIDE = 16
"""Smallest side of a picture: every encoder resizes."""

Unusable: TypeAlias = dict[str, str]
"""Images that cannot be used, by path, and why."""
EmbedBatches: TypeAlias = Callable[[Iterator[Sequence[Image.Image]]], Iterator[Embeddings]]
"""Batches of pictures → their embeddings, in the same order."""


def embed_files(
    encoder: ImageEncoder,
    paths: Sequence[str],
    *,
    cache: VectorCache | None,
    watch: Watch,
    batch_size: int | None = None,
    unusable: Unusable | None = None,
    embed: EmbedBatches | None = None,
) -> Embeddings:
    """Embeddings of image files.

    What was embedded is in the cache at once, so that a run that was stopped goes on where it was.

    Args:
        encoder: the network.
        paths: files; the same content is embedded once.
        cache: where embeddings are kept; ``None`` keeps none.
        watch: progress and cancel.
        batch_size: pictures per network pass.
        unusable: receives the images that cannot be used, whose rows are NaN.
        embed: embeds batches, by default ``encoder`` here.

    Returns:
        (n, dimensions) unit rows in the paths' order.

    Raises:
        ImageError: an image that cannot be used, where there is no ``unusable``.
        Cancelled: the caller cancelled.
    """
    kept = EmbeddingCache(cache, encoder.card)
    found = np.full((len(paths), encoder.card.dimensions), np.nan, dtype=np.float32)
    places: dict[bytes, list[int]] = {}
    first: dict[bytes, str] = {}
    for number, path in enumerate(paths):
        watch.report(0.05 * number / len(paths), f"Reading image {number + 1:,} of {len(paths):,}")
        content = _hash(path, unusable)
        if content is None:
            continue
        places.setdefault(content, []).append(number)
        first.setdefault(content, path)
    missing = {}
    for content, at in places.items():
        row = kept.get(content)
        if row is None:
            missing[content] = first[content]
        else:
            found[at] = row
    run = embed or (lambda batches: map(encoder.embed, batches))
    for content, row in _embedded(missing, run, batch_size or BATCH, watch, unusable):
        kept.put(content, row)
        found[places[content]] = row
    return found


def _embedded(
    missing: Mapping[bytes, str],
    run: EmbedBatches,
    size: int,
    watch: Watch,
    unusable: Unusable | None,
) -> Iterator[tuple[bytes, Embeddings]]:
    """The embeddings that are not kept yet, as they are made."""
    items = list(missing.items())
    groups = [items[start : start + size] for start in range(0, len(items), size)]
    read: list[list[bytes]] = []  # the contents of each batch that was handed over

    def batches() -> Iterator[Sequence[Image.Image]]:
        with ThreadPoolExecutor(READERS) as readers:
            for group in _ahead(readers, groups, unusable):
                if group:
                    read.append([content for content, _ in group])
                    yield [picture for _, picture in group]

    pace, done = _Pace(len(items)), 0
    for number, rows in enumerate(run(batches())):
        contents = read[number]
        yield from zip(contents, rows, strict=True)
        done += len(contents)
        watch.report(0.05 + 0.95 * done / len(items), pace.words(done))


def _ahead(
    readers: ThreadPoolExecutor,
    groups: Sequence[Sequence[tuple[bytes, str]]],
    unusable: Unusable | None,
) -> Iterator[list[tuple[bytes, Image.Image]]]:
    """Each group's pictures; the next group is decoded while one is used."""

    def begin(group: Sequence[tuple[bytes, str]]) -> list[tuple[bytes, str, Future[Image.Image]]]:
        return [(content, path, readers.submit(_picture, path)) for content, path in group]

    waiting = begin(groups[0]) if groups else []
    for number in range(len(groups)):
        group, waiting = waiting, begin(groups[number + 1]) if number + 1 < len(groups) else []
        pictures = []
        for content, path, future in group:
            try:
                pictures.append((content, future.result()))
            except ImageError as error:
                _note(path, error, unusable)
        yield pictures


def _picture(path: str) -> Image.Image:
    return read_picture(Path(path).read_bytes(), path, min_side=MIN_SIDE)


def _hash(path: str, unusable: Unusable | None) -> bytes | None:
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest().encode()
    except (OSError, ValueError) as error:
        _note(path, ImageError(f"{path}: the image cannot be read: {error}"), unusable)
        return None


def _note(path: str, error: ImageError, unusable: Unusable | None) -> None:
    if unusable is None:
        raise error
    unusable[path] = str(error)


@dataclass
class _Pace:
    """How long the rest takes, at the pace so far."""

    total: int

    def __post_init__(self) -> None:
        self._begun = time.monotonic()

    def words(self, done: int) -> str:
        """What was done, and the time left once that can be said."""
        left = (time.monotonic() - self._begun) / done * (self.total - done)
        told = f", about {_duration(left)} left" if left >= 2 else ""
        return f"Embedded {done:,} of {self.total:,} images{told}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
