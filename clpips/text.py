"""Wording shared by messages: counts, quotations, one line instead of several."""

from __future__ import annotations

import re
from collections.abc import Sequence

LONGEST_QUOTE = 80

# How a path from the root begins, on Windows too; "//" begins the host of an address.
_ROOT = r"(?:file://)?(?:/(?!/)|[A-Za-z]:[\\/]|\\\\)"
_QUOTES = "'\"`“”"
_QUOTED_PATH = re.compile(
    rf"(?P<before>[{_QUOTES}](?:[a-z]+:)?){_ROOT}(?P<rest>[^\s{_QUOTES}][^{_QUOTES}\n]*)(?=[{_QUOTES}])"
)
_BARE_PATH = re.compile(rf"(?P<before>)(?<![\w/.\\]){_ROOT}(?P<rest>[^\s{_QUOTES},;:()<>|]+)")


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


def without_paths(message: object) -> str:
    """A message for people, in which paths from the server's root are cut to their last part.

    Addresses and paths relative to something that a person gave stay as they are.

    >>> without_paths("cannot read '/srv/my study/images/ab/abcd.png': not a picture")
    "cannot read 'abcd.png': not a picture"
    >>> without_paths("[Errno 2] No such file: /srv/data/pools/faces; see https://a.example/b/c")
    '[Errno 2] No such file: faces; see https://a.example/b/c'
    """
    text = str(message)
    for path in (_QUOTED_PATH, _BARE_PATH):
        text = path.sub(lambda found: found["before"] + _last_part(found["rest"]), text)
    return text


def _last_part(path: str) -> str:
    return re.split(r"[\\/]", path.rstrip("/\\"))[-1]
