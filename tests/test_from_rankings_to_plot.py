"""``docs/from_rankings_to_plot.py`` runs as written, on part of the example."""

from __future__ import annotations

import csv
import runpy
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "data" / "example" / "rankings.csv"
TARGETS, IMAGES = 3, 4


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "docs" / "from_rankings_to_plot.py"))


@pytest.fixture
def fewer_rankings(tmp_path: Path) -> Path:
    """The first targets of the example, with the images ranked nearest, at 64 pixels."""
    with EXAMPLE.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    targets = sorted({row["target"] for row in rows})[:TARGETS]
    kept = [row for row in rows if row["target"] in targets and int(row["rank"]) <= IMAGES]
    for name in {row[column] for row in kept for column in ("target", "image")}:
        with Image.open(EXAMPLE.parent / name) as image:
            image.resize((64, 64)).save(tmp_path / Path(name).name)
    path = tmp_path / "rankings.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(kept[0]))
        writer.writeheader()
        for row in kept:
            names = {column: Path(row[column]).name for column in ("target", "image")}
            writer.writerow(row | names)
    return path


def test_it_prints_each_participant_and_writes_the_plot(
    script: dict[str, Any], fewer_rankings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "agreement.png"
    script["main"]([str(fewer_rankings), "--out", str(out)])
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "simulated-1",
        "simulated-5",
        f"written to {out}",
    ]
    with Image.open(out) as image:
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 20)}
    assert {(127, 127, 127), (31, 119, 180)} <= colours  # the dots of stock and personal


def test_the_plot_shows_what_was_measured(script: dict[str, Any], fewer_rankings: Path) -> None:
    results = script["agreement_of_each"](fewer_rankings, "alex")
    assert list(results) == ["simulated-1", "simulated-5"]
    for result in results.values():
        assert result.n_targets == TARGETS
        assert -1 <= result.stock.spearman <= 1 and -1 <= result.personal.spearman <= 1
