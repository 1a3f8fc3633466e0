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


@pytest.mark.parametrize(("bad", "lost"), [("t1.png", ["t1.png"]), ("bo-2-1.png", ["t2.png"])])
def test_one_bad_image_leaves_the_other_targets_fitted(
    bad: str, lost: list[str], tmp_path: Path, capsys, monkeypatch
) -> None:
    """Left out by name and counted; the weights are those of the other rankings."""
    monkeypatch.chdir(tmp_path)
    table(tmp_path, {"ann": 1, "bo": 2})
    (tmp_path / bad).write_bytes(b"no picture")
    assert main(["fit", "rankings.csv", "--out", "out"]) == 0
    n_lost = 2 if bad == "t1.png" else 1
    at = str(tmp_path.resolve())
    whose = "this target" if bad == "t1.png" else f"target {at}/t2.png"
    words = "2 rankings" if n_lost == 2 else "1 ranking"
    out = capsys.readouterr().out
    assert f"left out: {words} of {whose}; {at}/{bad}: an image must be" in out
    report = json.loads(Path("out/report.json").read_text())
    (image,) = report["left_out_images"]
    targets = [Path(target).name for target in image["targets"]]
    assert (Path(image["image"]).name, targets, image["n_rankings"]) == (bad, lost, n_lost)
    assert report["participants"]["bo"]["n_rankings"] == 3

    rows = Path("rankings.csv").read_text().splitlines()
    gone = [f",{bad},"] if bad == "t1.png" else ["bo,t2.png,"]
    kept = [row for row in rows if not any(each in row for each in gone)]
    Path("rest.csv").write_text("\n".join(kept))
    assert main(["fit", "rest.csv", "--out", "rest"]) == 0
    for name in ("ann", "bo"):
        own, other = (CLPIPS.load(f"{at}/{name}.safetensors") for at in ("out", "rest"))
        assert (own.weights == other.weights).all()
        assert own.card_.n_rankings == other.card_.n_rankings


def test_compare_leaves_a_bad_image_out_by_name(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    table(tmp_path, {"ann": 1})
    (tmp_path / "t3.png").write_bytes(b"no picture")
    assert main(["compare", "rankings.csv", "--backbone", "alex"]) == 0
    out = capsys.readouterr().out
    assert f"left out: 1 ranking of this target; {tmp_path.resolve()}/t3.png: an image" in out
    assert main(["compare", "rankings.csv", "--backbone", "alex", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [Path(one["image"]).name for one in document["left_out_images"]] == ["t3.png"]
    assert document["participants"]["ann"][0]["n_targets"] == 3


def test_where_no_ranking_is_left_the_bad_image_is_the_error(tmp_path: Path, capsys) -> None:
    rankings = table(tmp_path, {"ann": 1}, targets=1)
    (tmp_path / "t0.png").write_bytes(b"no picture")
    assert main(["fit", str(rankings), "--out", str(tmp_path / "out")]) == 2
    assert "t0.png: an image must be" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
