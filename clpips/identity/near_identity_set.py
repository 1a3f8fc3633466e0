"""Opens a near-identity set in either layout, and splits its identities."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from clpips.errors import DatasetError, InputError
from clpips.identity.near_identity_parquet import read_near_identity_parquet
from clpips.identity.near_identity_table import LAYOUT, TABLE, read_near_identity_table
from clpips.identity.views import SPLITS, Identity, NearIdentitySet
from clpips.io.parquet_tables import ParquetTable
from clpips.text import named

ALL = "all"
HELD_OUT_SHARE = 0.05
"""The share of identities in ``val``, and in ``test``, where a set states no split: ours."""


def open_near_identity_set(
    path: str | os.PathLike[str],
    *,
    image_dir: str | os.PathLike[str] | None = None,
    files: bool = True,
    masks: bool = False,
    sources: Sequence[str] = (),
    notes: list[str] | None = None,
) -> NearIdentitySet:
    """A near-identity set: a folder with ``nearid.csv``, that table itself, or Parquet tables.

    Args:
        path: the folder or file.
        image_dir: what the paths in ``nearid.csv`` are relative to; by default its folder.
        files: whether the images of ``nearid.csv`` have to be there.
        masks: whether the masks that it names have to be there.
        sources: only these distractors, in this order; all by default.
        notes: receives what was found that the set's owner may not expect.

    Raises:
        DatasetError: no such set, or one that breaks a rule; the sentence names file and row.
        InputError: a source that the set does not have.
    """
    place = Path(path)
    table = place / TABLE if place.is_dir() else place
    if table.is_file() and not _holds_pictures(table):
        held = read_near_identity_table(
            table, image_dir=image_dir, files=files, masks=masks, notes=notes
        )
        return held.of_sources(_checked_sources(place, held, sources))
    if not place.exists():
        raise DatasetError(f"{place}: no such near-identity set")
    published = read_near_identity_parquet(place)
    return published.of_sources(_checked_sources(place, published, sources))


def chosen_identities(identities: Sequence[Identity], split: str, *, seed: int = 0) -> list[int]:
    """The rising positions of the identities in a split.

    The set's own split is used where it states one; else :func:`split_of`.

    Args:
        identities: of a set.
        split: ``train``, ``val``, ``test`` or ``all``.
        seed: of :func:`split_of`.

    Raises:
        InputError: another split, or one without any identity.
    """
    if split not in (*SPLITS, ALL):
        raise InputError(f"split must be one of {(*SPLITS, ALL)}, got {split!r}")
    if split == ALL:
        return list(range(len(identities)))
    own = [one.split for one in identities]
    found = own if any(own) else split_of(identities, seed=seed)
    chosen = [position for position, each in enumerate(found) if each == split]
    if not chosen:
        raise InputError(
            f"the split {split!r} must hold at least one identity, got none of {len(identities)}"
        )
    return chosen


def split_of(identities: Sequence[Identity], *, seed: int = 0) -> list[str]:
    """A split of 90, 5 and 5 % by identity, stratified by category: our default.

    Within each category, identities are put into a random order that depends on the seed and the
    category alone, and then every twentieth of the whole is taken, once for ``val`` and once for
    ``test``; either has at least one identity if there are three. The table's order is of no
    consequence.

    >>> split_of([Identity(str(n)) for n in range(60)]).count("test")
    3
    """
    groups: dict[str, list[int]] = {}
    for position in sorted(range(len(identities)), key=lambda at: identities[at].id):
        groups.setdefault(identities[position].category, []).append(position)
    order: list[int] = []
    for category in sorted(groups):
        draw = np.random.default_rng([seed, *hashlib.sha256(category.encode()).digest()])
        order += [groups[category][k] for k in draw.permutation(len(groups[category]))]
    found = ["train"] * len(identities)
    if len(identities) >= len(SPLITS):
        count = max(1, round(HELD_OUT_SHARE * len(identities)))
        draw = np.random.default_rng(seed)
        for name in ("val", "test"):
            taken = [order[k] for k in _spread(len(order), count, draw.random())]
            for position in taken:
                found[position] = name
            order = [position for position in order if found[position] == "train"]
    return found


def _checked_sources(
    place: Path, dataset: NearIdentitySet, sources: Sequence[str]
) -> Sequence[str]:
    for source in sources:
        if source not in dataset.sources:
            raise InputError(
                f"{place}: a source must be one of {named(list(dataset.sources), 12)}, "
                f"got {source!r}"
            )
    return tuple(dict.fromkeys(sources)) or dataset.sources


def _spread(length: int, count: int, phase: float) -> list[int]:
    """So many positions, evenly spread over a list."""
    return [int((k + phase) * length / count) for k in range(count)]


def _holds_pictures(table: Path) -> bool:
    """Whether a file is a published Parquet table, and not the columns of ``nearid.csv``."""
    if table.suffix.lower() != ".parquet":
        return False
    return not set(LAYOUT.required).issubset(ParquetTable("", (table,)).columns)
