"""How the commands print: numbers, JSON on standard output, progress on standard error."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from clpips.progress import Watch


def one_number(value: float | None) -> str:
    """Three decimals, or a dash where there is no number."""
    return "–" if value is None or math.isnan(value) else f"{value:.3f}"


def print_json(document: Any) -> None:
    """Print one JSON document; NaN is refused."""
    print(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False))


def print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print columns as wide as their widest cell, the first to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *rest = (f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
        print(f"{row[0]:<{len(first)}}  {'  '.join(rest)}".rstrip())


def say(words: str) -> None:
    """Progress for a person at a terminal; never on standard output."""
    if sys.stderr.isatty():
        print(f"\r\033[K{words}", end="", file=sys.stderr, flush=True)


@contextlib.contextmanager
def progress() -> Iterator[Watch]:
    """A watch that shows progress, cleared again before a result or an error is printed."""
    try:
        yield Watch(progress=lambda share, words: say(f"{share:4.0%} {words}"))
    finally:
        say("")
