"""Sample files: the original's are read unchanged, and each fault is named by sample and field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pictures import scene

from clpips.bench.sample_schema import schema_text
from clpips.bench.samples import read_samples, write_samples
from clpips.errors import DatasetError

SCHEMA = Path(__file__).parents[2] / "docs" / "bench-samples.schema.json"


def item(name: str, **more: Any) -> dict[str, Any]:
    return {"item_id": name, "caption": f"a {name}", "image_path": f"images/{name}.png", **more}


def flickr() -> list[dict[str, Any]]:
    """As the original writes FLICKR-AES: workers, ratings, and a field that nobody reads."""
    return [
        {
            "worker_id": "A1",
            "history_item_ids": ["a", "b", "c"],
            "history_items_info": [
                item(name, score=4, aesthetic_score=0.61) for name in ("a", "b", "c")
            ],
            "target_item_id": "d",
            "target_item_info": item("d", score=5, aesthetic_score=0.8),
            "worker_style": "moody, blue",
            "num_interactions": 3,
            "window_position": position,
            "total_sequence_length": 5,
            "split": "test",
        }
        for position in (0, 1)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for number, name in enumerate("abcd"):
        scene(number, 32).save(tmp_path / "images" / f"{name}.png")
    return tmp_path


def written(folder: Path, document: Any) -> Path:
    path = folder / "test.json"
    path.write_text(json.dumps(document))
    return path


def test_the_published_schema_is_the_readers_own() -> None:
    assert SCHEMA.read_text("utf-8") == schema_text()


def test_a_file_of_the_original_is_read_unchanged(folder: Path) -> None:
    first, second = read_samples(written(folder, flickr()))
    assert (first.index, second.index) == (0, 1)
    assert (first.user, first.style, first.is_worker) == ("A1", "moody, blue", True)
    assert [each.item_id for each in first.history] == ["a", "b", "c"]
    assert (first.target.caption, first.target.score) == ("a d", 5)
    assert Path(first.target.path) == folder / "images" / "d.png"
    assert second.window_position == 1


def test_users_and_numbers_are_read_too(folder: Path) -> None:
    document = flickr()
    document[0]["user_id"] = 17
    del document[0]["worker_id"]
    document[0]["user_style"] = "plain"
    del document[0]["worker_style"]
    document[0]["target_item_id"] = 4
    document[0]["target_item_info"]["item_id"] = 4
    first = read_samples(written(folder, document))[0]
    assert (first.user, first.style, first.target.item_id) == ("17", "plain", "4")


def test_what_was_written_is_read_again(folder: Path) -> None:
    samples = read_samples(written(folder, flickr()))
    write_samples(samples, folder / "again.json")
    assert read_samples(folder / "again.json") == samples
    jsonschema.validate(
        json.loads((folder / "again.json").read_text()), json.loads(SCHEMA.read_text())
    )


FAULTS: dict[str, tuple[Any, str, bool]] = {
    "no-user": (lambda s: s.pop("worker_id"), "sample 1: .*either user_id or worker_id", True),
    "no-target": (
        lambda s: s.pop("target_item_info"),
        "sample 1: target_item_info is missing",
        True,
    ),
    "no-path": (
        lambda s: s["history_items_info"][2].pop("image_path"),
        r"sample 1: history_items_info\.2\.image_path is missing",
        True,
    ),
    "empty-history": (
        lambda s: s.update(history_items_info=[]),
        "sample 1: history_items_info .*at least 1",
        True,
    ),
    "style": (lambda s: s.update(worker_style=3), "sample 1: worker_style", True),
    "score": (
        lambda s: s["target_item_info"].update(score="high"),
        r"sample 1: target_item_info\.score",
        True,
    ),
    "ids": (
        lambda s: s.update(history_item_ids=["a", "c", "b"]),
        "sample 1: .*history_item_ids must be",
        False,
    ),
    "count": (lambda s: s.update(num_interactions=4), "sample 1: .*must be 3", False),
    "image": (
        lambda s: s["target_item_info"].update(image_path="images/z.png"),
        r"sample 1, target_item_info\.image_path: no image 'images/z\.png'",
        False,
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_by_sample_and_field(folder: Path, fault: str) -> None:
    break_it, sentence, is_in_schema = FAULTS[fault]
    document = flickr()
    break_it(document[1])
    with pytest.raises(DatasetError, match=sentence) as refused:
        read_samples(written(folder, document))
    assert "\n" not in str(refused.value)
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
    assert validator.is_valid(document) is not is_in_schema


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "not JSON"),
        ('{"samples": []}', "must be one list"),
        ("[]", "at least 1"),
        ("[3]", "sample 0: .*must be"),
        ("\xff", "not JSON"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(DatasetError, match=sentence):
        read_samples(path)
    with pytest.raises(DatasetError, match="no such file of samples"):
        read_samples(tmp_path / "none.json")
