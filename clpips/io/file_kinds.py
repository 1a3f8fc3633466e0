"""What a file really is, by its first bytes, where its name says otherwise."""

from __future__ import annotations

import codecs
import re

LFS = "a Git LFS pointer without the file"
START = 1024
"""How many of a file's first bytes are enough to tell."""

_OTHERS = (
    (rb"version https://git-lfs", LFS),
    (rb"PK\x03\x04|\xd0\xcf\x11\xe0", "an Excel workbook or another archive: save it as CSV"),
    (rb"(\xef\xbb\xbf)?\s*<(!doctype|html)", "a web page"),
)


def is_lfs_pointer(start: bytes) -> bool:
    """Whether a file that begins with these bytes stands for one that Git LFS keeps elsewhere."""
    return start.startswith(b"version https://git-lfs")


def not_text(start: bytes) -> str | None:
    """What a file that should be a table in text is instead; ``None`` where it may be one."""
    for pattern, kind in _OTHERS:
        if re.match(pattern, start, re.IGNORECASE):
            return kind
    return None


def encoding(start: bytes) -> str:
    """The encoding of a text file: UTF-16 and UTF-32 with or without a mark, else UTF-8."""
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    zeros = tuple(byte == 0 for byte in start[:4])
    unmarked = {
        (False, True, True, True): "utf-32-le",
        (True, True, True, False): "utf-32-be",
        (False, True): "utf-16-le",
        (True, False): "utf-16-be",
    }
    return unmarked.get(zeros) or unmarked.get(zeros[:2]) or "utf-8-sig"
