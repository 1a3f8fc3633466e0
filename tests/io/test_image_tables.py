"""Tables of identity-labelled images."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from clpips.errors import DatasetError
from clpips.io.image_tables import ImageRow, read_image_table, write_image_table

HEADER = "name,species,file_path\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png"):
        Image.new("RGB", (40, 40)).save(tmp_path / name)
    return tmp_path


def test_a_written_table_reads_the_same(folder: Path) -> None:
    rows = [
        ImageRow("=rex", "dog", "a.png", str(folder / "a.png"), prompt="on grass"),
        ImageRow(
            "ada", "dog", "b.png", str(folder / "b.png"), "ip", "a.png", str(folder / "a.png")
        ),
    ]
    write_image_table(rows, folder / "t.csv")
    assert read_image_table(folder / "t.csv") == rows


def test_files_need_not_be_there_where_embeddings_are_given(folder: Path) -> None:
    (folder / "t.csv").write_text(HEADER + "rex,dog,elsewhere.png\n")
    (row,) = read_image_table(folder / "t.csv", files=False)
    assert (row.identity, row.path, row.method) == (("dog", "rex"), "", "generated")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name,file_path\nrex,a.png\n", "row 1: the column 'species' is missing"),
        (HEADER + "rex,,a.png\n", "row 2: species must not be empty"),
        (HEADER + "rex,dog,c.png\n", "row 2: file_path: no image 'c.png'"),
        (HEADER + "rex,dog,a.png\nada,dog,./a.png\n", "row 3: an image must appear once"),
        (HEADER, "hold at least one row"),
    ],
)
def test_a_damaged_table_is_refused_by_row(folder: Path, text: str, sentence: str) -> None:
    (folder / "t.csv").write_text(text)
    with pytest.raises(DatasetError, match=sentence):
        read_image_table(folder / "t.csv")
