"""``clpips fit`` where rankings teach nothing, or not all that they could."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest
from pictures import scene

from clpips import CLPIPS
from clpips.__main__ import main


def table(folder: Path, people: dict[str, int], *, targets: int = 4, images: int = 4) -> Path:
    """A rankings file; each person's number decides the pictures, 0 stands for one and the same."""
    lines = ["participant,target,image,rank"]
    for name, seed in people.items():
        for target in range(targets):
            scene(target, 64).save(folder / f"t{target}.png")
            for place in range(images):
                image = f"{name}-{target}-{place}.png"
                picture = 7 if seed == 0 else 100 * seed + 10 * target + place
                scene(picture, 64).save(folder / image)
                lines.append(f"{name},t{target}.png,{image},{place + 1}")
    (folder / "rankings.csv").write_text("\n".join(lines))
    return folder / "rankings.csv"


@pytest.mark.parametrize("people", [{"ann": 0}, {"ann": 0, "bo": 0}])
@pytest.mark.parametrize("more", [[], ["--pooled"], ["--baseline", "layer"]])
def test_candidates_that_are_all_the_same_picture_write_nothing(
    people: dict[str, int], more: list[str], tmp_path: Path, capsys
) -> None:
    rankings = table(tmp_path, people)
    assert main(["fit", str(rankings), "--out", str(tmp_path / "out"), *more]) == 2
    found = capsys.readouterr()
    assert found.out == ""
    assert "every distance is equal" in found.err
    assert len(found.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_one_person_s_equal_candidates_leave_the_others_fitted(tmp_path: Path, capsys) -> None:
    rankings = table(tmp_path, {"ann": 0, "bo": 1})
    assert main(["fit", str(rankings), "--out", str(tmp_path / "out")]) == 0
    assert "ann: not fitted, because every distance is equal" in capsys.readouterr().out
    assert not (tmp_path / "out" / "ann.safetensors").exists()
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert list(report["participants"]) == ["bo"]
    assert report["left_out"]["ann"].startswith("because every distance is equal")


def test_a_fit_that_stops_short_is_one_sentence_and_no_python_warning(
    tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr("clpips.metric.fit.TO_THE_END", 0)
    rankings = table(tmp_path, {"ann": 1})
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        assert main(["fit", str(rankings), "--out", str(tmp_path / "out"), "--alone"]) == 0
    found = capsys.readouterr()
    sentence = "The fit to the rankings of ann stopped "
    assert [sentence in line for line in found.out.splitlines()].count(True) == 1
    assert "Warning" not in found.err
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["participants"]["ann"]["stopped_short"].startswith(sentence)


def test_an_icc_below_minus_one_is_explained(tmp_path: Path, capsys) -> None:
    """Ranks exactly the other way round than the metric's, with few images."""
    images = [f"c{seed}.png" for seed in range(4)]
    scene(1, 64).save(tmp_path / "t.png")
    for seed, image in enumerate(images):
        scene(20 + seed, 64).save(tmp_path / image)
    paths = [tmp_path / image for image in images]
    order = CLPIPS("alex").rank(tmp_path / "t.png", paths)
    lines = [f"ann,t.png,{images[at]},{4 - place}" for place, at in enumerate(order)]
    path = tmp_path / "rankings.csv"
    path.write_text("\n".join(["participant,target,image,rank", *lines]))
    assert main(["evaluate", str(path), "--weights", "stock"]) == 0
    out = capsys.readouterr().out
    assert "-2.000" in out
    assert "ICC(A,1) can fall below −1, unlike a correlation" in out
