"""Part-level sets (MTG) in their published form, and how similar their pictures are.

Parquet with the columns ``image_{1,2}_original``, ``image_{1,2}_inpainted``,
``image_{1,2}_object_mask`` and ``image_{1,2}_part_mask``. In an embeddings file, the first row's
picture is ``mtg/0/image_1_original``, and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from clpips.errors import DatasetError, ImageError
from clpips.identity.foreground import read_mask
from clpips.identity.part_level import ORIGINALS, SERIES, Array, oracle
from clpips.identity.slot_pictures import Distances, Embed, SlotPictures
from clpips.identity.views import Slot
from clpips.io.parquet_tables import ParquetTable, TableRow, parquet_tables, picture_bytes
from clpips.progress import Watch
from clpips.text import named

PICTURES: Mapping[str, str] = {
    "1": "image_1_original",
    "2": "image_2_original",
    "1p": "image_1_inpainted",
    "2p": "image_2_inpainted",
}
COLUMNS = (
    *PICTURES.values(),
    *(f"image_{n}_{kind}_mask" for n in (1, 2) for kind in ("object", "part")),
)
AT_ONCE = 64
"""Rows that are embedded together."""


@dataclass(frozen=True, slots=True)
class PartPair:
    """One row.

    Args:
        position: from 0.
        pictures: by their short names, ``1``, ``2``, ``1p`` and ``2p``; those that are there.
        oracles: of the two objects; 0 where a mask is missing or the object is empty.
    """

    position: int
    pictures: Mapping[str, Slot]
    oracles: tuple[float, float]


@dataclass(frozen=True)
class PartLevelSet:
    """A table of such rows, read a few at a time."""

    path: Path
    table: ParquetTable

    def pairs(self) -> Iterator[PartPair]:
        """The rows in order.

        Raises:
            DatasetError: a cell that holds no picture, or a mask that cannot be read.
        """
        for row in self.table.rows(COLUMNS):
            yield _pair(row)


def is_part_level_set(path: Path) -> bool:
    """Whether a Parquet file or folder has any of the columns of such a set."""
    if not (path.is_dir() or (path.suffix.lower() == ".parquet" and path.is_file())):
        return False
    if (path / "nearid.csv").is_file():
        return False
    return any(set(COLUMNS) & set(table.columns) for table in parquet_tables(path))


def open_part_level_set(path: Path) -> PartLevelSet:
    """Open such a set; pictures are not read yet.

    Raises:
        DatasetError: a column is missing, or there are several tables.
    """
    tables = parquet_tables(path)
    if len(tables) > 1:
        raise DatasetError(
            f"{path}: a part-level set must be one table, got {named([t.name for t in tables])}"
        )
    for column in COLUMNS:
        if column not in tables[0].columns:
            raise DatasetError(
                f"{tables[0].path}: the column {column!r} is missing, "
                f"got {named(tables[0].columns, 6)}"
            )
    return PartLevelSet(path, tables[0])


@dataclass
class PartSimilarities:
    """What was measured: by series, (rows,) similarities; and (rows, 2) oracles."""

    series: dict[str, Array]
    oracles: Array


def embedded_part_similarities(
    dataset: PartLevelSet,
    embed: Embed,
    *,
    pictures: SlotPictures | None = None,
    files: bool = True,
    watch: Watch | None = None,
) -> PartSimilarities:
    """Cosines of embeddings.

    Args:
        dataset: the set.
        embed: the encoder.
        pictures: how pictures are read: whole or foregrounds.
        files: whether ``embed`` reads the pictures' files; else it knows them by their keys.
        watch: progress and cancel.

    Raises:
        DatasetError: a picture cannot be read; the sentence names file, row and column.
    """
    reader = pictures or SlotPictures()

    def measured(block: list[PartPair], part: Watch) -> dict[str, Array]:
        places = [(n, name) for n, pair in enumerate(block) for name in pair.pictures]
        slots = [block[n].pictures[name] for n, name in places]
        vectors = reader.embed(slots, embed, part, files=files).astype(np.float64)
        held = {name: np.full((len(block), vectors.shape[1]), np.nan) for name in PICTURES}
        for (n, name), vector in zip(places, vectors, strict=True):
            held[name][n] = vector
        return {series: (held[one] * held[other]).sum(axis=1) for series, one, other in _series()}

    return _over_blocks(dataset, measured, AT_ONCE, watch or Watch())


def measured_part_similarities(
    dataset: PartLevelSet,
    distances: Distances,
    *,
    pictures: SlotPictures | None = None,
    watch: Watch | None = None,
) -> PartSimilarities:
    """1 − the distances of a metric that compares two pictures; the first is its target.

    The arguments are those of :func:`embedded_part_similarities`.
    """
    reader = pictures or SlotPictures()

    def measured(block: list[PartPair], part: Watch) -> dict[str, Array]:
        del part
        found = {series: np.full(len(block), np.nan) for series, _, _ in _series()}
        for n, pair in enumerate(block):
            read = {name: reader.read(slot) for name, slot in pair.pictures.items()}
            held = {name: picture for name, picture in read.items() if picture is not None}
            _measure(held, distances, {name: found[name][n : n + 1] for name in found})
        return found

    return _over_blocks(dataset, measured, 1, watch or Watch())


def _measure(
    held: Mapping[str, Image.Image], distances: Distances, found: Mapping[str, Array]
) -> None:
    """Fill in one row's similarities, target by target."""
    for target in ("1", "2"):
        wanted = [
            (series, other)
            for series, one, other in _series()
            if one == target and target in held and other in held
        ]
        if wanted:
            values = distances(held[target], [held[other] for _, other in wanted])
            for (series, _), distance in zip(wanted, values, strict=True):
                found[series][0] = 1 - distance


