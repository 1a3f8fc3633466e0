from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from clpips.errors import Cancelled, GenerationError
from clpips.generation import Generated, Maker, Request, Watch, open_maker
from clpips.generation.pool import NO_PROMPT, PoolMaker, read_pool
from clpips.generation.pool.archive import Limits
from clpips.generation.pool.captions import likeness


def picture(shade: int, size: tuple[int, int] = (40, 40), kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (shade, 100, 200)).save(buffer, kind)
    return buffer.getvalue()


def folder(path: Path, files: Mapping[str, bytes | str]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def archive(path: Path, files: Mapping[str, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return path


def plain(count: int = 8) -> dict[str, bytes | str]:
    return {f"{number}.png": picture(number) for number in range(count)}


CAPTIONED: dict[str, bytes | str] = {
    "one.png": picture(1),
    "two.jpg": picture(2, kind="JPEG"),
    "deep/three.webp": picture(3, kind="WEBP"),
    "four.png": picture(4),
    "captions.csv": (
        "image,caption,target\n"
        "one.png,A red ball on grass,cat\n"
        "two.jpg,a blue house,dog\n"
        "deep/three.webp,the red house by the sea,dog\n"
    ),
}


def make(pool: Path, prompt: str = NO_PROMPT, seed: int = 1, **more: Any) -> list[Generated]:
    request = Request(prompt, seed, **({"count": 3} | more))
    return list(open_maker(f"pool:{pool}").generate(request))


def files(made: list[Generated]) -> list[str]:
    return [each.provenance.options["file"] for each in made]


def refused(pool: Path, **limits: int) -> str:
    with pytest.raises(GenerationError) as caught:
        read_pool(pool, limits=Limits(**limits))
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- what is picked ---------------------------------------------------------------------------


def test_a_pool_is_a_maker_that_cannot_start_from_an_image(tmp_path: Path) -> None:
    maker = open_maker(f"pool:{folder(tmp_path, plain())}")
    assert isinstance(maker, Maker)
    assert not maker.can_start_from_image
    start = Image.new("RGB", (64, 64))
    with pytest.raises(GenerationError, match="cannot start from an image"):
        next(maker.generate(Request("a", 1, start=start)))


def test_the_same_seed_picks_the_same_images_and_another_seed_others(tmp_path: Path) -> None:
    pool = folder(tmp_path, plain(12))
    assert files(make(pool, seed=5)) == files(make(pool, seed=5))
    picks = {tuple(files(make(pool, seed=seed))) for seed in range(20)}
    assert len(picks) > 15


def test_every_image_is_as_likely_as_another(tmp_path: Path) -> None:
    maker = PoolMaker(read_pool(folder(tmp_path, plain(5))))
    shown = [
        each.provenance.options["file"]
        for seed in range(300)
        for each in maker.generate(Request(NO_PROMPT, seed, count=2, width=64, height=64))
    ]
    assert all(80 < shown.count(f"{number}.png") < 160 for number in range(5))


def test_a_request_never_repeats_an_image_and_can_take_them_all(tmp_path: Path) -> None:
    pool = folder(tmp_path, plain(6))
    assert sorted(files(make(pool, count=6))) == [f"{number}.png" for number in range(6)]


def test_captions_that_share_most_words_with_the_prompt_come_first(tmp_path: Path) -> None:
    pool = folder(tmp_path, CAPTIONED)
    for seed in range(6):
        assert files(make(pool, "red BALL, grass!", seed))[:2] == ["one.png", "deep/three.webp"]
        assert files(make(pool, "the house by the sea", seed, count=2)) == [
            "deep/three.webp",
            "two.jpg",
        ]


def test_equal_captions_and_images_without_one_are_left_to_the_seed(tmp_path: Path) -> None:
    pool = folder(tmp_path, CAPTIONED)
    last = {files(make(pool, "grass", seed, count=4))[1] for seed in range(20)}
    assert last == {"two.jpg", "deep/three.webp", "four.png"}


def test_without_a_prompt_captions_do_not_count(tmp_path: Path) -> None:
    rows = "image,caption\none.png,no prompt\n"  # the words of the constant itself
    pool = folder(tmp_path, CAPTIONED | {"captions.csv": rows})
    assert {files(make(pool, NO_PROMPT, seed))[0] for seed in range(30)} == {
        name for name in CAPTIONED if name != "captions.csv"
    }


def test_likeness_is_shared_words_over_all_words() -> None:
    assert likeness("A red ball", "the RED ball-game") == 2 / 5
    assert likeness("Fußball, 2 cafés", "CAFÉS 2 fußball") == 1
    assert likeness("…", "!") == 0


def test_identical_images_count_once_with_the_caption_that_fits_best(tmp_path: Path) -> None:
    rows = "image,caption\na.png,a dog\nb.png,a red ball\n"
    pool = folder(
        tmp_path,
        {"a.png": picture(1), "b.png": picture(1), "c.png": picture(2), "captions.csv": rows},
    )
    made = make(pool, "red ball", count=2)
    assert files(made) == ["b.png", "c.png"]
    with pytest.raises(GenerationError, match="as are requested, 3, got 2"):
        make(pool, count=3)


def test_a_target_is_a_name_of_the_table_or_else_a_folder(tmp_path: Path) -> None:
    pool = folder(
        tmp_path,
        {
            "pool/cat/1.png": picture(1),
            "pool/cat/old/2.png": picture(2),
            "pool/dog/3.png": picture(3),
            "pool/cat/4.png": picture(4),
            "pool/captions.csv": "image,caption,target\ncat/4.png,,dog\n",
        },
    )
    cats = files(make(pool, count=2, options={"target": "cat"}))
    assert sorted(cats) == ["pool/cat/1.png", "pool/cat/old/2.png"]
    dogs = make(pool, count=2, options={"target": "dog"})
    assert sorted(files(dogs)) == ["pool/cat/4.png", "pool/dog/3.png"]
    assert {each.provenance.options["target"] for each in dogs} == {"dog"}
    with pytest.raises(GenerationError, match="2, got 0 of target 'cow'"):
        make(pool, count=2, options={"target": "cow"})


def test_images_that_were_taken_are_not_shown_again(tmp_path: Path) -> None:
    pool = folder(tmp_path, plain(6))
    first = make(pool)
    taken = [each.provenance.options["sha256"] for each in first]
    second = make(pool, options={"taken": taken})
    assert not set(files(first)) & set(files(second))
    with pytest.raises(GenerationError, match=r"requested, 4, got 3 that were not taken \(3 were"):
        make(pool, count=4, options={"taken": taken})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"targte": "x"}, "must be one of target, taken, got 'targte'"),
        ({"target": 3}, "target must be a name, got 3"),
        ({"taken": "abc"}, "taken must be a list of SHA-256, got 'abc'"),
        ({"taken": [1]}, "taken must be a list of SHA-256"),
        ({"taken": None}, "taken must be a list of SHA-256"),
    ],
)
def test_an_option_that_breaks_a_rule_is_refused(
    tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(GenerationError, match=words):
        make(folder(tmp_path, plain()), options=options)


def test_large_images_are_scaled_down_to_fit_and_small_ones_stay(tmp_path: Path) -> None:
    sizes = {"a": (400, 200), "b": (50, 300), "c": (40, 60), "d": (2000, 64)}
    images = {f"{name}.png": picture(9, size) for name, size in sizes.items()}
    made = make(folder(tmp_path, images), count=4, width=100, height=120)
    shown = {each.provenance.options["file"][0]: each.image.size for each in made}
    # The last would be 3 pixels high: 32 is what the networks need.
    assert shown == {"a": (100, 50), "b": (32, 192), "c": (40, 60), "d": (1000, 32)}
    assert all(each.image.size == (each.provenance.width, each.provenance.height) for each in made)


def test_provenance_says_which_file_of_which_pool_it_was(tmp_path: Path) -> None:
    pool = folder(tmp_path, CAPTIONED)
    (made,) = make(pool, "red ball", seed=4, count=1)
    provenance = made.provenance
    assert (provenance.maker, provenance.prompt, provenance.seed) == ("pool", "red ball", 4)
    assert provenance.maker_version == read_pool(pool).version
    assert len(provenance.maker_version) == 12
    assert provenance.options == {
        "file": "one.png",
        "sha256": read_pool(pool).images[2].sha256,
        "caption": "A red ball on grass",
        "target": "cat",
        "place": 0,
    }
    assert json.loads(json.dumps(provenance.options)) == provenance.options


def test_a_folder_and_an_archive_of_it_are_the_same_pool(tmp_path: Path) -> None:
    here = folder(tmp_path / "here", CAPTIONED)
    there = archive(tmp_path / "there.zip", CAPTIONED)
    assert read_pool(here).version == read_pool(there).version
    assert read_pool(here).images == read_pool(there).images
    ours, theirs = make(here, "red"), make(there, "red")
    assert files(ours) == files(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert np.array_equal(np.asarray(one.image), np.asarray(other.image))


def test_the_version_changes_with_an_image_a_caption_or_a_target(tmp_path: Path) -> None:
    rows = str(CAPTIONED["captions.csv"])
    versions = {
        read_pool(archive(tmp_path / f"{number}.zip", CAPTIONED | change)).version
        for number, change in enumerate(
            [
                {},
                {"one.png": picture(77)},
                {"captions.csv": rows.replace("red ball", "ball")},
                {"captions.csv": rows.replace(",cat", ",cow")},
            ]
        )
    }
    assert len(versions) == 4


def test_cancel_stops_between_images_and_while_a_pool_is_checked(tmp_path: Path) -> None:
    pool = folder(tmp_path, plain())
    stopped = Watch(cancelled=lambda: True)
    with pytest.raises(Cancelled):
        read_pool(pool, stopped)
    with pytest.raises(Cancelled):
        next(PoolMaker(read_pool(pool)).generate(Request("a", 1), stopped))


def test_a_pool_that_changes_is_checked_again_and_one_that_does_not_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = folder(tmp_path, plain(4))
    first = open_maker(f"pool:{pool}")
    (pool / "0.png").write_bytes(picture(200))
    with pytest.raises(GenerationError, match=r"0\.png: .* must stay as it was"):
        list(first.generate(Request("a", 1, count=4)))
    second = open_maker(f"pool:{pool}")
    assert second.version != first.version
    monkeypatch.setattr("clpips.generation.pool.maker.read_pool", lambda path: 1 / 0)
    assert open_maker(f"pool:{pool}").version == second.version


def test_the_web_process_can_read_a_pool_without_torch(tmp_path: Path) -> None:
    pool = folder(tmp_path, plain(2))
    code = (
        "import sys; from clpips.generation.pool import read_pool; "
        f"print(len(read_pool({str(pool)!r}).images), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "False"]


# --- what is refused --------------------------------------------------------------------------


def test_what_systems_leave_behind_is_passed_over(tmp_path: Path) -> None:
    left = {"__MACOSX/._a.png": b"x", ".DS_Store": b"x", "README.txt": "words", ".git/a.zip": b""}
    pool = archive(tmp_path / "a.zip", plain(2) | left)
    assert [image.file for image in read_pool(pool).images] == ["0.png", "1.png"]
    there = folder(tmp_path / "there", plain(2) | left)
    assert len(read_pool(there).images) == 2


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"x.png": b"no picture"}, "x.png: an image must be PNG, JPEG, WEBP, got a file that"),
        ({"x.png": picture(1, kind="GIF")}, "x.png: an image must be PNG, JPEG, WEBP"),
        ({"x.png": picture(1)[:-30]}, "x.png: the image cannot be read"),
        ({"x.png": b""}, "x.png: an image must be"),
        ({"x.png": picture(1, (8, 40))}, "x.png: an image must be at least 32 pixels"),
        ({"x.gif": picture(1)}, "x.gif: a pool's file must be PNG, JPEG or WebP"),
        ({"x.zip": b""}, "x.zip: a pool's file must not be an archive itself"),
        ({"deep/x.TAR.GZ": b""}, "deep/x.TAR.GZ: a pool's file must not be an archive itself"),
    ],
)
@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_the_first_wrong_file_is_named(
    tmp_path: Path, kind: str, bad: dict[str, bytes], words: str
) -> None:
    held = {"0.png": picture(0)} | bad | {"z.png": b"wrong too, but later"}
    where = tmp_path / "pool"
    pool = folder(where, held) if kind == "folder" else archive(where, held)
    assert refused(pool).startswith(words)


