"""Small data sets in the formats in which their authors ship them; images are not decodable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import scipy.io

CUB_CLASSES = {
    113: "Baird_Sparrow",
    114: "Black_throated_Sparrow",
    115: "Brewer_Sparrow",
    116: "Chipping_Sparrow",
    117: "Clay_colored_Sparrow",
    143: "Caspian_Tern",
    144: "Common_Tern",
    145: "Elegant_Tern",
    146: "Forsters_Tern",
    147: "Least_Tern",
    193: "Bewick_Wren",
    194: "Cactus_Wren",
    195: "Carolina_Wren",
    196: "House_Wren",
    197: "Marsh_Wren",
}


def touch(path: Path) -> None:
    """A file that stands for an image, which readers do not open."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"image")


def cub(root: Path, *, classes: Mapping[int, str] = CUB_CLASSES, per_class: int = 23) -> Path:
    """CUB-200-2011: 200 classes, of which those named have images."""
    named = {n: classes.get(n, f"Bird_{n}") for n in range(1, 201)}
    listed, labels, split = [], [], []
    number = 0
    for each, name in sorted({**classes, 1: named[1]}.items()):
        for image in range(per_class + each % 3):
            number += 1
            path = f"{each:03}.{name}/{name}_{image:04}_{796000 + number}.jpg"
            touch(root / "images" / path)
            listed.append(f"{number} {path}")
            labels.append(f"{number} {each}")
            split.append(f"{number} {number % 2}")
    write_lines(root / "images.txt", listed)
    write_lines(root / "image_class_labels.txt", labels)
    write_lines(root / "train_test_split.txt", split)
    write_lines(root / "classes.txt", [f"{n} {n:03}.{name}" for n, name in named.items()])
    return root


def write_lines(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def car_models(count: int = 196) -> list[str]:
    return [f"Model {number:03} C/V Sedan 2012" for number in range(1, count + 1)]


def save_annotations(path: Path, rows: Sequence[Mapping[str, object]], **variables: object) -> None:
    """A MATLAB file with a 1×n struct array whose every field is a 1×1 matrix or a text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    annotations = np.empty((1, len(rows)), dtype=[(name, object) for name in rows[0]])
    for place, row in enumerate(rows):
        annotations[0, place] = tuple(row.values())
    save_mat(path, annotations=annotations, **variables)


def save_mat(path: Path, **variables: object) -> None:
    """A compressed MATLAB file, as MATLAB writes it by default."""
    scipy.io.savemat(path, variables, do_compression=True)


def names_cell(names: Sequence[str]) -> np.ndarray:
    """A 1×n cell array of texts."""
    cell = np.empty((1, len(names)), dtype=object)
    cell[0, :] = names
    return cell


def _box() -> dict[str, object]:
    return {f"bbox_{side}": np.uint16(30) for side in ("x1", "y1", "x2", "y2")}


def cars_devkit(root: Path, labels: Sequence[int]) -> Path:
    """``cars_test/`` with ``devkit/``; ``labels`` (from 0) of the test images in their order."""
    files = [f"{number:05}.jpg" for number in range(1, len(labels) + 1)]
    for file in files:
        touch(root / "cars_test" / file)
    touch(root / "cars_train" / "00001.jpg")
    unlabelled = [{**_box(), "fname": file} for file in files]
    labelled = [
        {**_box(), "class": np.uint8(label + 1), "fname": file}
        for file, label in zip(files, labels, strict=True)
    ]
    devkit = root / "devkit"
    save_annotations(devkit / "cars_test_annos.mat", unlabelled)
    save_annotations(devkit / "cars_test_annos_withlabels.mat", labelled)
    save_annotations(devkit / "cars_train_annos.mat", labelled[:1])
    save_mat(devkit / "cars_meta.mat", class_names=names_cell(car_models()))
    return root


def cars_combined(root: Path, labels: Sequence[int], test: Sequence[int]) -> Path:
    """``car_ims/`` with ``cars_annos.mat``."""
    rows = []
    for number, (label, in_test) in enumerate(zip(labels, test, strict=True), start=1):
        path = f"car_ims/{number:06}.jpg"
        touch(root / path)
        row = {"relative_im_path": path, **_box(), "class": np.uint8(label + 1)}
        rows.append({**row, "test": np.uint8(in_test)})
    save_annotations(root / "cars_annos.mat", rows, class_names=names_cell(car_models()))
    return root


WILDLIFE_COLUMNS = ("identity", "path", "date", "orientation", "species", "split", "dataset")


def wildlife_rows(counts: Mapping[tuple[str, str, str], int]) -> list[dict[str, str]]:
    """Rows of WildlifeReID-10k: species, source and individual → how many images, mixed."""
    rows = []
    for (species, source, name), count in counts.items():
        for number in range(count):
            row = {
                "identity": f"{source}_{name}",
                "path": f"images/{source}/{name}/{number:04}.jpg",
                "date": f"2019-{1 + number % 12:02}-{1 + number // 12:02}",
                "orientation": ("left", "right")[number % 2],
                "species": species,
                "split": ("train", "test")[number % 2],
                "dataset": source,
            }
            rows.append(row)
    order = np.random.default_rng(3).permutation(len(rows))
    return [rows[at] for at in order]


def wildlife(root: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    """WildlifeReID-10k: ``metadata.csv``, which has no column image_id, and the images."""
    columns = list(rows[0])
    lines = [",".join(columns), *(",".join(row[column] for column in columns) for row in rows)]
    write_lines(root / "metadata.csv", lines)
    for row in rows:
        touch(root / row["path"])
    return root