def _over_blocks(
    dataset: PartLevelSet,
    measured: Callable[[list[PartPair], Watch], dict[str, Array]],
    size: int,
    watch: Watch,
) -> PartSimilarities:
    """All rows, a few at a time."""
    parts: dict[str, list[Array]] = {series: [] for series, _, _ in _series()}
    oracles: list[tuple[float, float]] = []
    pairs, total = dataset.pairs(), dataset.table.n_rows
    while block := list(islice(pairs, size)):
        done, words = len(oracles), f"Row {len(oracles) + 1:,} of {total:,}"
        watch.report(done / total, words)
        part = watch.part(done / total, len(block) / total, f"{words}: ")
        for series, values in measured(block, part).items():
            parts[series].append(values)
        oracles += [pair.oracles for pair in block]
    if not oracles:
        raise DatasetError(f"{dataset.table.path}: a part-level set must hold at least one row")
    joined = {series: np.concatenate(values) for series, values in parts.items()}
    return PartSimilarities(joined, np.array(oracles))


def _series() -> list[tuple[str, str, str]]:
    """Each series and its two pictures."""
    split = (name.partition("_") for name in (ORIGINALS, *SERIES))
    return [(f"{one}_{other}", one, other) for one, _, other in split]


def _pair(row: TableRow) -> PartPair:
    slots: dict[str, Slot] = {}
    masks = {
        column: picture_bytes(row.cells[column], f"{row.where}, {column}", row.file.parent)
        for column in COLUMNS
        if column.endswith("_mask")
    }
    for name, column in PICTURES.items():
        where = f"{row.where}, {column}"
        data = picture_bytes(row.cells[column], where, row.file.parent)
        if data is not None:
            mask = masks[f"image_{name[0]}_object_mask"]
            key = f"mtg/{row.position}/{column}"
            slots[name] = Slot(key, where, data=data, mask_data=mask)
    one, two = (_oracle(row, masks, number) for number in (1, 2))
    return PartPair(row.position, slots, (one, two))


def _oracle(row: TableRow, masks: Mapping[str, bytes | None], number: int) -> float:
    """As the release has it: a missing mask leaves nothing of the object."""
    shares = []
    for kind in ("object", "part"):
        column = f"image_{number}_{kind}_mask"
        data = masks[column]
        if data is None:
            return 0.0
        try:
            shares.append(float((read_mask(data, f"{row.where}, {column}") > 0).mean()))
        except ImageError as error:
            raise DatasetError(str(error)) from error
    return oracle(*shares)
