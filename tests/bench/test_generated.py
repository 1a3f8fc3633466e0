"""Folders of generated images: by name or by table."""

from __future__ import annotations

from pathlib import Path

import pytest
from pictures import scene

from clpips.bench.generated import read_generated
from clpips.bench.samples import Item, Sample
from clpips.errors import DatasetError

ITEM = Item("a", "a.png")
SAMPLES = [Sample(index, f"u{index}", (ITEM,), ITEM) for index in range(3)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for method, names in {"one": ("000002.png", "000000.jpg"), "two": ("000001.png",)}.items():
        (tmp_path / method).mkdir()
        for name in names:
            scene(1, 32).save(tmp_path / method / name)
    (tmp_path / "one" / "notes.txt").write_text("not an image")
    (tmp_path / "one" / "preview.png").write_bytes(b"")
    return tmp_path


def test_images_are_found_by_their_names(folder: Path) -> None:
    found = read_generated(folder, SAMPLES)
    assert list(found) == ["one", "two"]
    assert [one.sample.index for one in found["one"]] == [0, 2]
    assert found["two"][0].path == str(folder / "two" / "000001.png")


def test_a_table_says_which_images_there_are(folder: Path) -> None:
    (folder / "generated.csv").write_text(
        "sample,method,seed,prompt,file_path\n1,two,42,a cat,two/000001.png\n"
    )
    (one,) = read_generated(folder, SAMPLES)["two"]
    assert (one.seed, one.prompt, Path(one.path)) == ("42", "a cat", folder / "two" / "000001.png")


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("3,two,,,two/000001.png", "row 2: sample must be one of 0 … 2, got '3'"),
        ("1,,,,two/000001.png", "row 2: method must not be empty"),
        ("1,two,,,two/none.png", "row 2: file_path: no image"),
        ("1,two,,,two/000001.png\n1,two,,,one/000000.jpg", "row 3: 'two' must have one image"),
    ],
)
def test_a_wrong_row_is_named(folder: Path, row: str, sentence: str) -> None:
    (folder / "generated.csv").write_text(f"sample,method,seed,prompt,file_path\n{row}\n")
    with pytest.raises(DatasetError, match=sentence):
        read_generated(folder, SAMPLES)


def test_an_image_of_no_sample_is_refused(folder: Path) -> None:
    scene(1, 32).save(folder / "one" / "000003.png")
    with pytest.raises(DatasetError, match=r"000003\.png: an image must be named by its sample"):
        read_generated(folder, SAMPLES)


def test_two_images_of_one_sample_are_refused(folder: Path) -> None:
    scene(1, 32).save(folder / "one" / "000002.jpg")
    with pytest.raises(DatasetError, match=r"one image, got '000002\.jpg', '000002\.png'"):
        read_generated(folder, SAMPLES)


def test_a_folder_without_images_says_what_it_must_hold(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="one folder for each method"):
        read_generated(tmp_path, SAMPLES)
    with pytest.raises(DatasetError, match="no such folder"):
        read_generated(tmp_path / "none", SAMPLES)
