"""A study's people as samples: what they chose, and the target that came next."""

from __future__ import annotations

from pathlib import Path

import pytest
from pictures import scene

from clpips.__main__ import main
from clpips.bench.samples import read_samples


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Ann ranked five targets, the second one in two rounds; Ben three."""
    (tmp_path / "bundle" / "images").mkdir(parents=True)
    lines = ["participant,target,image,rank,trial,round,prompt"]
    for who, targets in (("ann", 5), ("ben", 3)):
        for target in range(targets):
            for number in (1, 2) if target == 1 else (1,):
                for k in range(3):
                    image = f"images/{who}-{target}-{number}-{k}.png"
                    scene(target * 10 + k + number, 40).save(tmp_path / "bundle" / image)
                    rank = (k + number) % 3 + 1
                    lines.append(
                        f"{who},images/t{target}.png,{image},{rank},{target + 1},{number},"
                        f"words {target} of round {number}"
                    )
            scene(90 + target, 40).save(tmp_path / "bundle" / "images" / f"t{target}.png")
    (tmp_path / "bundle" / "rankings.csv").write_text("\n".join(lines))
    return tmp_path / "bundle"


def test_three_chosen_images_and_the_next_target(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    command = ["bench", "prepare", "--dataset", "study", "--root", str(bundle)]
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    assert "left out: 1 participants with three targets or fewer" in capsys.readouterr().out
    first, second = read_samples(tmp_path / "out" / "test.json")
    # Rank 1 has k = 2 in first rounds, and k = 1 in the second round of the second target.
    chosen = ["ann-0-1-2", "ann-1-2-1", "ann-2-1-2", "ann-3-1-2"]
    assert [item.item_id for item in first.history] == chosen[:3]
    assert [item.item_id for item in second.history] == chosen[1:]
    assert first.history[1].caption == "words 1 of round 2"
    assert (first.target.item_id, first.target.caption) == ("t3", "words 3 of round 1")
    assert (second.user, second.target.item_id) == ("ann", "t4")


def test_a_folder_without_rankings_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    command = ["bench", "prepare", "--dataset", "study", "--root", str(tmp_path)]
    assert main([*command, "--out", str(tmp_path / "out")]) == 2
    assert "rankings.csv: no such rankings file" in capsys.readouterr().err
