"""``captions.csv``: what each image of a pool shows, and which target it belongs to."""

from __future__ import annotations

import io
import posixpath
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from clpips.errors import GenerationError
from clpips.generation.pool.listed import shown
from clpips.io.image_names import path_key
from clpips.io.tabular_files import Layout, csv_rows
from clpips.text import one_line

FILES = ("captions.csv", "captions.tsv")
LAYOUT = Layout("a captions file", ("image", "caption"), ("target",), GenerationError, others=False)
_MOST = 2000  # characters of a caption or a target


@dataclass(frozen=True, slots=True)
class Caption:
    """One row: ``None`` where empty."""

    caption: str | None
    target: str | None


def is_captions(name: str) -> bool:
    """Whether a pool's file is its table of captions, in letters of either case."""
    return posixpath.basename(name).lower() in FILES


def read_captions(
    data: bytes, name: str, images: Collection[str], notes: list[str]
) -> Mapping[str, Caption]:
    """The rows of a captions file by image.

    Args:
        data: the file: CSV, in any form that :func:`clpips.io.tabular_files.csv_rows` reads.
        name: its path in the pool; its own paths are relative to its folder.
        images: the paths of the pool's images.
        notes: receives what was found that the file's owner may not expect.

    Raises:
        GenerationError: the first row that breaks a rule; the sentence names file and row, where
            the header is row 1.
    """
    known = {path_key(image): image for image in images}
    folder, table = posixpath.dirname(name), shown(name)
    found: dict[str, Caption] = {}
    for number, row in csv_rows(io.BytesIO(data), table, LAYOUT, notes):
        image = known.get(path_key(row["image"], folder))
        if image is None:
            rule = f"image must be in the pool, got {shown(row['image'])!r}"
            raise LAYOUT.wrong(table, number, rule)
        if image in found:
            rule = f"an image must have one row, got {shown(image)!r} again"
            raise LAYOUT.wrong(table, number, rule)
        texts = [one_line(row.get(column, "")) or None for column in ("caption", "target")]
        if any(text is not None and len(text) > _MOST for text in texts):
            rule = f"a caption must have at most {_MOST} characters, got more"
            raise LAYOUT.wrong(table, number, rule)
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
