"""CUB-200-2011 as its authors ship it: fine-grained categories of birds.

``images.txt`` (id, path below ``images/``), ``image_class_labels.txt`` (id, class 1 … 200) and
``classes.txt`` (class, ``NNN.Name``) are separated by one space and have no header. The official
split (``train_test_split.txt``) is not read. The selection is that of the released code of
arXiv 2512.19026: per coarse class, one stream draws every identity's gallery images in the order
of their names; a second stream from the same seed then draws the references from the rest.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np

from clpips.errors import DatasetError, InputError
from clpips.identity.datasets.split import Draw, SplitTables, by_identity, drawn, without
from clpips.io.file_kinds import START, encoding, not_text
from clpips.io.image_names import ImageFolder
from clpips.io.image_tables import ImageRow
from clpips.text import one_line, quoted

CLASSES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "wren": (193, 194, 195, 196, 197),
        "tern": (143, 144, 145, 146, 147),
        "sparrow": (113, 114, 115, 116, 117),
    }
)
"""The paper's coarse classes and their class numbers, from 1."""
DRAW = Draw(references=10, gallery=10, seed=101)
"""The paper's counts and seed."""


def read_cub(
    root: str | os.PathLike[str],
    *,
    classes: Mapping[str, Sequence[int]] = CLASSES,
    draw: Draw = DRAW,
) -> SplitTables:
    """The tables of CUB-200-2011.

    Args:
        root: the folder with ``images.txt`` and ``images/``.
        classes: class numbers (from 1) of each coarse class.
        draw: counts per identity and seed.

    Raises:
        DatasetError: a file, image or class that is missing, or a row that breaks a rule.
        InputError: a class that is asked for twice.
    """
    folder = Path(root)
    names = _class_names(folder / "classes.txt")
    species_of = _species_of(classes, names, folder / "classes.txt")
    listed = _listed(folder / "images.txt")
    class_of = _class_of(folder / "image_class_labels.txt", listed, names)
    images = ImageFolder(folder / "images")
    rows = []
    for number, (row, path) in listed.items():
        if number not in class_of:
            rule = f"image {number} has no class in image_class_labels.txt"
            raise _wrong(folder / "images.txt", row, rule)
        if class_of[number] in species_of:
            found = images.find(path)
            if found is None:
                rule = f"no image {quoted(path)} in {images.folder}"
                raise _wrong(folder / "images.txt", row, rule)
            each = class_of[number]
            rows.append(ImageRow(names[each], species_of[each], f"images/{path}", found))
    others = len(listed) - len(rows)
    asked = {each: sorted(names[number] for number in classes[each]) for each in classes}
    train, gallery = _drawn(rows, asked, draw, folder)
    return SplitTables(
        tuple(train),
        tuple(gallery),
        tuple(without(rows, [*train, *gallery])),
        {"images of other classes": others} if others else {},
    )


def _drawn(
    rows: Sequence[ImageRow], asked: Mapping[str, Sequence[str]], draw: Draw, folder: Path
) -> tuple[list[ImageRow], list[ImageRow]]:
    """References and gallery, by coarse class in the order given and by name."""
    train: list[ImageRow] = []
    gallery: list[ImageRow] = []
    images = by_identity(rows)
    for species, names in asked.items():
        own = [images.get((species, name), []) for name in names]
        for name, each in zip(names, own, strict=True):
            draw.check_enough(each, f"{folder}: {species} {quoted(name)}")
        stream = np.random.RandomState(draw.seed)
        chosen = [row for each in own for row in drawn(each, draw.gallery, stream)]
        stream = np.random.RandomState(draw.seed)
        for each in own:
            train += drawn(without(each, chosen), draw.references, stream)
        gallery += chosen
    return train, gallery


def _species_of(
    classes: Mapping[str, Sequence[int]], names: Mapping[int, str], table: Path
) -> dict[int, str]:
    """The coarse class of each class that is asked for."""
    found: dict[int, str] = {}
    for species, numbers in classes.items():
        for number in numbers:
            if number not in names:
                raise DatasetError(f"{table}: there is no class {number} ({species})")
            if number in found:
                raise InputError(f"class {number} must be asked for once")
            found[number] = species
        if len({names[number] for number in numbers}) < len(numbers):
            raise DatasetError(f"{table}: two classes of {species} have the same name")
    return found


def _class_names(table: Path) -> dict[int, str]:
    """Each class's name without its number: ``193.Bewick_Wren`` is ``Bewick_Wren``."""
    found: dict[int, str] = {}
    for row, number, text in _rows(table, "a class number and its name"):
        name = text.partition(".")[2]
        if not name:
            raise _wrong(table, row, f"a class must be named NNN.Name, got {quoted(text)}")
        if number in found:
            raise _wrong(table, row, f"a class must appear once, got {number} again")
        found[number] = name
    return found


def _listed(table: Path) -> dict[int, tuple[int, str]]:
    """Row and path of each image, in the file's order."""
    found: dict[int, tuple[int, str]] = {}
    seen: dict[str, int] = {}
    for row, number, path in _rows(table, "an image number and its path"):
        if number in found:
            raise _wrong(table, row, f"an image number must appear once, got {number} again")
        if seen.setdefault(path, row) != row:
            rule = f"a path must appear once, got {quoted(path)} (first in row {seen[path]})"
            raise _wrong(table, row, rule)
        found[number] = row, path
    return found


def _class_of(
    table: Path, listed: Mapping[int, tuple[int, str]], names: Mapping[int, str]
) -> dict[int, int]:
    """The class of each image."""
    found: dict[int, int] = {}
    for row, image, text in _rows(table, "an image number and its class"):
        each = _whole(table, row, "a class number", text)
        if image not in listed:
            raise _wrong(table, row, f"there is no image {image} in images.txt")
        if each not in names:
            raise _wrong(table, row, f"there is no class {each} in classes.txt")
        if image in found:
            raise _wrong(table, row, f"an image must have one class, got image {image} again")
        found[image] = each
    return found


def _rows(table: Path, holds: str) -> Iterator[tuple[int, int, str]]:
    """Row, number and the rest of each line."""
    for row, line in enumerate(_text(table).split("\n"), start=1):
        if not line.strip():
            continue
        number, _, rest = line.strip().partition(" ")
        if not rest.strip():
            raise _wrong(table, row, f"a row must hold {holds}, got {quoted(line)}")
        yield row, _whole(table, row, holds.partition(" and ")[0], number), rest.strip()


def _text(table: Path) -> str:
    if not table.is_file():
        raise DatasetError(f"{table}: no such file; CUB-200-2011 holds it")
    content = table.read_bytes()
    if (other := not_text(content[:START])) is not None:
        raise DatasetError(f"{table}: must be text, got {other}")
    try:
        return content.decode(encoding(content[:START]))
    except UnicodeError as error:
        raise DatasetError(one_line(f"{table}: must be UTF-8 text ({error})")) from error


def _whole(table: Path, row: int, what: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise _wrong(table, row, f"{what} must be a whole number, got {quoted(text)}")
    return int(text)


def _wrong(table: Path, row: int, rule: str) -> DatasetError:
    return DatasetError(one_line(f"{table}, row {row}: {rule}"))
