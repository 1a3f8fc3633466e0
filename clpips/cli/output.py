"""How the commands print: numbers, JSON on standard output, progress on standard error."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from clpips.errors import InputError
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


def check_out_folder(out: str | os.PathLike[str]) -> None:
    """Refuse, before any work, a folder that could not be written at its end.

    Raises:
        InputError: an empty name, or a file on the way.
    """
    path = Path(out)
    if not os.fspath(out):
        raise InputError("--out must name a folder, got an empty name")
    there = next(one for one in (path, *path.absolute().parents) if os.path.lexists(one))
    if not there.is_dir():
        raise InputError(f"--out must name a folder, got {str(path)!r}, but {there} is none")
    if not os.access(there, os.W_OK):
        raise InputError(f"--out must name a folder, and {there} cannot be written to")


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
