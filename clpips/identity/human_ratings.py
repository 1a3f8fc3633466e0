"""Ratings of generated images by key, as DreamBench++ publishes them.

People's: ``data_human_rating/merged_data/group1/<method>-cp.json`` and ``group2``. A metric's: a
folder of ``<method>.json``, or one file with the same by method. Each maps a key such as
``object_03_teapot-4`` to a number; a missing rating is ``null``.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from clpips.errors import DatasetError
from clpips.text import named, one_line, quoted

Ratings: TypeAlias = dict[str, float]
"""Rating by key; NaN where there is none."""

GROUPS = ("group1", "group2")
ENDING = "-cp.json"
"""Of people's files: concept preservation."""
CATEGORIES = ("object", "live_subject_animal", "live_subject_human", "style")
_PLACES = ("", "merged_data", "data_human_rating/merged_data")
_IMAGE_NUMBER = re.compile(r"(-\d+)_\d+$")
_ALIASES = {"rubik's_cube": "magic_cube"}
"""One object has two names in the published files."""


def read_human_ratings(
    folder: Path, methods: Sequence[str] = ()
) -> dict[str, tuple[Ratings, Ratings]]:
    """By method, the two groups' ratings.

    Args:
        folder: has ``group1`` and ``group2``, itself or where they are published.
        methods: which; all that the first group has by default.

    Raises:
        DatasetError: no such folder or file, or a file that breaks a rule; names file and key.
    """
    place = next((folder / each for each in _PLACES if (folder / each / GROUPS[0]).is_dir()), None)
    if place is None:
        raise DatasetError(
            f"{folder}: a folder of human ratings must hold group1 and group2 "
            f"(or {_PLACES[-1]}/group1 and group2), got none"
        )
    files = sorted((place / GROUPS[0]).glob(f"*{ENDING}"))
    wanted = methods or [file.name.removesuffix(ENDING) for file in files]
    if not wanted:
        raise DatasetError(f"{place / GROUPS[0]}: must hold <method>{ENDING}, got none")
    found = {}
    for method in wanted:
        one, two = (read_ratings(place / group / f"{method}{ENDING}") for group in GROUPS)
        found[method] = (one, two)
    return found


def read_scores(path: Path, methods: Sequence[str]) -> dict[str, Ratings]:
    """A metric's ratings by method; larger is more similar.

    Args:
        path: a folder with ``<method>.json``, or a file that maps methods to ratings.
        methods: all that are needed.

    Raises:
        DatasetError: a method is missing, or a file breaks a rule; names file and key.
    """
    if path.is_dir():
        return {method: read_ratings(path / f"{method}.json") for method in methods}
    held = _mapping(path)
    missing = [method for method in methods if method not in held]
    if missing:
        raise DatasetError(f"{path}: scores must have every rated method, got no {named(missing)}")
    return {method: _ratings(path, held[method], f"{method}, ") for method in methods}


def read_ratings(path: Path) -> Ratings:
    """One file's ratings, by keys that all files share (see :func:`shared_key`).

    Raises:
        DatasetError: no such file, not a mapping of keys to numbers, or a key twice.
    """
    return _ratings(path, _mapping(path), "")


def shared_key(key: str) -> str:
    """A key as people's files have it.

    Metrics' files add the number of the image, and one object has two names.

    >>> shared_key("object_20_rubik's_cube-3_0"), shared_key("object_03_teapot-4")
    ('object_20_magic_cube-3', 'object_03_teapot-4')
    """
    for name, other in _ALIASES.items():
        key = key.replace(name, other)
    return _IMAGE_NUMBER.sub(r"\1", key)


def category_of(key: str) -> str:
    """The category with which a key begins; empty for another."""
    return next((each for each in CATEGORIES if key.startswith(each)), "")


def subject_of(key: str) -> str:
    """A key without the number of its prompt: whose image it is."""
    return re.sub(r"-\d+$", "", key)


def _mapping(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise DatasetError(f"{path}: no such ratings file")
    try:
        found = json.loads(path.read_bytes(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise DatasetError(one_line(f"{path}: ratings must be JSON ({error})")) from error
    if not isinstance(found, dict) or not found:
        raise DatasetError(f"{path}: ratings must map keys to numbers, got {quoted(found)}")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(k for k in keys if keys.count(k) > 1)!r} appears twice")
    return found


def _ratings(path: Path, held: Any, where: str) -> Ratings:
    if not isinstance(held, Mapping):
        raise DatasetError(f"{path}: {where}ratings must map keys to numbers, got {quoted(held)}")
    found: Ratings = {}
    for key, value in held.items():
        if not (value is None or type(value) in (int, float)):
            raise DatasetError(
                one_line(f"{path}: {where}{key}: a rating must be a number, got {quoted(value)}")
            )
        shared = shared_key(key)
        if shared in found:
            raise DatasetError(one_line(f"{path}: {where}{key}: a key must appear once"))
        found[shared] = math.nan if value is None else float(value)
    return found
