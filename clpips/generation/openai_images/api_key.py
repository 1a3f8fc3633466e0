"""The service's key: read from the environment, for one address only, never stored or logged."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import httpx2

from clpips.errors import GenerationError
from clpips.text import one_line

VARIABLE = "CLPIPS_IMAGES_KEY"
ADDRESS = "CLPIPS_IMAGES_URL"
HIDDEN = "[hidden]"
_PIECE = 8  # this many characters of a key in a row give it away
_LOOKS_LIKE_A_KEY = re.compile(r"(?i:bearer)\s+\S+|\bsk-\S+|\S*\*{3,}\S*")


def key(base: str) -> str | None:
    """The key for a service, from ``CLPIPS_IMAGES_KEY``.

    It belongs to the base URL in ``CLPIPS_IMAGES_URL``: a study can come from a stranger, and must
    not be able to have the key sent to an address of its own.

    Args:
        base: the base URL that is about to be called.

    Returns:
        ``None`` where no key is set, and for any other service.

    Raises:
        GenerationError: it holds what no header can hold, or no address is set for it; the
            sentence does not show it.
    """
    value = os.environ.get(VARIABLE, "").strip()
    if not value:
        return None
    if not all("!" <= letter <= "~" for letter in value):
        raise GenerationError(
            f"{VARIABLE} must be one word of printable ASCII characters, got others in it"
        )
    address = os.environ.get(ADDRESS, "").strip().rstrip("/")
    if not address:
        raise GenerationError(
            f"{ADDRESS} must be the base URL that {VARIABLE} belongs to, got none: "
            "the key is sent nowhere else"
        )
    try:
        same = httpx2.URL(base.rstrip("/")) == httpx2.URL(address)  # whatever the host's case
    except httpx2.InvalidURL as error:
        raise GenerationError(f"{ADDRESS} must be a base URL, got one where {error}") from error
    return value if same else None


def without_key(text: object) -> str:
    """A text without the key, without words that hold a piece of it, or that look like a key."""
    secret = os.environ.get(VARIABLE, "").strip()
    words = str(text)
    if secret:
        words = words.replace(secret, HIDDEN)
        pieces = {secret[at : at + _PIECE] for at in range(len(secret) - _PIECE + 1)}
        words = re.sub(
            r"\S+",
            lambda found: HIDDEN if any(piece in found[0] for piece in pieces) else found[0],
            words,
        )
    return _LOOKS_LIKE_A_KEY.sub(HIDDEN, words)


def quoted(text: object, most: int = 200) -> str:
    """A stranger's text for one of our sentences: one printable line, no key, ``most`` long."""
    line = one_line(without_key(text))
    line = "".join(letter if letter.isprintable() else "?" for letter in line)
    return line if len(line) <= most else line[: most - 1] + "…"


def cleaned(value: Any) -> Any:
    """A JSON value whose texts can be stored and do not hold the key."""
    if isinstance(value, str):
        secret = os.environ.get(VARIABLE, "").strip()
        whole = value.encode("utf-8", "replace").decode()  # half a surrogate pair is no text
        return whole.replace(secret, HIDDEN) if secret else whole
    if isinstance(value, Mapping):
        return {cleaned(str(name)): cleaned(each) for name, each in value.items()}
    if isinstance(value, Sequence):
        return [cleaned(each) for each in value]
    return value


class _NoKey(logging.Filter):
    """Drops records that hold the key, such as a service's answer that repeats it."""

    def filter(self, record: logging.LogRecord) -> bool:
        secret = os.environ.get(VARIABLE, "").strip()
        return not secret or secret not in record.getMessage()


_NO_KEY = _NoKey()


def guard_logs() -> None:
    """Keep the key out of what the HTTP library logs at any level; may be called again."""
    for name in ("httpx2", *(f"httpcore2.{part}" for part in ("connection", "http11", "proxy"))):
        logging.getLogger(name).addFilter(_NO_KEY)
