"""Data sets as their authors ship them, quirks included, and what happens where one is damaged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from clpips.__main__ import main
from clpips.bench.leaks import check_splits
from clpips.bench.samples import Sample, read_samples

RATINGS = "FLICKR-AES_image_labeled_by_each_worker.csv"
SCORES = "FLICKR-AES_image_score.txt"


def picture(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 16), (number * 7 % 256, number * 13 % 256, 90)).save(path)


def flickr(root: Path) -> None:
    """Blanks after commas, names that begin with a blank, a photograph that is not there."""
    rows, scores = ["worker, imagePair, score"], []
    for worker in range(12):
        for k in range(7):
            name = f"farm_{worker}_{k}.jpg"
            on_disk = f" {name}" if k == 2 else name
            if (worker, k) != (11, 6):
                picture(root / "40K" / on_disk, worker * 7 + k)
            score = 2 if k == 4 else 3 + k % 3
            rows.append(f"A{worker}, {on_disk}, {score}")
            scores.append(f"{on_disk} {0.05 * k + 0.3:.3f}")
    (root / RATINGS).write_text("\r\n".join(rows) + "\r\n")
    (root / SCORES).write_text("\n".join(scores) + "\n")


def pog(root: Path) -> None:
    """Titles with commas, addresses without a scheme, images that were not fetched."""
    items, users = [], []
    for user in range(12):
        own = [f"{user:02}{k}abc" for k in range(5)]
        for k, item in enumerate(own):
            address = ("//img.example/a.jpg", "img.example/b.jpg", "http://img.example/c.jpg")[
                k % 3
            ]
            items.append(f"{item},c{k},{address},dress, red, size {k}")
            if (user, k) != (11, 0):
                picture(root / "images" / f"{item}.jpg", user * 5 + k)
        users.append(f"u{user},{';'.join(own)},outfit{user}")
    (root / "item_data.txt").write_text("\n".join(items))
    (root / "user_data.txt").write_text("\n".join(users) + "\n")
    (root / "outfit_data.txt").write_text("outfit0,000abc;001abc\n")


def ser30k(root: Path) -> None:
    """A topic with too few images, a sticker that is not there."""
    entries = []
    for topic in range(24):
        for k in range(2 if topic == 3 else 4):
            name = f"Topic {topic}", f"s{k}.png"
            if (topic, k) != (5, 3):
                picture(root / "Images" / name[0] / name[1], topic * 4 + k)
            entries.append(
                {"topic": name[0], "file_name": name[1], "anno": 1 + k, "text": "hi, you"}
            )
    (root / "Annotations").mkdir()
    (root / "Annotations" / "all_annos.json").write_text(
        json.dumps({"annotations": entries, "categories": []})
    )


MAKERS: dict[str, Callable[[Path], None]] = {"flickr-aes": flickr, "pog": pog, "ser30k": ser30k}


def prepare(dataset: str, root: Path, out: Path, *how: str) -> int:
    command = ["bench", "prepare", "--dataset", dataset, "--root", str(root), "--out", str(out)]
    return main([*command, *how])


def splits(out: Path) -> dict[str, list[Sample]]:
    return {
        name: read_samples(out / f"{name}.json")
        for name in ("train", "validation", "test")
        if (out / f"{name}.json").is_file()
    }


@pytest.mark.parametrize("dataset", MAKERS)
def test_it_becomes_samples_without_leaks(dataset: str, tmp_path: Path) -> None:
    root, out = tmp_path / "raw", tmp_path / "out"
    root.mkdir()
    MAKERS[dataset](root)
    assert prepare(dataset, root, out) == 0
    found = splits(out)
    assert set(found) == {"train", "validation", "test"}
    check_splits(found)
    assert len(found["validation"]) == 15
    for own in found.values():
        assert all(len(sample.history) == 3 for sample in own)
    assert prepare(dataset, root, tmp_path / "again") == 0
    for path in out.iterdir():
        if path.suffix == ".json" and path.name != "prepare.json":
            assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_flickr_aes_keeps_what_was_liked_in_order(tmp_path: Path) -> None:
    flickr(tmp_path)
    captions = {f"farm_{w}_{k}": f"photo {k}" for w in range(12) for k in range(7)}
    (tmp_path / "captions.json").write_text(json.dumps(captions))
    styles = [{"worker": f"A{w}", "style": "moody, blue"} for w in range(12)]
    (tmp_path / "styles.json").write_text(json.dumps(styles))
    how = ("--captions", str(tmp_path / "captions.json"), "--styles", str(tmp_path / "styles.json"))
    assert prepare("flickr-aes", tmp_path, tmp_path / "out", *how) == 0
    card = json.loads((tmp_path / "out" / "prepare.json").read_text())
    assert card["left_out"]["ratings of 2 and less"] == 12
    assert card["left_out"]["ratings of photographs that are not there"] == 1
    assert card["left_out"]["windows with an image that is not there"] == 1
    for own in splits(tmp_path / "out").values():
        for sample in own:
            worker = sample.user.removeprefix("A")
            liked = [f"farm_{worker}_{k}" for k in (0, 1, 2, 3, 5, 6)]
            start = sample.window_position
            assert [i.item_id for i in sample.history] == liked[start : start + 3]
            assert sample.target.item_id == liked[start + 3]
            assert sample.target.caption == f"photo {liked[start + 3][-1]}"
            assert sample.style == "moody, blue"
            assert sample.history[0].aesthetic_score == pytest.approx(
                0.3 + 0.05 * int(liked[start][-1])
            )


def test_pog_titles_hold_commas_and_missing_images_have_addresses(tmp_path: Path) -> None:
    pog(tmp_path)
    assert prepare("pog", tmp_path, tmp_path / "out") == 0
    found = splits(tmp_path / "out")
    assert found["test"][0].history[0].caption.startswith("dress, red, size ")
    lines = (tmp_path / "out" / "missing_images.csv").read_text("utf-8-sig").splitlines()
    assert lines == ["item,address", "110abc,http://img.example/a.jpg"]


def test_ser30k_targets_are_of_other_topics_of_the_split(tmp_path: Path) -> None:
    ser30k(tmp_path)
    keywords = {f"Topic {k}": {"keywords": ["cute", f"t{k}"]} for k in range(24)}
    (tmp_path / "styles.json").write_text(json.dumps(keywords))
    how = ("--styles", str(tmp_path / "styles.json"))
    assert prepare("ser30k", tmp_path, tmp_path / "out", *how) == 0
    for own in splits(tmp_path / "out").values():
        topics = {sample.user for sample in own}
        assert "Topic 3" not in topics
        for sample in own:
            assert {i.item_id.partition("/")[0] for i in sample.history} == {sample.user}
            target = sample.target.item_id.partition("/")[0]
            assert target in topics - {sample.user}
            assert sample.style == f"cute, t{sample.user.rpartition(' ')[2]}"


def replaced(name: str, old: str, new: str) -> Callable[[Path], None]:
    def damage(root: Path) -> None:
        text = (root / name).read_text()
        assert old in text
        (root / name).write_text(text.replace(old, new, 1))

    return damage


def gone(name: str) -> Callable[[Path], None]:
    return lambda root: (root / name).rename(root / "elsewhere")


def binary(name: str) -> Callable[[Path], None]:
    return lambda root: (root / name).write_bytes(b"\xff\xfe\x00\xd8\x80abc" * 9)  # type: ignore[return-value]


ANNOS = "Annotations/all_annos.json"
DAMAGE: list[tuple[str, Callable[[Path], None], str]] = [
    ("flickr-aes", gone(RATINGS), "no such table of ratings"),
    ("flickr-aes", gone("40K"), "40K: no such folder of photographs"),
    ("flickr-aes", replaced(RATINGS, " score", " stars"), "score"),
    ("flickr-aes", replaced(RATINGS, "A0, farm_0_0.jpg, 3", "A0, farm_0_0.jpg, 9"),
     f"{RATINGS}, row 2: score must be a whole number from 1 to 5, got '9'"),
    ("flickr-aes", replaced(RATINGS, "A0, farm_0_0.jpg, 3", ", farm_0_0.jpg, 3"),
     "row 2: worker must not be empty"),
    ("flickr-aes", replaced(SCORES, "farm_0_0.jpg 0.300", "farm_0_0.jpg high"),
     f"{SCORES}, row 1: must be a file and a score in [0, 1]"),
    ("flickr-aes", binary(SCORES), f"{SCORES}: must be UTF-8 text"),
    ("pog", gone("item_data.txt"), "item_data.txt: no such file of POG"),
    ("pog", gone("user_data.txt"), "user_data.txt: no such file of POG"),
    ("pog", replaced("item_data.txt", "000abc,c0,//img.example/a.jpg,dress, red, size 0", "000abc"),
     "item_data.txt, row 1: must be item,category,address,title, got '000abc'"),
    ("pog", replaced("user_data.txt", "u1,", "u0,"), "row 2: a user must come once, got 'u0'"),
    ("pog", replaced("user_data.txt", "000abc", "nothing"),
     "user_data.txt, row 1: 'nothing' must be an item of item_data.txt"),
    ("pog", binary("user_data.txt"), "user_data.txt: must be UTF-8 text"),
    ("pog", gone("images"), "gives no test sample"),
    ("ser30k", gone("Images"), "no such folder of stickers"),
    ("ser30k", gone("Annotations"), "must hold all_annos.json or other annotations"),
    ("ser30k", replaced(ANNOS, '{"annotations"', '{"notes"'), "with the list 'annotations'"),
    ("ser30k", replaced(ANNOS, '"anno": 1', '"anno": 8'),
     "all_annos.json, entry 0: anno must be 1 to 7, got 8"),
    ("ser30k", replaced(ANNOS, '"topic": "Topic 0", ', ""), "entry 0: topic must be text"),
    ("ser30k", replaced(ANNOS, "}]", "}"), "all_annos.json: not JSON"),
]  # fmt: skip


@pytest.mark.parametrize(("dataset", "damage", "sentence"), DAMAGE)
def test_damage_is_one_sentence_and_nothing_is_written(
    dataset: str,
    damage: Callable[[Path], None],
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    root = tmp_path / "raw"
    root.mkdir()
    MAKERS[dataset](root)
    damage(root)
    assert prepare(dataset, root, tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        (("--dataset", "pog"), "--root must name"),
        (("--dataset", "pog", "--root", "none"), "none: no such folder"),
        (("--dataset", "synthetic", "--root", "."), "--root is for data sets that are read"),
        (("--dataset", "pog", "--root", ".", "--users", "3"), "--users is for synthetic people"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    how: tuple[str, ...], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["bench", "prepare", *how, "--out", str(tmp_path / "out")]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "content", "sentence"),
    [
        ("--captions", "[]", "captions must be one object"),
        ("--captions", '{"a": 3}', "'a': a caption must be text, got 3"),
        ("--styles", '[{"worker": "a"}]', "entry 0: must have worker or user, and style"),
        ("--styles", '{"a": {"words": []}}', "'a': must have a list of keywords"),
        ("--styles", "nothing", "not JSON"),
    ],
)
def test_a_wrong_side_file_is_named(
    option: str, content: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    pog(tmp_path)
    (tmp_path / "side.json").write_text(content)
    assert prepare("pog", tmp_path, tmp_path / "out", option, str(tmp_path / "side.json")) == 2
    assert sentence in capsys.readouterr().err
