"""Wording shared by messages: counts, quotations, one line instead of several."""

from __future__ import annotations

from collections.abc import Sequence

LONGEST_QUOTE = 80


def counted(count: int, word: str) -> str:
    """A number and what it counts.

    >>> counted(1, "ranking"), counted(1200, "ranking")
    ('1 ranking', '1,200 rankings')
    """
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def quoted(value: object, longest: int = LONGEST_QUOTE) -> str:
    """A value as Python writes it, cut to so many characters, so that a sentence stays one.

    >>> quoted("a"), quoted("abcdefgh", longest=5)
    ("'a'", "'abcd…")
    """
    return cut(repr(value), longest)


def named(names: Sequence[str], most: int = 3) -> str:
    """A few names, and how many more there are, so that a sentence stays short.

    >>> named(["a", "b"]), named(["a", "b", "c", "d", "e"], most=2)
    ("'a', 'b'", "'a', 'b' and 3 more")
    """
    shown = ", ".join(quoted(name, 60) for name in names[:most])
    more = len(names) - most
    return f"{shown} and {more:,} more" if more > 0 else shown


def cut(words: str, longest: int = LONGEST_QUOTE) -> str:
    """Words as they are, or their beginning where they are longer than so many characters."""
    return words if len(words) <= longest else f"{words[:longest]}…"


def one_line(message: object) -> str:
    """A message, perhaps another library's with line breaks in it, as one line.

    >>> one_line("a  damaged\\nfile ")
    'a damaged file'
    """
    return " ".join(str(message).split())
