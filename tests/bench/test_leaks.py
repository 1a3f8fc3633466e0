"""Every leak rule refuses its leak and lets clean samples pass."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clpips.bench.leaks import check_samples, check_splits
from clpips.bench.samples import Item, Sample
from clpips.errors import DatasetError


def item(name: str, caption: str = "") -> Item:
    return Item(name, f"{name}.png", f"/images/{name}.png", caption)


def sample(index: int, user: str = "u") -> Sample:
    history = tuple(item(f"h{index}{k}") for k in range(3))
    target = item(f"t{index}", "a red kettle on a wooden table")
    return Sample(index, user, history, target, "red, wood")


CLEAN = [sample(0), sample(1)]


def test_clean_samples_pass() -> None:
    check_samples(CLEAN, "test.json")
    check_splits({"train": [sample(0, "a"), sample(1, "a")], "validation": [], "test": CLEAN})


@pytest.mark.parametrize(
    ("leaking", "rule"),
    [
        (replace(sample(1), target=replace(item("h11"), path="")), "target_in_history"),
        (
            replace(sample(1), target=replace(item("x"), path="/images/h12.png")),
            "target_in_history",
        ),
        (replace(sample(0), index=1), "sample_twice"),
        (replace(sample(1), style="A red kettle on a wooden table."), "style_from_target"),
        (
            replace(sample(1), style="likes a red kettle on a wooden table, warm"),
            "style_from_target",
        ),
    ],
)
def test_a_leak_is_named_by_file_sample_and_rule(leaking: Sample, rule: str) -> None:
    with pytest.raises(DatasetError, match=rf"test\.json, sample 1: .*\(leak rule {rule}\)"):
        check_samples([CLEAN[0], leaking], "test.json")


def test_a_user_in_two_splits_is_refused() -> None:
    with pytest.raises(DatasetError, match=r"test, sample 1: .*'u' .* in train too .*two_splits"):
        check_splits({"train": [sample(0)], "validation": [], "test": [sample(1)]})
