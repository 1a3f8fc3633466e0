"""Stanford Cars (Cars196) in both layouts of its authors: fine-grained categories of cars.

Either ``cars_test/`` with ``devkit/cars_meta.mat`` and the labelled annotations of the test images,
or ``car_ims/`` with ``cars_annos.mat``, which numbers all images anew: the two list a class's
images in different orders, so that they give different selections. Labels here start at 0, as in
the copy that the released code of arXiv 2512.19026 reads; those in the files start at 1. Of each
label's test images the first are gallery, the next references: nothing is drawn at random.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from clpips.errors import DatasetError, InputError
from clpips.identity.datasets.split import Draw, SplitTables, by_identity, without
from clpips.io.image_names import ImageFolder
from clpips.io.image_tables import ImageRow
from clpips.text import named, one_line, quoted

CLASSES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"car": (1, 2, 3, 4, 6, 11, 12, 13, 18, 19, 25, 27, 28, 33, 34)}
)
"""The paper's fifteen labels, from 0: five of Acura, Audi and BMW each, in one gallery."""
DRAW = Draw(references=10, gallery=10, seed=0)
"""The paper's counts; the seed is not used."""
LABELLED = ("cars_test_annos_withlabels.mat", "cars_test_annoswithlabels.mat")
"""The names under which the test images' labels were published."""
_DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    NameError,
    AttributeError,
    NotImplementedError,
    ArithmeticError,
    MemoryError,
    zlib.error,
    struct.error,
)
_MAT_HEADER = 128  # bytes before the first variable
_COMPRESSED = 15  # the type of a compressed variable
Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where a layout keeps the test images, their annotations and the classes' names."""

    annotations: Path
    names: Path
    images: Path
    path: str  # the field with an image's path
    only_test: bool  # whether all images are test images


def read_stanford_cars(
    root: str | os.PathLike[str],
    *,
    classes: Mapping[str, Sequence[int]] = CLASSES,
    draw: Draw = DRAW,
) -> SplitTables:
    """The tables of Stanford Cars' test images; a name is the label, a title the car's model.

    Args:
        root: the folder that holds one of the two layouts; with both, ``cars_test/`` is read.
        classes: labels (from 0) of each species; the paper has the single species ``car``.
        draw: counts per identity; its seed is not used.

    Raises:
        DatasetError: a file, field, image or label that is missing, or a row that breaks a rule.
        InputError: a label that is asked for twice.
    """
    layout = _layout(Path(root))
    titles = _class_names(layout.names)
    species_of = _species_of(classes, titles, layout.names)
    images = ImageFolder(layout.images)
    rows, others = [], 0
    for row, path, label in _test_images(layout, len(titles)):
        if label not in species_of:
            others += 1
            continue
        found = images.find(path)
        if found is None:
            rule = f"no image {quoted(path)} in {images.folder}"
            raise _wrong(layout.annotations, row, rule)
        rows.append(ImageRow(str(label), species_of[label], path, found))
    train, gallery = _first(rows, classes, draw, layout.annotations)
    return SplitTables(
        tuple(train),
        tuple(gallery),
        tuple(without(rows, [*train, *gallery])),
        {"test images of other labels": others} if others else {},
        {str(label): titles[label] for label in species_of},
    )


def _first(
    rows: Sequence[ImageRow], classes: Mapping[str, Sequence[int]], draw: Draw, table: Path
) -> tuple[list[ImageRow], list[ImageRow]]:
    """The first images of each label for the gallery, the next for the references."""
    train: list[ImageRow] = []
    gallery: list[ImageRow] = []
    images = by_identity(rows)
    for species, labels in classes.items():
        for label in labels:
            own = images.get((species, str(label)), [])
            draw.check_enough(own, f"{table}: label {label}")
            gallery += own[: draw.gallery]
            train += own[draw.gallery : draw.gallery + draw.references]
    return train, gallery


def _species_of(
    classes: Mapping[str, Sequence[int]], titles: Sequence[str], table: Path
) -> dict[int, str]:
    """The species of each label that is asked for."""
    found: dict[int, str] = {}
    for species, labels in classes.items():
        for label in labels:
            if not 0 <= label < len(titles):
                rule = f"a label must be within 0 … {len(titles) - 1}, got {label}"
                raise DatasetError(f"{table}: {rule}")
            if label in found:
                raise InputError(f"label {label} must be asked for once")
            found[label] = species
    return found


