"""``clpips identity humans``, on ratings in their published form."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from clpips.__main__ import main

METHODS = (
    "textual_inversion_sd",
    "dreambooth_sd",
    "dreambooth_lora_sdxl",
    "blip_diffusion",
    "emu2",
    "ip_adapter_plus_vit_h_sdxl",
    "ip_adapter_vit_g_sdxl",
)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ratings(tmp_path: Path) -> Path:
    """The published folders: a metric's keys have one more number, one object another name."""
    draw = np.random.default_rng(0)
    root = tmp_path / "ratings"
    subjects = [
        *(f"object_{n:02}_{'magic_cube' if n == 5 else 'cup'}" for n in range(8)),
        *(f"live_subject_animal_{n:02}_polar_bear" for n in range(4)),
    ]
    keys = [f"{subject}-{prompt}" for subject in subjects for prompt in range(3)]
    for method in METHODS:
        truth = draw.integers(0, 5, len(keys))
        files = {}
        for group in (1, 2):
            noisy = np.clip(truth + draw.integers(-1, 2, len(keys)), 0, 4)
            name = f"data_human_rating/merged_data/group{group}/{method}-cp.json"
            files[name] = dict(zip(keys, noisy.tolist(), strict=True))
        own = [
            f"{key.replace('magic_cube', chr(114) + 'ubik' + chr(39) + 's_cube')}_0" for key in keys
        ]
        scored = 20 * truth + draw.normal(size=len(keys))
        pairs = list(zip(own, scored.tolist(), strict=True))
        files[f"data_mine_rating/{method}.json"] = dict(reversed(pairs))
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(json.dumps(content))
    return root


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        out = ("--out", str(tmp_path / "out"))
        status = main(["identity", "humans", *map(str, arguments), *out])
        held = capsys.readouterr()
        return status, held.out, held.err

    return call


def test_the_report_has_each_category(run: Run, ratings: Path, tmp_path: Path) -> None:
    status, printed, _ = run(ratings, "--scores", ratings / "data_mine_rating", "--json")
    report = json.loads(printed)
    assert status == 0
    assert report == json.loads((tmp_path / "out" / "report.json").read_text())
    one = report["scorers"]["data_mine_rating"]
    assert 0.7 < one["mh"] < 0.95
    assert list(one["methods"]) == sorted(METHODS)
    assert one["methods"]["emu2"]["n_groups"] == [36, 36]
    assert one["methods"]["emu2"]["n_unmatched"] == 0
    assert one["categories"]["object"]["methods"]["emu2"]["n_groups"] == [24, 24]
    assert set(report["human_human"]) == {"all", "object", "live_subject_animal"}


def test_scores_may_be_one_file_and_be_compared(run: Run, ratings: Path, tmp_path: Path) -> None:
    folder = ratings / "data_mine_rating"
    held = {method: json.loads((folder / f"{method}.json").read_text()) for method in METHODS}
    (tmp_path / "mine.json").write_text(json.dumps(held))
    status, printed, _ = run(ratings, "--scores", tmp_path / "mine.json", folder)
    lines = printed.splitlines()
    assert status == 0
    assert lines[1].split()[1:] == lines[2].split()[1:]
    assert lines[3].startswith("people with each other")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda text: text[:-5], "emu2-cp.json: ratings must be JSON"),
        (lambda text: text.replace(": 4", ': "four"', 1), "a rating must be a number, got 'four'"),
        (lambda text: "[1, 2]", "ratings must map keys to numbers, got [1, 2]"),
        (lambda text: '{"a-0": 1, "a-0": 2}', "the key 'a-0' appears twice"),
        (lambda text: '{"other-0": 1}', "people and metric must have rated the same keys"),
        (None, "emu2-cp.json: no such ratings file"),
    ],
)
def test_a_damaged_file_is_one_sentence(
    run: Run, ratings: Path, change: Callable[[str], str] | None, sentence: str
) -> None:
    for group in (1, 2):
        file = ratings / "data_human_rating" / "merged_data" / f"group{group}" / "emu2-cp.json"
        if change is None:
            if group == 2:
                file.unlink()
        else:
            file.write_text(change(file.read_text()))
    status, printed, said = run(ratings, "--scores", ratings / "data_mine_rating", "--json")
    assert (status, printed) == (2, "")
    assert sentence in said
    assert said.count("\n") == 1


def test_a_method_without_scores_is_named(run: Run, ratings: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text('{"emu2": {"a-0": 1}}')
    status, _, said = run(ratings, "--scores", tmp_path / "mine.json")
    assert status == 2
    assert "scores must have every rated method, got no 'blip_diffusion'" in said


def test_a_folder_without_ratings_is_refused(run: Run, tmp_path: Path) -> None:
    status, _, said = run(tmp_path, "--scores", tmp_path)
    assert status == 2
    assert "must hold group1 and group2" in said
