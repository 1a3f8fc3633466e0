"""Drawn people: what they like is in their pictures' captions, and more people change nobody."""

from __future__ import annotations

import json
from pathlib import Path

from clpips.__main__ import main
from clpips.bench.datasets.synthetic import ITEMS, tastes
from clpips.bench.samples import read_samples


def test_people_with_known_tastes(tmp_path: Path) -> None:
    for users in ("2", "3"):
        out = tmp_path / users
        assert main(["bench", "prepare", "--dataset", "synthetic", "--users", users, "--seed", "5",
                     "--out", str(out)]) == 0  # fmt: skip
    samples = read_samples(tmp_path / "3" / "test.json")
    assert len(samples) == 3 * (ITEMS - 3)
    truth = json.loads((tmp_path / "3" / "tastes.json").read_text())
    assert truth == json.loads(json.dumps([taste.to_dict() for taste in tastes(3, seed=5)]))
    known = {one["user"]: one for one in truth}
    for sample in samples:
        taste = known[sample.user]
        assert taste["material"] in sample.style and taste["things"][0] in sample.style
        for item in (*sample.history, sample.target):
            assert taste["material"] in item.caption and taste["light"] in item.caption
            assert any(thing in item.caption for thing in taste["things"])
    for path in (tmp_path / "2" / "images").rglob("*.png"):
        other = tmp_path / "3" / path.relative_to(tmp_path / "2")
        assert path.read_bytes() == other.read_bytes()
