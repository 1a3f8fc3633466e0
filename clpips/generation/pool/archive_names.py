"""File names in zip archives as their packers meant them.

An archive marks a name as UTF-8 or leaves its encoding open. Unmarked names are UTF-8 (macOS),
the code page of western European Windows, or Shift-JIS (Japanese Windows); one archive has one.
"""

from __future__ import annotations

import re
import unicodedata
import zipfile
from collections.abc import Sequence

from clpips.generation.pool.listed import wrong

_MARKED = 0x800  # the flag of a name in UTF-8
_ZIPFILE = "cp437"  # how zipfile decodes unmarked names
SHIFT_JIS = "cp932"


def names_of(infos: Sequence[zipfile.ZipInfo]) -> tuple[dict[str, zipfile.ZipInfo], list[str]]:
    """The entries by their names with slashes, and what was done to names, in sentences.

    Raises:
        GenerationError: names in no known encoding, or two entries of one name.
    """
    unmarked = [info for info in infos if not info.flag_bits & _MARKED]
    foreign = [info.filename for info in unmarked if not info.filename.isascii()]
    encoding = _encoding(foreign)
    found: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = info.filename
        if not name.isascii() and not info.flag_bits & _MARKED:
            name = name.encode(_ZIPFILE).decode(encoding)
        name = name.replace("\\", "/")
        if name in found:
            raise wrong(name, "must be in the archive once", "two files of that name")
        found[name] = info
    notes = ["The archive's file names were read as Shift-JIS."] if encoding == SHIFT_JIS else []
    return found, notes


def _encoding(names: Sequence[str]) -> str:
    """The encoding of an archive's unmarked names, which ``zipfile`` has decoded as cp437."""
    for encoding in ("utf-8", _ZIPFILE, SHIFT_JIS):
        try:
            decoded = [name.encode(_ZIPFILE).decode(encoding) for name in names]
        except UnicodeDecodeError:
            continue
        if encoding != _ZIPFILE or all(map(_looks_european, decoded)):
            return encoding
    raise wrong(
        names[0],
        "must have a name in UTF-8, Shift-JIS or Latin letters",
        "other bytes in it: pack the archive again with UTF-8 names",
    )


def _looks_european(name: str) -> bool:
    """Whether a name reads as words in Latin letters: no symbols, no capital inside a word."""
    others = [letter for letter in name if not letter.isascii()]
    if not all(unicodedata.name(letter, "").startswith("LATIN ") for letter in others):
        return False
    return all(run.islower() or run.isupper() or run.istitle() for run in _accented_words(name))


def _accented_words(name: str) -> list[str]:
    return [word for word in re.findall(r"[^\W\d_]+", name) if not word.isascii()]
