"""Stanford Cars in both layouts: the paper's selection, in the order of the annotations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from published_datasets import (
    cars_combined,
    cars_devkit,
    names_cell,
    save_annotations,
    save_mat,
)

from clpips.errors import DatasetError, InputError
from clpips.identity.datasets.split import Draw, SplitTables
from clpips.identity.datasets.stanford_cars import CLASSES, read_stanford_cars

PAPER = CLASSES["car"]
LABELS = [int(x) for x in np.random.default_rng(5).permutation([*PAPER, 0, 195] * 22)]


def expected(labels: list[int]) -> tuple[list[int], list[int], list[int]]:
    """Places of gallery, references and the rest, straight from the rule."""
    of = {label: [at for at, each in enumerate(labels) if each == label] for label in PAPER}
    gallery = [at for label in PAPER for at in of[label][:10]]
    train = [at for label in PAPER for at in of[label][10:20]]
    return gallery, train, sorted(at for label in PAPER for at in of[label][20:])


def files(tables: SplitTables) -> tuple[list[str], list[str], list[str]]:
    every = (tables.gallery, tables.train, tables.extra)
    return tuple([row.file_path for row in rows] for rows in every)  # type: ignore[return-value]


@pytest.mark.parametrize("place", ["devkit", ".", "older name"])
def test_the_split_layout_gives_the_first_ten_and_the_next(place: str, tmp_path: Path) -> None:
    cars_devkit(tmp_path, LABELS)
    labelled = tmp_path / "devkit" / "cars_test_annos_withlabels.mat"
    if place == ".":  # where torchvision keeps it
        labelled.rename(tmp_path / labelled.name)
    elif place == "older name":
        labelled.rename(labelled.with_name("cars_test_annoswithlabels.mat"))
    tables = read_stanford_cars(tmp_path)
    wanted = tuple([f"{at + 1:05}.jpg" for at in places] for places in expected(LABELS))
    assert files(tables) == wanted
    assert {row.species for row in tables.gallery} == {"car"}
    assert [row.name for row in tables.train[::10]] == [str(label) for label in PAPER]
    assert tables.titles["1"] == "Model 002 C/V Sedan 2012"
    assert tables.left_out == {"test images of other labels": 44}
    assert Path(tables.gallery[0].path).is_file()


def test_the_combined_layout_reads_the_test_images_alone(tmp_path: Path) -> None:
    test = [int(x) for x in np.random.default_rng(6).permutation([0, 1, 1] * len(LABELS))]
    cars_combined(tmp_path, LABELS * 3, test)
    places = [at for at, each in enumerate(test) if each]
    labels = [(LABELS * 3)[at] for at in places]
    wanted = tuple([f"car_ims/{places[at] + 1:06}.jpg" for at in each] for each in expected(labels))
    assert files(read_stanford_cars(tmp_path)) == wanted


def test_ones_own_labels_and_counts(tmp_path: Path) -> None:
    cars_devkit(tmp_path, [7, 9, 7, 9, 7, 9])
    tables = read_stanford_cars(tmp_path, classes={"car": [9, 7]}, draw=Draw(1, 2, 0))
    assert files(tables) == (
        ["00002.jpg", "00004.jpg", "00001.jpg", "00003.jpg"],
        ["00006.jpg", "00005.jpg"],
        [],
    )


def small(root: Path) -> Path:
    return cars_devkit(root, [0, 0, 1, 1])


def annotations(root: Path, **changed: object) -> None:
    row = {"class": np.uint8(1), "fname": "00001.jpg", **changed}
    rows = [{"class": np.uint8(1), "fname": "00002.jpg"}, row]
    save_annotations(root / "devkit" / "cars_test_annos_withlabels.mat", rows)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no labels": (
        lambda root: (root / "devkit" / "cars_test_annos_withlabels.mat").unlink(),
        "cars_test_annos_withlabels.mat: no such file",
    ),
    "no field": (
        lambda root: (root / "devkit" / "cars_test_annos.mat").rename(
            root / "devkit" / "cars_test_annos_withlabels.mat"
        ),
        "annotations must have the field 'class', got 'bbox_x1'",
    ),
    "no variable": (
        lambda root: save_mat(root / "devkit" / "cars_meta.mat", names=1),
        "cars_meta.mat: must hold the variable 'class_names'",
    ),
    "not MATLAB": (
        lambda root: (root / "devkit" / "cars_meta.mat").write_text("no" * 200),
        "cars_meta.mat: not a MATLAB file",
    ),
    "cut off": (
        lambda root: truncate(root / "devkit" / "cars_test_annos_withlabels.mat"),
        "cars_test_annos_withlabels.mat: not a MATLAB file",
    ),
    "no struct": (
        lambda root: save_mat(
            root / "devkit" / "cars_test_annos_withlabels.mat", annotations=np.ones(4)
        ),
        "must have the field 'fname', got none",
    ),
    "label without class": (
        lambda root: annotations(root, **{"class": np.uint8(197)}),
        r"row 2: class must be a whole number within 1 … 196, got 197",
    ),
    "label that is no number": (
        lambda root: annotations(root, **{"class": "Acura"}),
        "row 2: class must be a whole number within 1 … 196, got 'Acura'",
    ),
    "label that is NaN": (lambda root: annotations(root, **{"class": np.nan}), "row 2: class must"),
    "empty path": (lambda root: annotations(root, fname=""), "row 2: fname must be text"),
    "image twice": (lambda root: annotations(root, fname="00002.jpg"), "row 2: an image must"),
    "image missing": (
        lambda root: (root / "cars_test" / "00002.jpg").unlink(),
        "row 2: no image '00002.jpg' in",
    ),
    "empty name": (
        lambda root: save_mat(root / "devkit" / "cars_meta.mat", class_names=names_cell(["a", ""])),
        "cars_meta.mat, row 2: class_names must be text",
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_refused_by_file_and_row(kind: str, tmp_path: Path) -> None:
    damage, sentence = DAMAGE[kind]
    damage(small(tmp_path))
    with pytest.raises(DatasetError, match=sentence):
        read_stanford_cars(tmp_path, classes={"car": [0]}, draw=Draw(1, 1, 0))


def test_a_damaged_file_without_checksums_cannot_end_the_process(tmp_path: Path) -> None:
    table = small(tmp_path) / "devkit" / "cars_test_annos_withlabels.mat"
    found = scipy.io.loadmat(table)["annotations"]
    scipy.io.savemat(table, {"annotations": found})
    how = {"classes": {"car": [0]}, "draw": Draw(1, 1, 0)}
    assert len(read_stanford_cars(tmp_path, **how).gallery) == 1
    content = bytearray(table.read_bytes())
    content[300] = 64  # scipy 1.17 reads beyond its memory
    table.write_bytes(content)
    with pytest.raises(DatasetError, match="not a MATLAB file"):
        read_stanford_cars(tmp_path, **how)


def test_an_empty_folder_and_too_few_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="got neither"):
        read_stanford_cars(tmp_path)
    small(tmp_path)
    with pytest.raises(DatasetError, match=r"label 1 must have 10 .* got 2 images"):
        read_stanford_cars(tmp_path)


@pytest.mark.parametrize(("labels", "sentence"), [([0, 0], "asked for once"), ([196], "0 … 195")])
def test_labels_that_cannot_be_are_refused(
    labels: list[int], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=sentence):
        read_stanford_cars(small(tmp_path), classes={"car": labels})
