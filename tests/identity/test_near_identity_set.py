"""Reading and writing near-identity sets in both layouts."""

from __future__ import annotations

import json
from pathlib import Path

import near_identities as fakes
import pytest

from clpips.errors import DatasetError, InputError
from clpips.identity.near_identity_set import chosen_identities, open_near_identity_set, split_of
from clpips.identity.near_identity_table import NearIdentityRow, write_near_identity_table
from clpips.identity.views import Identity

HEADER = "id,kind,source,view,file_path\n"


def test_a_folder_keeps_the_places_of_its_images(tmp_path: Path) -> None:
    rows = fakes.csv_set(tmp_path, missing=[("a", "flux", 2), ("b", "", 3)], masks=True)
    held = open_near_identity_set(tmp_path, masks=True)
    assert [one.id for one in held.identities] == ["a", "b"]
    assert held.identities[1].category == "kind1"
    assert list(held.sources) == ["flux", "sdxl"]
    first, second = held.views()
    assert [slot is None for slot in first.distractors["flux"]] == [False, True, False]
    assert [slot is None for slot in second.positives] == [False, False, True]
    slot = first.positives[0]
    assert slot is not None
    assert (slot.key, slot.read()) == (
        rows[0].file_path,
        (tmp_path / rows[0].file_path).read_bytes(),
    )
    assert slot.read_mask() == fakes.disc()


