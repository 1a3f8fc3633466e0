"""Near-identity sets in the published Parquet layout.

A folder holds one table of views, with columns ``id`` and ``images1``…``images3`` (or
``img1``…``img3``, as the data sets' cards spell them; both are read), optionally
``masks1``…``masks3``, ``category`` and ``split``; and one table of distractors per source, with
``id`` and ``nimg1``…``nimg3`` (optionally ``nmasks1``…``nmasks3``). Tables are told apart by their
columns, and named by their file or folder: ``flux.parquet``, ``flux-00000-of-00002.parquet``,
``flux/train-00000-of-00001.parquet`` and ``NearID-Flux/data/train-00000-of-00001.parquet`` are all
the source ``flux``. Rows are aligned: every table has the same ids in the same order.

In an embeddings file, view 2 of identity 17 is ``positives/17/2`` and its distractor
``flux/17/2``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clpips.errors import DatasetError
from clpips.identity.views import SPLITS, VIEWS, Identity, Slot, Slots, Views, with_view_masks
from clpips.io.parquet_tables import ParquetTable, TableRow, parquet_tables, picture_bytes
from clpips.text import named, one_line, quoted

POSITIVES = "positives"
SPELLINGS = ("images", "img")
DISTRACTORS = "nimg"
MASKS, OWN_MASKS = "masks", "nmasks"
_PUBLISHED = re.compile(r"^(?:nearid|encodeid|syncd)[-_](.+)$", re.IGNORECASE)


@dataclass(frozen=True)
class _Source:
    """One table's picture columns: ``<prefix>1``…``<prefix>3``."""

    name: str
    table: ParquetTable
    prefix: str
    masks: str


