"""Names of download files."""

from __future__ import annotations

import re
import unicodedata

MAX_SLUG = 60


def slug(text: str) -> str:
    """A title or label as part of a file name: lower-case ASCII letters, digits and hyphens."""
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    words = re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")
    return words[:MAX_SLUG].strip("-") or "untitled"
