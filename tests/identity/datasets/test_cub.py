"""CUB-200-2011: the paper's selection, from files as the authors ship them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from published_datasets import cub

from clpips.errors import DatasetError, InputError
from clpips.identity.datasets.cub import CLASSES, read_cub
from clpips.identity.datasets.split import Draw
from clpips.io.image_tables import ImageRow


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cub(tmp_path_factory.mktemp("cub"))


def released_selection(root: Path, numbers: tuple[int, ...]) -> tuple[list[str], list[str]]:
    """References and gallery of one coarse class as pandas draws them, independently."""
    images = pd.read_csv(root / "images.txt", sep=" ", names=["image", "path"])
    labels = pd.read_csv(root / "image_class_labels.txt", sep=" ", names=["image", "class"])
    names = pd.read_csv(root / "classes.txt", sep=" ", names=["class", "name"])
    table = images.merge(labels, on="image").merge(names, on="class")
    table["name"] = table["name"].str.partition(".")[2]
    table = table[table["class"].isin(numbers)]
    gallery = table.groupby("name").sample(n=10, random_state=101)
    rest = table[~table["path"].isin(gallery["path"])]
    train = rest.groupby("name").sample(n=10, random_state=101)
    return train["path"].tolist(), gallery["path"].tolist()


def paths(rows: tuple[ImageRow, ...], species: str) -> list[str]:
    return [row.file_path.removeprefix("images/") for row in rows if row.species == species]


def test_the_draws_are_those_of_pandas_row_for_row(root: Path) -> None:
    tables = read_cub(root)
    for species, numbers in CLASSES.items():
        train, gallery = released_selection(root, numbers)
        assert (paths(tables.train, species), paths(tables.gallery, species)) == (train, gallery)


def test_fifteen_identities_share_no_image(root: Path) -> None:
    tables = read_cub(root)
    rows = [*tables.train, *tables.gallery, *tables.extra]
    assert len({row.path for row in rows}) == len(rows)
    assert (len(tables.train), len(tables.gallery)) == (150, 150)
    assert len({row.identity for row in tables.train}) == 15
    assert list(dict.fromkeys(row.species for row in tables.gallery)) == ["wren", "tern", "sparrow"]
    assert tables.left_out == {"images of other classes": 24}
    assert all(Path(row.path).is_file() for row in rows)


def test_ones_own_classes_counts_and_seed(root: Path) -> None:
    draw = Draw(references=2, gallery=3, seed=7)
    tables = read_cub(root, classes={"bird": [197, 113]}, draw=draw)
    assert [row.name for row in tables.gallery] == ["Baird_Sparrow"] * 3 + ["Marsh_Wren"] * 3
    assert len(tables.train) == 4
    other = read_cub(root, classes={"bird": [197, 113]}, draw=Draw(2, 3, 8))
    assert other.gallery != tables.gallery


def edited(file: str, edit: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    def damage(root: Path) -> None:
        lines = (root / file).read_text().splitlines()
        (root / file).write_text("\n".join(edit(lines)) + "\n")

    return damage


DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "missing file": (lambda root: (root / "classes.txt").unlink(), "classes.txt: no such file"),
    "short row": (
        edited("images.txt", lambda lines: [*lines[:4], "5", *lines[5:]]),
        "images.txt, row 5: a row must hold an image number and its path, got '5'",
    ),
    "label without class": (
        edited("image_class_labels.txt", lambda lines: ["1 201", *lines[1:]]),
        "image_class_labels.txt, row 1: there is no class 201 in classes.txt",
    ),
    "image without label": (
        edited("image_class_labels.txt", lambda lines: lines[:-1]),
        "has no class in image_class_labels.txt",
    ),
    "not a number": (
        edited("image_class_labels.txt", lambda lines: [*lines[:1], "2 wren", *lines[2:]]),
        "image_class_labels.txt, row 2: a class number must be a whole number, got 'wren'",
    ),
    "image missing": (
        lambda root: next((root / "images").glob("193.*/*_0003_*")).unlink(),
        "images.txt, row .*: no image '193.Bewick_Wren/Bewick_Wren_0003_",
    ),
    "image twice": (
        edited("images.txt", lambda lines: [*lines[:-1], "900 " + lines[0].split()[1]]),
        "a path must appear once",
    ),
    "class without number": (
        edited("classes.txt", lambda lines: ["1 Albatross", *lines[1:]]),
        r"classes.txt, row 1: a class must be named NNN.Name, got 'Albatross'",
    ),
    "class gone": (edited("classes.txt", lambda lines: lines[:150]), "there is no class 1"),
    "a pointer": (
        lambda root: (root / "images.txt").write_text("version https://git-lfs.github.com"),
        "images.txt: must be text, got a Git LFS pointer",
    ),
    "not text": (lambda root: (root / "images.txt").write_bytes(b"\xff\xfe\xff"), "must be UTF-8"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_refused_by_file_and_row(kind: str, tmp_path: Path) -> None:
    damage, sentence = DAMAGE[kind]
    damage(cub(tmp_path, per_class=20, classes={193: "Bewick_Wren"}))
    with pytest.raises(DatasetError, match=sentence):
        read_cub(tmp_path, classes={"wren": [193]})


def test_too_few_images_are_refused_by_name(tmp_path: Path) -> None:
    cub(tmp_path, classes={193: "Bewick_Wren"}, per_class=18)
    with pytest.raises(DatasetError, match=r"wren 'Bewick_Wren' must have 10 .* got 19 images"):
        read_cub(tmp_path, classes={"wren": [193]})
    with pytest.raises(DatasetError, match=r"wren 'Bird_194' must have .* got 0 images"):
        read_cub(tmp_path, classes={"wren": [194]})


def test_a_class_is_asked_for_once(root: Path) -> None:
    with pytest.raises(InputError, match="class 193 must be asked for once"):
        read_cub(root, classes={"wren": [193], "bird": [193]})


@pytest.mark.parametrize("wrong", [(0, 10, 1), (10, 0, 1), (1, 1, -1), (1, 1, 2**32)])
def test_counts_and_seeds_have_ranges(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(InputError, match="must be"):
        Draw(*wrong)
