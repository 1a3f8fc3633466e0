"""WildlifeReID-10k and other ``metadata.csv`` of wildlife-datasets: individual animals.

One row an image: ``identity``, ``path`` (relative to the file's folder), and where there are any
``species``, ``dataset`` (where an image comes from) and ``date``; other columns are passed over.
The selection is that of the released code of arXiv 2512.19026: of each individual with enough
images a sample becomes references; the individuals with most references are kept; of what they have
left a sample becomes the gallery. Each sample of each individual starts a new stream from the seed,
as ``pandas.DataFrame.sample(n, random_state=42)`` does.

Our defaults, which the release does not have: equal numbers of references go by name; images of
unknown individuals, and images in several rows, are left out; a split by date.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from clpips.errors import DatasetError, InputError
from clpips.identity.datasets.split import (
    Draw,
    Identity,
    SplitTables,
    by_identity,
    drawn,
    without,
)
from clpips.io.image_names import ImageFolder
from clpips.io.image_tables import ImageRow
from clpips.io.tabular_files import Layout, file_rows
from clpips.text import named, quoted

METADATA = "metadata.csv"
UNKNOWN = "unknown"
"""The identity of animals that nobody could name, also with its data set's name in front."""
LAYOUT = Layout(
    "a table of wildlife images",
    ("identity", "path"),  # WildlifeReID-10k is published without image_id
    ("image_id", "species", "dataset", "date", "bbox"),
    DatasetError,
)
_UNDATED = "images without a date"


DRAW = Draw(references=10, gallery=15, seed=42)
"""The paper's counts and seed."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which individuals are kept, and how many images of each.

    Args:
        draw: at most so many references and gallery images, and the seed.
        least: an individual needs so many for references and so many for the gallery.
        individuals: at most so many of each species, those with most references first.

    Raises:
        InputError: a number below 1.
    """

    draw: Draw = DRAW
    least: tuple[int, int] = (4, 5)
    individuals: int = 10

    def __post_init__(self) -> None:
        if min(*self.least, self.individuals) < 1:
            raise InputError(
                "the least images of an individual and the individuals of a species must be at "
                f"least 1, got {self.least[0]}, {self.least[1]} and {self.individuals}"
            )


PAPER = Selection()
"""The paper's selection; its lists of species and source data sets are not published."""


@dataclass(frozen=True, slots=True)
class _Animal:
    """One row of the table."""

    number: int
    name: str
    species: str
    source: str
    path: str
    date: str
    boxed: bool

    @property
    def unknown(self) -> bool:
        """Whether nobody could name the animal."""
        return self.name.casefold().removeprefix(f"{self.source}_".casefold()) == UNKNOWN


def read_wildlife(
    root: str | os.PathLike[str],
    *,
    species: Sequence[str] = (),
    sources: Sequence[str] = (),
    selection: Selection = PAPER,
    by_date: bool = False,
) -> SplitTables:
    """The tables of WildlifeReID-10k or of another ``metadata.csv`` of wildlife-datasets.

    Args:
        root: the folder with ``metadata.csv``; image paths are relative to it.
        species: those that are read, in this order; all where none is named. A table without the
            column ``species`` needs the one species that all its images show.
        sources: the source data sets that are read; all where none is named.
        selection: counts and seed.
        by_date: whether every reference was taken on an earlier day than the gallery of the same
            individual (ours; the release ignores dates).

    Raises:
        DatasetError: a file, column or image that is missing, a row that breaks a rule, or nothing
            left of a species that was named.
        InputError: a species or source that the table does not have.
    """
    table = Path(root) / METADATA
    animals = _animals(table, species)
    kept, left_out = _kept(table, animals, species, sources)
    days = None
    if by_date:
        days = _days(table, kept)
        undated = sum(each.path not in days for each in kept)
        left_out |= {_UNDATED: undated} if undated else {}
        kept = [each for each in kept if each.path in days]
    rows = _found(table, kept)
    order = list(dict.fromkeys(species)) or sorted({row.species for row in rows})
    pools = _pools(rows, selection, days)
    chosen = _most_references(pools, order, selection.individuals)
    _check_chosen(table, chosen, species, selection)
    train = [row for identity in chosen for row in pools[identity][0]]
    gallery = _gallery([pools[identity][1] for identity in chosen], selection.draw)
    extra = without(rows, [*train, *gallery])
    notes = _notes(animals, order, chosen, selection)
    return SplitTables(tuple(train), tuple(gallery), tuple(extra), left_out, notes=notes)


def _pools(
    rows: Sequence[ImageRow], selection: Selection, days: Mapping[str, date] | None
) -> dict[Identity, tuple[list[ImageRow], list[ImageRow]]]:
    """References of each individual that has enough images, and what its gallery may come from."""
    found = {}
    draw, least = selection.draw, selection.least
    for identity, own in by_identity(rows).items():
        most = min(len(own) - least[1], draw.references)
        if len(own) < sum(least):
            continue
        early, late = (own, own) if days is None else _by_date(own, days, least, most)
        if early:
            stream = np.random.RandomState(draw.seed)
            references = drawn(early, min(most, len(early)), stream)
            found[identity] = references, without(late, references)
    return found


