"""``clpips identity rank --masks``: foregrounds are compared, and nothing else."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from pictures import scene
from PIL import Image

from clpips.__main__ import main
from clpips.identity.foreground import cleaned_mask, foreground

COLUMNS = "name,species,file_path,mask_path"
BOX = (8, 8, 30, 30)


def mask_of(box: tuple[int, int, int, int] | None) -> Image.Image:
    mask = Image.new("L", (48, 48))
    if box:
        mask.paste(255, box)
    return mask


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two toys; each query stands before the other toy's gallery background."""
    folder = tmp_path_factory.mktemp("masks")
    (folder / "by-hand").mkdir()
    mask_of(BOX).save(folder / "mask.png")
    tables: dict[str, list[str]] = {"queries": [], "gallery": [], "references": []}
    for toy, name in enumerate("ab"):
        places = {"queries": 1 - toy, "gallery": toy, "references": 2 + toy}
        for kind, background in places.items():
            picture = scene(20 + background, 48)
            light = 10 * len(kind)
            thing = Image.new("RGB", (22, 22), [(150 + light, 20, 20), (20, 60, 150 + light)][toy])
            picture.paste(thing, BOX[:2])
            path = f"{kind}-{name}.png"
            picture.save(folder / path)
            cut = foreground(picture, cleaned_mask(np.asarray(mask_of(BOX))))
            cut.save(folder / "by-hand" / path)
            ref = f"references-{name}.png" if kind == "queries" else ""
            tables[kind].append(f"{name},toy,{path},mask.png,{ref}")
    for kind, lines in tables.items():
        text = "\n".join([f"{COLUMNS},ref_path", *lines])
        (folder / f"{kind}.csv").write_text(text)
        plain = text.replace("mask.png", "")
        (folder / "by-hand" / f"{kind}.csv").write_text(plain)
    return folder


def rank(tables: Path, out: Path, *how: str) -> int:
    named = [f"--{kind}={tables / kind}.csv" for kind in ("queries", "gallery", "references")]
    return main(["identity", "rank", *named, "--encoder", "alex", "--out", str(out), *how])


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "queries.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_it_compares_what_stands_before_black(study: Path, tmp_path: Path) -> None:
    assert rank(study, tmp_path / "masks", "--masks") == 0
    assert rank(study / "by-hand", tmp_path / "by-hand") == 0
    assert rows(tmp_path / "masks") == rows(tmp_path / "by-hand")
    assert rank(study, tmp_path / "whole") == 0
    assert rows(tmp_path / "masks") != rows(tmp_path / "whole")
    for row in rows(tmp_path / "masks"):
        assert 0.5 < float(row["reference_similarity"]) < 0.9999


def test_an_image_whose_mask_shows_nothing_is_left_out_by_name(study: Path, tmp_path: Path) -> None:
    for path in study.glob("*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    mask_of(None).save(tmp_path / "empty.png")
    gallery = (study / "gallery.csv").read_text()
    (tmp_path / "gallery.csv").write_text(
        gallery.replace("gallery-a.png,mask.png", "gallery-a.png,empty.png")
        + "\nb,toy,references-b.png,,"
    )
    queries = (study / "queries.csv").read_text()
    (tmp_path / "queries.csv").write_text(
        queries.replace("references-b.png", "gallery-b.png").replace(
            "references-a.png", "queries-a.png"
        )
    )
    assert rank(tmp_path, tmp_path / "out", "--masks") == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["methods"]["generated"]["classes"]["toy"]["n_left_out"] == 2
    notes = [note for note in report["notes"] if note.startswith("left out")]
    assert any("gallery-a.png: its mask" in note and "shows no object" in note for note in notes)
    assert any("references-b.png: no mask belongs to it" in note for note in notes)
    assert not any("clpips-masked" in note for note in notes)


def test_a_table_without_masks_is_refused(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert rank(study / "by-hand", tmp_path / "out", "--masks") == 2
    assert "the table of queries has none" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