def test_a_written_table_reads_the_same(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(fakes.png(0))
    rows = [
        NearIdentityRow("=1", 1, "x.png", category="toy", split="test"),
        NearIdentityRow("=1", 1, "x.png", "mine", category="toy", split="test"),
    ]
    path = write_near_identity_table(rows, tmp_path)
    notes: list[str] = []
    held = open_near_identity_set(path, notes=notes)
    assert list(held.identities) == [Identity("=1", "toy", "test")]
    assert notes == [f"{path}: 1 images stand in more than one place."]


@pytest.mark.parametrize("spelling", ["images", "img"])
@pytest.mark.parametrize("plain", [False, True])
def test_both_spellings_of_the_published_layout(tmp_path: Path, spelling: str, plain: bool) -> None:
    hole = [fakes.picture(fakes.png(1), plain), None, fakes.picture(fakes.png(2), plain)]
    fakes.parquet_set(
        tmp_path, spelling=spelling, plain=plain, masks=True, changed={"flux": {"nimg2": hole}}
    )
    held = open_near_identity_set(tmp_path)
    assert [one.id for one in held.identities] == ["17", "4", "90"]
    assert sorted(held.sources) == ["flux", "sdxl"]
    views = list(held.views())
    assert [slot is None for slot in views[1].distractors["flux"]] == [False, True, False]
    slot = views[2].positives[1]
    assert slot is not None
    assert slot.key == "positives/90/2"
    assert slot.read() == fakes.png(200 + 20 + len("positives"))
    assert slot.read_mask() == fakes.disc()
    (last,) = held.views([2])
    assert last == views[2]


def test_tables_are_named_by_their_file_or_folder(tmp_path: Path) -> None:
    files = {
        "positives": "NearID/data/train-00000-of-00001.parquet",
        "flux": "NearID-Flux-1024/data/train-00000-of-00001.parquet",
        "sdxl": "mine/train-00000-of-00001.parquet",
        "qwen": "qwen-00000-of-00001.parquet",
    }
    held = open_near_identity_set(fakes.parquet_set(tmp_path, files=files))
    assert sorted(held.sources) == ["flux_1024", "mine", "qwen"]


def test_a_table_may_be_cut_into_files_elsewhere_than_the_views(tmp_path: Path) -> None:
    fakes.parquet_set(tmp_path, files={"positives": "positives.parquet"})
    for part, (start, end) in enumerate([(0, 1), (1, 3)]):
        fakes.parquet_set(
            tmp_path,
            (17, 4, 90)[start:end],
            files={"flux": f"flux/train-0000{part}-of-00002.parquet"},
        )
    held = open_near_identity_set(tmp_path)
    assert [view.identity.id for view in held.views([1, 2])] == ["4", "90"]


def test_published_splits_are_used(tmp_path: Path) -> None:
    column = {"positives": {"split": ["train", "test", "validation"]}}
    held = open_near_identity_set(fakes.parquet_set(tmp_path / "column", changed=column))
    assert [one.split for one in held.identities] == ["train", "test", "val"]
    listed = fakes.parquet_set(tmp_path / "listed")
    (listed / "splits").mkdir()
    (listed / "splits" / "test.json").write_text("[2]")
    (listed / "splits" / "val.json").write_text(json.dumps({"indices": [0]}))
    held = open_near_identity_set(listed)
    assert [one.split for one in held.identities] == ["val", "train", "test"]
    assert chosen_identities(held.identities, "test") == [2]


def test_without_one_the_split_is_by_identity_and_category() -> None:
    identities = [Identity(f"{n:03}", "cat" if n < 40 else "dog") for n in range(200)]
    found = split_of(identities, seed=3)
    assert [found.count(name) for name in ("train", "val", "test")] == [180, 10, 10]
    for name in ("val", "test"):
        cats = sum(
            split == name and one.category == "cat"
            for one, split in zip(identities, found, strict=True)
        )
        assert 1 <= cats <= 3
    assert dict(zip(identities[::-1], split_of(identities[::-1], seed=3), strict=True)) == dict(
        zip(identities, found, strict=True)
    )
    assert split_of(identities, seed=4) != found


def test_an_empty_split_is_refused() -> None:
    with pytest.raises(InputError, match="'val' must hold at least one"):
        chosen_identities([Identity("a")], "val")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("id,kind,view,file_path\n", "row 1: the column 'source' is missing"),
        (HEADER + "a,negative,flux,1,x.png\n", "row 2: kind must be positive or distractor"),
        (HEADER + "a,positive,,4,x.png\n", "row 2: view must be 1, 2 or 3, got '4'"),
        (HEADER + "a,distractor,,1,x.png\n", "row 2: source must name a distractor's generator"),
        (HEADER + "a,positive,flux,1,x.png\n", "row 2: source must be empty for a positive"),
        (HEADER + "a,positive,,1,y.png\n", "row 2: file_path: no image 'y.png'"),
        (
            HEADER + "a,positive,,1,x.png\na,positive,,1,x.png\n",
            "row 3: positive 1 of 'a' must appear once",
        ),
        (HEADER + "a,positive,,1,x.png\n", "at least one distractor"),
        (
            HEADER + "a,positive,,1,x.png\nb,distractor,flux,1,x.png\n",
            "row 3: id 'b' has a distractor and must have a positive",
        ),
    ],
)
def test_a_damaged_table_is_refused_by_row(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "x.png").write_bytes(fakes.png(0))
    (tmp_path / "nearid.csv").write_text(text)
    with pytest.raises(DatasetError, match=sentence):
        open_near_identity_set(tmp_path)


def test_a_folder_without_a_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="or a Parquet table"):
        open_near_identity_set(tmp_path)
    with pytest.raises(DatasetError, match="no such near-identity set"):
        open_near_identity_set(tmp_path / "elsewhere")


def test_some_of_the_sources_can_be_chosen(tmp_path: Path) -> None:
    fakes.csv_set(tmp_path / "folder")
    for folder in (tmp_path / "folder", fakes.parquet_set(tmp_path / "parquet")):
        held = open_near_identity_set(folder, sources=["sdxl", "sdxl"])
        assert list(held.sources) == ["sdxl"]
        assert all(list(views.distractors) == ["sdxl"] for views in held.views())
        with pytest.raises(InputError, match="must be one of 'flux', 'sdxl', got 'qwen'"):
            open_near_identity_set(folder, sources=["qwen"])