def _by_date(
    own: Sequence[ImageRow], days: Mapping[str, date], least: tuple[int, int], wanted: int
) -> tuple[list[ImageRow], list[ImageRow]]:
    """Earlier and later images without a common day.

    The earlier ones are as near to the number wanted as days allow; both are empty where no day
    leaves enough images on either side.
    """
    ordered = sorted(own, key=lambda row: days[row.file_path])
    day = [days[row.file_path] for row in ordered]
    cuts = [at for at in range(least[0], len(day) - least[1] + 1) if day[at - 1] < day[at]]
    if not cuts:
        return [], []
    cut = min(cuts, key=lambda at: (abs(at - wanted), at))
    return ordered[:cut], ordered[cut:]


def _most_references(
    pools: Mapping[Identity, tuple[list[ImageRow], list[ImageRow]]],
    species: Sequence[str],
    most: int,
) -> list[Identity]:
    """The individuals of each species with most references, equal numbers by name; sorted."""
    chosen: list[Identity] = []
    for each in species:
        own = [identity for identity in pools if identity[0] == each]
        own.sort(key=lambda identity: (-len(pools[identity][0]), identity[1]))
        chosen += sorted(own[:most])
    return chosen


def _gallery(pools: Sequence[Sequence[ImageRow]], draw: Draw) -> list[ImageRow]:
    """A sample of each individual's remaining images."""
    found: list[ImageRow] = []
    for pool in pools:
        stream = np.random.RandomState(draw.seed)
        found += drawn(pool, min(len(pool), draw.gallery), stream)
    return found


def _check_chosen(
    table: Path, chosen: Sequence[Identity], asked: Sequence[str], selection: Selection
) -> None:
    """Refuse a table in which a species that was named, or every species, has no individual."""
    have = {species for species, _ in chosen}
    without_any = [each for each in asked if each not in have]
    if without_any or not chosen:
        of = f" of {quoted(without_any[0])}" if without_any else ""
        raise DatasetError(
            f"{table}: an individual{of} must have at least {sum(selection.least)} images that "
            f"can be used ({selection.least[0]} as references, {selection.least[1]} in the "
            "gallery), got none that has"
        )


def _notes(
    animals: Sequence[_Animal],
    species: Sequence[str],
    chosen: Sequence[Identity],
    selection: Selection,
) -> tuple[str, ...]:
    """What the tables' owner should read."""
    have = Counter(each for each, _ in chosen)
    few = [each for each in species if have[each] < selection.individuals]
    notes = []
    if few:
        notes.append(
            f"Fewer than {selection.individuals} individuals with at least "
            f"{sum(selection.least)} images: {', '.join(f'{each} {have[each]}' for each in few)}."
        )
    if any(each.boxed for each in animals):
        notes.append("Bounding boxes are not applied: images are used whole.")
    return tuple(notes)


def _kept(
    table: Path, animals: Sequence[_Animal], species: Sequence[str], sources: Sequence[str]
) -> tuple[list[_Animal], dict[str, int]]:
    """The rows that are used, and how many are not, by reason."""
    _check_known(table, "species", species, {each.species for each in animals})
    _check_known(table, "source data set", sources, {each.source for each in animals})
    times = Counter(each.path for each in animals)
    kept: list[_Animal] = []
    left_out: Counter[str] = Counter()
    for each in animals:
        if species and each.species not in species:
            left_out["images of other species"] += 1
        elif sources and each.source not in sources:
            left_out["images from other source data sets"] += 1
        elif each.unknown:
            left_out["images of unknown individuals"] += 1
        elif times[each.path] > 1:
            left_out["rows of images that are in several rows"] += 1
        else:
            kept.append(each)
    return kept, dict(left_out)


def _check_known(table: Path, what: str, asked: Sequence[str], there: set[str]) -> None:
    for each in asked:
        if each not in there:
            have = named(sorted(there - {""}), 5) or "none"
            raise InputError(f"{table}: there is no {what} {quoted(each)}, it has {have}")


def _days(table: Path, animals: Sequence[_Animal]) -> dict[str, date]:
    """The day of each image that has one, by its path."""
    found = {}
    for each in animals:
        if each.date:
            try:
                found[each.path] = date.fromisoformat(each.date[:10])
            except ValueError as error:
                rule = f"date must begin with YYYY-MM-DD, got {quoted(each.date)}"
                raise LAYOUT.wrong(table, each.number, rule) from error
    return found


def _found(table: Path, animals: Sequence[_Animal]) -> list[ImageRow]:
    """The images as rows of a table of images."""
    images = ImageFolder(table.parent)
    rows = []
    for each in animals:
        path = images.find(each.path)
        if path is None:
            rule = f"no image {quoted(each.path)} in {images.folder}"
            raise LAYOUT.wrong(table, each.number, rule)
        rows.append(ImageRow(each.name, each.species, each.path, path))
    return rows


def _animals(table: Path, species: Sequence[str]) -> list[_Animal]:
    """Every row of the table."""
    found = [
        _animal(table, number, cells, species) for number, cells in file_rows(table, LAYOUT, [])
    ]
    if not found:
        raise LAYOUT.not_one(table, "hold at least one row, got none")
    return found


def _animal(table: Path, number: int, cells: Mapping[str, Any], species: Sequence[str]) -> _Animal:
    values = {column: str(cells.get(column) or "").strip() for column in LAYOUT.known}
    if "species" not in cells:
        if len(species) != 1:
            rule = "the column 'species' is missing, so that the one species has to be named"
            raise LAYOUT.wrong(table, 1, rule)
        values["species"] = species[0]
    for column in ("identity", "path", "species"):
        if not values[column]:
            raise LAYOUT.wrong(table, number, f"{column} must not be empty")
    return _Animal(
        number,
        values["identity"],
        values["species"],
        values["dataset"],
        values["path"],
        values["date"],
        bool(values["bbox"]),
    )
