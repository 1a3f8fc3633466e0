"""Which rankings a metric was learnt from, as digests that can be kept in its card.

The digest of a ranking is made of the participant's name, the target, the images and their order,
where a file counts by its *bytes*: it is the same wherever the files lie, and the same for a name
that is already the SHA-256 of the bytes. How the ranks are numbered, in which order the images
stand, the trial, the round and the confidence do not count.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from clpips.features.cache import content_hash
from clpips.types import Ranking

LENGTH = 12
"""Hexadecimal digits: two of a million rankings share a digest by chance once in 500."""
MOST = 20_000
"""A card holds no more digests than this: 0.3 MB. Of more rankings it holds the smallest."""


def digests(rankings: Iterable[Ranking]) -> list[str]:
    """A digest of each ranking, in their order; equal for the same order of the same images."""
    known: dict[str, str] = {}
    return [_digest(one, known) for one in rankings]


def card_digests(rankings: Iterable[Ranking]) -> tuple[str, ...]:
    """The card's record of the rankings: their digests in rising order, at most ``MOST``."""
    return tuple(sorted(set(digests(rankings)))[:MOST])


def _digest(ranking: Ranking, known: dict[str, str]) -> str:
    for name in (ranking.target, *ranking.images):
        if name not in known:
            known[name] = _identity(name)
    places = {rank: place for place, rank in enumerate(sorted(set(ranking.ranks)))}
    board = sorted(
        (known[image], places[rank])
        for image, rank in zip(ranking.images, ranking.ranks, strict=True)
    )
    words = json.dumps([ranking.participant, known[ranking.target], board])
    return hashlib.sha256(words.encode()).hexdigest()[:LENGTH]


def _identity(name: str) -> str:
    """The SHA-256 of a file; for other names, the name itself."""
    try:
        return content_hash(name).decode()
    except (OSError, ValueError):
        return name
