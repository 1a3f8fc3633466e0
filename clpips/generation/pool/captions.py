"""``captions.csv``: what each image of a pool shows, and which target it belongs to."""

from __future__ import annotations

import csv
import io
import posixpath
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from clpips.errors import GenerationError
from clpips.generation.pool.archive import shown
from clpips.text import one_line

FILE = "captions.csv"
_HEADERS = (["image", "caption"], ["image", "caption", "target"])
_MOST = 2000  # characters of a caption or a target


@dataclass(frozen=True, slots=True)
class Caption:
    """One row: ``None`` where empty."""

    caption: str | None
    target: str | None


def read_captions(data: bytes, name: str, images: Collection[str]) -> Mapping[str, Caption]:
    """The rows of a captions file by image.

    Args:
        data: the file, UTF-8.
        name: its path in the pool; its own paths are relative to its folder.
        images: the paths of the pool's images.

    Raises:
        GenerationError: the first row that breaks a rule; the sentence names file and row, where
            the header is row 1.
    """
    known = {_same(image): image for image in images}
    folder = posixpath.dirname(name)
    found: dict[str, Caption] = {}
    for number, row in _rows(data, name):
        where = f"{shown(name)}, row {number}"
        written = row[0].strip().replace("\\", "/")
        image = known.get(_same(posixpath.normpath(posixpath.join(folder, written))))
        if image is None:
            raise GenerationError(f"{where}: image must be in the pool, got {shown(row[0])!r}")
        if image in found:
            raise GenerationError(
                f"{where}: an image must have one row, got {shown(image)!r} again"
            )
        texts = [one_line(text) or None for text in (*row[1:], "")[:2]]
        if any(text is not None and len(text) > _MOST for text in texts):
            raise GenerationError(
                f"{where}: a caption must have at most {_MOST} characters, got more"
            )
        found[image] = Caption(*texts)
    return found


def words_of(text: str) -> frozenset[str]:
    """The different words of a text: runs of letters and digits, in lower case."""
    return frozenset(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).lower()))


def likeness(prompt: str, caption: str) -> float:
    """How much two texts share, in [0, 1]: their common words over all their words (Jaccard)."""
    ours, theirs = words_of(prompt), words_of(caption)
    every = ours | theirs
    return len(ours & theirs) / len(every) if every else 0.0


def _rows(data: bytes, name: str) -> list[tuple[int, list[str]]]:
    """The rows after the header with their numbers, as long as the header; empty ones left out."""
    name = shown(name)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise GenerationError(f"{name}: the file must be UTF-8, got other bytes") from error
    rows = []
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        header = [title.strip() for title in next(reader, [])]
        if header not in _HEADERS:
            raise GenerationError(
                f"{name}, row 1: the header must be image,caption or image,caption,target, "
                f"got {shown(','.join(header))!r}"
            )
        for number, row in enumerate(reader, start=2):
            if not row:
                continue
            if len(row) != len(header):
                raise GenerationError(
                    f"{name}, row {number}: a row must have {len(header)} fields, got {len(row)}"
                )
            rows.append((number, row))
    except csv.Error as error:
        raise GenerationError(f"{name}: the file must be CSV, got {one_line(error)}") from error
    return rows


def _same(path: str) -> str:
    """One spelling for a path's accents: systems differ in how they compose them."""
    return unicodedata.normalize("NFC", path)