def test_an_image_over_the_pixel_limit_is_refused_undecoded(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("1", (8000, 8000)).save(buffer, "PNG")
    pool = archive(tmp_path / "a.zip", {"bomb.png": buffer.getvalue()})
    assert refused(pool) == (
        "bomb.png: an image must have at most 50,000,000 pixels, got 8000×8000"
    )


@pytest.mark.parametrize("name", ["../x.png", "/x.png", "a/../../x.png", "..\\x.png", "C:/x.png"])
def test_a_name_that_leads_out_of_the_archive_is_refused(tmp_path: Path, name: str) -> None:
    pool = archive(tmp_path / "a.zip", {name: picture(1)})
    shown = name.replace("\\", "/")
    assert refused(pool) == (
        f"{shown}: a pool's file must be named by a path inside the archive, got one that leads out"
    )


def test_an_encrypted_file_is_refused(tmp_path: Path) -> None:
    pool = archive(tmp_path / "a.zip", {"x.png": picture(1)})
    data = bytearray(pool.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    pool.write_bytes(data)
    assert refused(pool) == "x.png: a pool's file must not be encrypted, got one that is"


def test_a_name_that_an_archive_has_twice_is_refused(tmp_path: Path) -> None:
    pool = tmp_path / "a.zip"
    with zipfile.ZipFile(pool, "w") as opened, pytest.warns(UserWarning, match="Duplicate name"):
        opened.writestr("x.png", picture(1))
        opened.writestr("x.png", picture(2))
    assert "x.png: a pool's file must be in the archive once" in refused(pool)


def test_links_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("x.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as opened:
        opened.writestr(link, "/etc/passwd")
    assert "x.png: a pool's file must be a plain file, got a link" in refused(tmp_path / "a.zip")
    outside = folder(tmp_path / "outside", plain(1))
    here = folder(tmp_path / "here", plain(1))
    (here / "x.png").symlink_to(outside / "0.png")
    assert "x.png: a pool's file must lie in the pool" in refused(here)


def test_a_name_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    here = folder(tmp_path / "here", plain(1))
    Path(os.fsdecode(os.fsencode(here) + b"/\xff.png")).write_bytes(picture(1))
    assert refused(here) == "?.png: a pool's file must have a name in UTF-8, got other bytes in it"


def test_a_pipe_in_a_folder_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    here = folder(tmp_path / "here", plain(1))
    os.mkfifo(here / "x.png")
    assert "x.png: a pool's file must be a plain file" in refused(here)


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_a_pool_that_holds_too_much_is_refused(tmp_path: Path, kind: str) -> None:
    held = plain(5) | {"notes.txt": b"\0" * 5000}
    pool = (folder if kind == "folder" else archive)(tmp_path / "pool", held)
    assert "a pool must have at most 5 files, got more" in refused(pool, files=5)
    assert "a pool must have at most 5,000 bytes when unpacked" in refused(pool, total=5000)
    assert "notes.txt: a pool's file must have at most 4,999 bytes" in refused(pool, file=4999)
    assert len(read_pool(pool, limits=Limits(files=6, total=6000, file=5000)).images) == 5


def test_the_limits_are_two_gigabytes_and_twenty_thousand_files() -> None:
    assert (Limits().total, Limits().files) == (2_000_000_000, 20_000)


def test_a_file_that_claims_less_than_it_holds_is_refused(tmp_path: Path) -> None:
    pool = archive(tmp_path / "a.zip", {"x.png": picture(1, (200, 200))})
    data = bytearray(pool.read_bytes())
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = (50).to_bytes(4, "little")
    pool.write_bytes(data)
    assert refused(pool).startswith("x.png: ")


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    pool = archive(tmp_path / "a.zip", {"x.png": picture(1)})
    data = bytearray(pool.read_bytes())
    data[60] ^= 255
    pool.write_bytes(data)
    assert refused(pool).startswith("x.png: a pool's file must be whole, got a damaged file")


@pytest.mark.parametrize("content", [b"", b"no archive", picture(1)])
def test_what_is_neither_folder_nor_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(content)
    assert refused(tmp_path / "x.zip").startswith("x.zip: a pool must be a folder or a zip archive")
    assert "got nothing at" in refused(tmp_path / "none")
    with pytest.raises(GenerationError, match=r"must be readable|got nothing at"):
        open_maker(f"pool:{tmp_path / 'none'}")


def test_a_pool_without_images_is_refused(tmp_path: Path) -> None:
    assert "must hold images (PNG, JPEG or WebP), got none" in refused(
        folder(tmp_path / "a", {"a.txt": ""})
    )


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("", "captions.csv, row 1: the column 'image' is missing, got none"),
        ("file,words\n", "captions.csv, row 1: the column 'image' is missing, got file, words"),
        (
            "image,caption,author\n",
            "captions.csv, row 1: a column must be one of image, caption, target, got 'author'",
        ),
        (
            "image,caption\n0.png,a\n9.png,b\n",
            "captions.csv, row 3: image must be in the pool",
        ),
        ("image,caption\n../0.png,a\n", "captions.csv, row 2: image must be in the pool, got '../"),
        ("image,caption\n,a\n", "captions.csv, row 2: image must be in the pool, got ''"),
        (
            "image,caption\n0.png,a\n\n./0.png,b\n",
            "captions.csv, row 4: an image must have one",
        ),
        ("image,caption\n0.png\n", "captions.csv, row 2: a row must have one value per"),
        ("image,caption\n0.png,a,b\n", "captions.csv, row 2: a row must have one value per"),
        (
            f"image,caption\n0.png,{'a' * 2001}\n",
            "captions.csv, row 2: a caption must have at",
        ),
        ('image,caption\n0.png,"a\n', "captions.csv, row 2: the row is not CSV (a quote"),
        (b"image,caption\n0.png,\xff\n", "captions.csv: a captions file must be UTF-8 or UTF-16"),
        (b"PK\x03\x04...", "captions.csv: a captions file must be CSV or JSON Lines, got an Excel"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "captions.csv: a captions file must be CSV or JSON Lines, got a Git LFS pointer",
        ),
    ],
)
def test_the_first_wrong_row_of_the_captions_is_named(
    tmp_path: Path, rows: str | bytes, words: str
) -> None:
    assert refused(folder(tmp_path, plain(2) | {"captions.csv": rows})).startswith(words)


def test_two_tables_of_captions_are_refused(tmp_path: Path) -> None:
    rows = "image,caption\n"
    pool = folder(tmp_path, plain(1) | {"captions.csv": rows, "deep/captions.csv": rows})
    assert refused(pool) == (
        "deep/captions.csv: a pool must have one captions.csv, got captions.csv besides"
    )


def test_a_table_written_by_a_spreadsheet_is_read(tmp_path: Path) -> None:
    table = '\ufeffimage,caption\r\ndeep\\caf\u00e9.png,"red, and\r\nround"\r\n'
    pool = folder(tmp_path, {"deep/cafe\u0301.png": picture(1), "captions.csv": table})
    (image,) = read_pool(pool).images
    assert image.caption == "red, and round"
    assert read_pool(pool).has_captions


@pytest.mark.parametrize(
    ("name", "table", "note"),
    [
        ("Captions.CSV", b"Image;Caption;Target\nM\xc3\xb6we.jfif;a gull;sea\n;;\n", "semicolons"),
        ("captions.tsv", "image\tcaption\tTARGET\nMöwe.jfif\ta gull\tsea\n", "tabs"),
        ("captions.csv", "sep=;\nimage;caption;target\nMöwe.jfif;a gull;sea".encode("utf-16"), ";"),
        ("captions.csv", "image,caption,target\r\nMo\u0308we.jfif,a gull,sea\r\n,,\r\n", ""),
    ],
)
def test_captions_are_read_as_people_and_their_spreadsheets_write_them(
    tmp_path: Path, name: str, table: str | bytes, note: str
) -> None:
    pool = read_pool(folder(tmp_path, {"Möwe.jfif": picture(1, kind="JPEG"), name: table}))
    (image,) = pool.images
    assert (image.caption, image.target) == ("a gull", "sea")
    assert ("separated by" in " ".join(pool.notes)) == bool(note)


@pytest.mark.parametrize(
    ("raw", "expected", "noted"),
    [
        ("海/猫.png".encode("cp932"), "海/猫.png", True),
        ("海\\猫.png".encode("cp932"), "海/猫.png", True),
        ("sea\\Möwe.png".encode("cp437"), "sea/Möwe.png", False),
        ("sea/Möwe.png".encode(), "sea/Möwe.png", False),
    ],
)
def test_names_in_archives_are_read_as_their_packers_meant_them(
    tmp_path: Path, raw: bytes, expected: str, noted: bool
) -> None:
    """Unmarked names, as Windows and macOS pack them; zipfile itself marks what is not ASCII."""
    plain_name = "x" * len(raw)
    path = archive(tmp_path / "a.zip", {plain_name: picture(1)})
    path.write_bytes(path.read_bytes().replace(plain_name.encode(), raw))
    pool = read_pool(path)
    assert [each.file for each in pool.images] == [expected]
    assert pool.picture(pool.images[0]).size == (40, 40)
    assert any("Shift-JIS" in each for each in pool.notes) == noted


def test_the_provenance_says_that_an_image_was_animated(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("teal", "navy")]
    moving = io.BytesIO()
    frames[0].save(moving, "PNG", save_all=True, append_images=frames[1:])
    path = folder(tmp_path / "pool", {"still.png": picture(9), "moving.png": moving.getvalue()})
    made = list(PoolMaker(read_pool(path)).generate(Request(NO_PROMPT, 1, 2, 64, 64)))
    notes = {one.provenance.options["file"]: one.provenance.options.get("notes") for one in made}
    assert notes == {"still.png": None, "moving.png": ["animated, first frame used"]}