def _layout(root: Path) -> _Layout:
    """The layout that a folder holds."""
    devkit = root / "devkit"
    if devkit.is_dir() or (root / "cars_test").is_dir():
        labelled = (place / name for place in (devkit, root) for name in LABELLED)
        table = next((each for each in labelled if each.is_file()), devkit / LABELLED[0])
        meta = devkit / "cars_meta.mat"
        return _Layout(table, meta, root / "cars_test", "fname", only_test=True)
    table = root / "cars_annos.mat"
    if not table.is_file() and not (root / "car_ims").is_dir():
        raise DatasetError(
            f"{root}: Stanford Cars must be cars_test/ and devkit/, or car_ims/ and "
            "cars_annos.mat, got neither"
        )
    return _Layout(table, table, root, "relative_im_path", only_test=False)


def _test_images(layout: _Layout, n_classes: int) -> Iterator[tuple[int, str, int]]:
    """Row (from 1), path and label (from 0) of each test image, in the file's order."""
    table = layout.annotations
    fields = [layout.path, "class", *([] if layout.only_test else ["test"])]
    seen: dict[str, int] = {}
    for row, annotation in enumerate(_annotations(table, fields), start=1):
        path = _text(table, row, layout.path, annotation[layout.path])
        label = _whole(table, row, "class", annotation["class"], 1, n_classes) - 1
        if seen.setdefault(path, row) != row:
            rule = f"an image must appear once, got {quoted(path)} (first in row {seen[path]})"
            raise _wrong(table, row, rule)
        if layout.only_test or _whole(table, row, "test", annotation["test"], 0, 1):
            yield row, path, label


def _annotations(table: Path, fields: Sequence[str]) -> Array:
    """The annotations as an array of structs that have these fields."""
    found = _variable(table, "annotations")
    have = found.dtype.names or ()
    for field in fields:
        if field not in have:
            got = named(have, 7) or "none"
            raise DatasetError(f"{table}: annotations must have the field {field!r}, got {got}")
    return found


def _class_names(table: Path) -> list[str]:
    """The classes' names; the first is label 0."""
    names = _variable(table, "class_names")
    return [_text(table, row, "class_names", name) for row, name in enumerate(names, start=1)]


def _variable(table: Path, name: str) -> Array:
    """One variable of a MATLAB file, flat."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    if not table.is_file():
        raise DatasetError(f"{table}: no such file; Stanford Cars holds it")
    try:
        _try_in_another_process(table)
        found = loadmat(table, variable_names=[name])
    except (MatReadError, *_DAMAGED) as error:
        raise DatasetError(one_line(f"{table}: not a MATLAB file ({error})")) from error
    if not isinstance(found.get(name), np.ndarray):
        raise DatasetError(f"{table}: must hold the variable {name!r}")
    return np.ravel(found[name])


def _try_in_another_process(table: Path) -> None:
    """Read a file without checksums once in a process that may crash.

    Scipy's reader can end the process where such a file is damaged. The authors' files are
    compressed, which brings checksums, and need no second reading.

    Raises:
        ValueError: it cannot be read.
    """
    with table.open("rb") as file:
        file.seek(_MAT_HEADER)
        kind = file.read(4)
    if kind in (struct.pack("<I", _COMPRESSED), struct.pack(">I", _COMPRESSED)):
        return
    script = "import sys; from scipy.io import loadmat; loadmat(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", script, str(table)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise ValueError(lines[-1] if lines and done.returncode == 1 else "its reader failed")


def _text(table: Path, row: int, what: str, cell: object) -> str:
    value = _one(cell)
    if not isinstance(value, str) or not value.strip():
        raise _wrong(table, row, f"{what} must be text, got {quoted(value)}")
    return value.strip()


def _whole(table: Path, row: int, what: str, cell: object, least: int, most: int) -> int:
    value = _one(cell)
    if not isinstance(value, int | float) or value != value // 1 or not least <= value <= most:
        rule = f"{what} must be a whole number within {least} … {most}, got {quoted(value)}"
        raise _wrong(table, row, rule)
    return int(value)


def _one(cell: object) -> object:
    """The value of a MATLAB cell of one element; other cells as they are."""
    flat = np.ravel(np.asarray(cell))
    if flat.size != 1:
        return cell
    value = flat[0]
    return value.item() if isinstance(value, np.generic) else value


def _wrong(table: Path, row: int, rule: str) -> DatasetError:
    return DatasetError(one_line(f"{table}, row {row}: {rule}"))
