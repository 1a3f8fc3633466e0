"""Seeds derived from names, so that a study can be repeated."""

from __future__ import annotations

import hashlib


def seed_of(words: str) -> int:
    """A seed in [0, 2³¹) that the words decide: every maker's random generator takes it."""
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:4], "big") >> 1
