"""Names of images and targets, compared as people's programs and systems write them."""

from __future__ import annotations

import re
import unicodedata

ENDING = re.compile(r"\.(png|jpe?g|jfif|webp|gif|bmp|tiff?|avif|jp2|ppm)$", re.IGNORECASE)


def composed(text: str) -> str:
    """One form of a text's accents (NFC): macOS takes them apart, other systems do not.

    >>> len("Mo\\u0308we"), len(composed("Mo\\u0308we"))
    (5, 4)
    """
    return unicodedata.normalize("NFC", text)


def target_key(name: str) -> str:
    """What two ways to write one target's name share: no ending, blanks for underscores, no case.

    >>> target_key("My_Cat.PNG") == target_key("my  cat")
    True
    """
    stem = ENDING.sub("", composed(name).strip())
    return " ".join(stem.replace("_", " ").split()).casefold()
