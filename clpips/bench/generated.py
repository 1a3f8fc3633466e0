"""Generated images: one folder a method, one image a sample, named by the sample's index."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clpips.bench.samples import Sample
from clpips.errors import DatasetError
from clpips.io.image_names import ENDING, ImageFolder
from clpips.io.table_cells import image_cell, text_cell
from clpips.io.tabular_files import Layout, file_rows
from clpips.text import named, quoted

TABLE = "generated.csv"
LAYOUT = Layout(
    "a table of generated images",
    ("sample", "method", "file_path"),
    ("seed", "prompt"),
    DatasetError,
)
_INDEX = re.compile(r"\d{6,}")


@dataclass(frozen=True, slots=True)
class Generated:
    """One method's image for one sample.

    Args:
        sample: what it was generated for.
        method: what generated it.
        path: the image's file.
        seed: that it was generated with, as the table has it; may be empty.
        prompt: the same.
    """

    sample: Sample
    method: str
    path: str
    seed: str = ""
    prompt: str = ""


def read_generated(
    folder: str | os.PathLike[str], samples: Sequence[Sample]
) -> dict[str, list[Generated]]:
    """Every method's images, by method, in the samples' order.

    ``<folder>/<method>/<sample's index, six digits>.png`` (or another image format). Where the
    folder has a ``generated.csv`` (``sample,method,seed,prompt,file_path``), that says which images
    there are. A sample without an image is left out here and counted as missing in reports.

    Args:
        folder: of all methods.
        samples: of the benchmark.

    Raises:
        DatasetError: no images, an image of no sample, or two of one.
    """
    place = Path(folder)
    if not place.is_dir():
        raise DatasetError(f"{place}: no such folder of generated images")
    tabled = (place / TABLE).is_file()
    images = _from_table(place, samples) if tabled else _from_names(place, samples)
    if not images:
        raise DatasetError(
            f"{place}: must hold one folder for each method with images named by sample "
            "(000000.png), got none"
        )
    found: dict[str, list[Generated]] = {}
    for one in sorted(images, key=lambda one: one.sample.index):
        found.setdefault(one.method, []).append(one)
    return {method: found[method] for method in sorted(found)}


def _from_table(folder: Path, samples: Sequence[Sample]) -> list[Generated]:
    table, images = folder / TABLE, ImageFolder(folder)
    found: dict[tuple[str, int], Generated] = {}
    for number, cells in file_rows(table, LAYOUT, []):
        values = {
            column: text_cell(LAYOUT, table, number, cells, column) for column in LAYOUT.known
        }
        for column in LAYOUT.required:
            if not values[column]:
                raise LAYOUT.wrong(table, number, f"{column} must not be empty")
        text = values["sample"].removesuffix(".0")
        if not (text.isascii() and text.isdigit() and int(text) < len(samples)):
            raise LAYOUT.wrong(
                table,
                number,
                f"sample must be one of 0 … {len(samples) - 1}, got {quoted(values['sample'])}",
            )
        one = (values["method"], int(text))
        if one in found:
            raise LAYOUT.wrong(
                table, number, f"{quoted(one[0])} must have one image for sample {one[1]}, got two"
            )
        path = image_cell(LAYOUT, table, number, "file_path", values["file_path"], images)
        found[one] = Generated(samples[one[1]], one[0], path, values["seed"], values["prompt"])
    return list(found.values())


def _from_names(folder: Path, samples: Sequence[Sample]) -> list[Generated]:
    found = []
    for method in sorted(each for each in folder.iterdir() if each.is_dir()):
        own: dict[int, Path] = {}
        for path in sorted(method.iterdir()):
            if not (ENDING.search(path.name) and _INDEX.fullmatch(path.stem)):
                continue
            index = int(path.stem)
            if index >= len(samples):
                raise DatasetError(
                    f"{path}: an image must be named by its sample, 000000 … {len(samples) - 1:06}"
                )
            if index in own:
                both = named([own[index].name, path.name])
                raise DatasetError(f"{method}: a sample must have one image, got {both}")
            own[index] = path
        found += [Generated(samples[index], method.name, str(path)) for index, path in own.items()]
    return found