@dataclass(frozen=True)
class NearIdentityParquet:
    """A set whose images lie in tables (:class:`clpips.identity.views.NearIdentitySet`)."""

    path: Path
    identities: tuple[Identity, ...]
    positives: _Source
    generators: tuple[_Source, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """The distractors' generators."""
        return tuple(one.name for one in self.generators)

    @property
    def has_masks(self) -> bool:
        """Whether any table has columns of masks."""
        return any(one.masks for one in (self.positives, *self.generators))

    def of_sources(self, sources: Sequence[str]) -> NearIdentityParquet:
        """The same set with some of its sources."""
        held = {one.name: one for one in self.generators}
        return replace(self, generators=tuple(held[name] for name in sources))

    def views(self, chosen: Sequence[int] | None = None) -> Iterator[Views]:
        """The images of identities by their rising positions, read a few rows at a time."""
        wanted = range(len(self.identities)) if chosen is None else chosen
        tables = (self.positives, *self.generators)
        streams = [one.table.rows(_pictures(one), frozenset(wanted)) for one in tables]
        for position, rows in zip(wanted, zip(*streams, strict=True), strict=True):
            identity = self.identities[position]
            slots = [_slots(one, identity, row) for one, row in zip(tables, rows, strict=True)]
            others = [with_view_masks(each, slots[0]) for each in slots[1:]]
            yield Views(identity, slots[0], dict(zip(self.sources, others, strict=True)))


def read_near_identity_parquet(path: Path) -> NearIdentityParquet:
    """Open such a folder; pictures are not read yet.

    Raises:
        DatasetError: no table of views or none of distractors, a missing column, ids that differ
            between tables, an id twice, or another split than train, val and test. The sentence
            names file and row (the first row is 2).
    """
    views: list[ParquetTable] = []
    generators: list[_Source] = []
    for table in parquet_tables(path):
        kinds = [_kind(table, prefix) for prefix in SPELLINGS]
        if any(kinds):
            views.append(table)
        if _kind(table, DISTRACTORS):
            generators.append(_Source(_source_name(table, any(kinds)), table, DISTRACTORS, ""))
        elif not any(kinds):
            raise DatasetError(
                f"{table.path}: a table must hold views (images1…3 or img1…3) or distractors "
                f"(nimg1…3), got the columns {named(table.columns, 6)}"
            )
    if not views:
        raise DatasetError(
            f"{path}: a near-identity set must hold nearid.csv, or a Parquet table with the "
            "columns id and images1…3 (or img1…3), got none"
        )
    if not generators:
        raise DatasetError(
            f"{path}: a near-identity set must hold a table of distractors (id and nimg1…3), "
            "got none"
        )
    files = tuple(file for table in views for file in table.files)
    positives = ParquetTable(POSITIVES, files)
    prefix = next(each for each in SPELLINGS if _kind(positives, each))
    own = _Source(POSITIVES, positives, prefix, _masks(positives, MASKS))
    distractors = tuple(
        _Source(one.name, one.table, DISTRACTORS, _masks(one.table, OWN_MASKS))
        for one in generators
    )
    _check_columns(own)
    identities = _identities(path, positives)
    for one in distractors:
        _check_columns(one)
        _check_aligned(identities, positives, one.table)
    return NearIdentityParquet(path, identities, own, distractors)


def _kind(table: ParquetTable, prefix: str) -> bool:
    """Whether a table has such picture columns; all three are checked later, by name."""
    return any(f"{prefix}{view}" in table.columns for view in range(1, VIEWS + 1))


def _masks(table: ParquetTable, prefix: str) -> str:
    return prefix if _kind(table, prefix) else ""


def _source_name(table: ParquetTable, has_views: bool) -> str:
    """The source's name, as the paper writes it for the published data sets."""
    name = table.name
    if published := _PUBLISHED.match(name):
        return published[1].lower().replace("-", "_")
    if has_views or not name or name == POSITIVES:
        return "distractors"
    return name


def _check_columns(source: _Source) -> None:
    columns = source.table.columns
    for wanted in ("id", *(f"{source.prefix}{view}" for view in range(1, VIEWS + 1))):
        if wanted not in columns:
            raise DatasetError(
                f"{source.table.path}: the column {wanted!r} is missing, got {named(columns, 6)}"
            )


def _identities(path: Path, table: ParquetTable) -> tuple[Identity, ...]:
    columns = [each for each in ("id", "category", "split") if each in table.columns]
    found: list[Identity] = []
    first: dict[str, str] = {}
    for row in table.rows(columns):
        id_ = _id(row)
        if first.setdefault(id_, row.where) != row.where:
            raise DatasetError(
                f"{row.where}: an id must appear once, got {quoted(id_)} (first in {first[id_]})"
            )
        found.append(Identity(id_, str(row.cells.get("category") or ""), _split(row)))
    if not found:
        raise DatasetError(f"{table.path}: a table of views must hold at least one row, got none")
    if any(one.split for one in found):
        return tuple(found)
    return _with_listed_splits(path, found)


def _id(row: TableRow) -> str:
    value = row.cells["id"]
    if value is None or not isinstance(value, str | int) or not str(value).strip():
        raise DatasetError(f"{row.where}: id must be a number or text, got {quoted(value)}")
    return str(value).strip()


def _split(row: TableRow) -> str:
    value = row.cells.get("split") or ""
    value = "val" if value == "validation" else value
    if value not in ("", *SPLITS):
        raise DatasetError(f"{row.where}: split must be one of {SPLITS}, got {quoted(value)}")
    return str(value)


def _with_listed_splits(path: Path, identities: Sequence[Identity]) -> tuple[Identity, ...]:
    """Splits from ``splits/<name>.json``: positions of rows from 0, as they are published."""
    split: dict[int, str] = {}
    for name in SPLITS:
        file = path / "splits" / f"{name}.json"
        if not file.is_file():
            continue
        for position in _listed(file):
            if not 0 <= position < len(identities):
                raise DatasetError(
                    f"{file}: a position must be below the {len(identities)} rows, got {position}"
                )
            if split.setdefault(position, name) != name:
                raise DatasetError(
                    f"{file}: a row must be in one split, got {position}, which is in "
                    f"{split[position]} too"
                )
    if not split:
        return tuple(identities)
    return tuple(
        Identity(one.id, one.category, split.get(position, "train"))
        for position, one in enumerate(identities)
    )


def _listed(file: Path) -> list[int]:
    try:
        found = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DatasetError(one_line(f"{file}: a split must be JSON ({error})")) from error
    found = found.get("indices") if isinstance(found, dict) else found
    if not isinstance(found, list) or any(type(each) is not int for each in found):
        raise DatasetError(f"{file}: a split must be a list of whole numbers, got {quoted(found)}")
    return found


def _check_aligned(
    identities: Sequence[Identity], positives: ParquetTable, table: ParquetTable
) -> None:
    count = 0
    for row in table.rows(["id"]):
        count += 1
        if row.position < len(identities) and _id(row) != identities[row.position].id:
            raise DatasetError(
                f"{row.where}: id must be {quoted(identities[row.position].id)}, as in the same "
                f"row of {positives.path.name}, got {quoted(_id(row))}"
            )
    if count != len(identities):
        raise DatasetError(
            f"{table.path}: a table of distractors must have a row for every row of "
            f"{positives.path.name}, {len(identities)}, got {count}"
        )


def _pictures(source: _Source) -> list[str]:
    names = [f"{source.prefix}{view}" for view in range(1, VIEWS + 1)]
    masks = [f"{source.masks}{view}" for view in range(1, VIEWS + 1)] if source.masks else []
    return names + [name for name in masks if name in source.table.columns]


def _slots(source: _Source, identity: Identity, row: TableRow) -> Slots:
    return tuple(_slot(source, identity, row, view) for view in range(1, VIEWS + 1))


def _slot(source: _Source, identity: Identity, row: TableRow, view: int) -> Slot | None:
    column = f"{source.prefix}{view}"
    where = f"{row.where}, {column}"
    data = picture_bytes(row.cells[column], where, row.file.parent)
    if data is None:
        return None
    mask = _mask(row.cells, f"{source.masks}{view}", row)
    return Slot(f"{source.name}/{identity.id}/{view}", where, data=data, mask_data=mask)


def _mask(cells: Mapping[str, Any], column: str, row: TableRow) -> bytes | None:
    return picture_bytes(cells.get(column), f"{row.where}, {column}", row.file.parent)
