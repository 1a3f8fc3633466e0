"""``clpips export`` as a person at a terminal meets it."""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import lpips
import onnx
import pytest
import torch
from pictures import layer_person, scene

from clpips.cli import export
from clpips.errors import InputError
from clpips.io.images import load_image
from clpips.io.rankings import read_rankings
from clpips.metric.clpips import CLPIPS
from clpips.metric.observations import Observation


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two people and a target; images in a folder of their own, prompts in the table."""
    (tmp_path / "pictures").mkdir()
    lines = ["participant, target,image,rank,trial,round,prompt"]
    for number in range(3):
        scene(number, 48).save(tmp_path / "pictures" / f"c{number}.png")
        lines.append(f"ada,t.png,c{number}.png,{number + 1},1,1,a hat")
        lines.append(f"bob,t.png,c{number}.png,{3 - number},1,1,")
    scene(9, 48).save(tmp_path / "pictures" / "t.png")
    (tmp_path / "rankings.csv").write_text("\n".join(lines))
    return tmp_path


@pytest.fixture
def weights(study: Path) -> Path:
    ranking = read_rankings(study / "rankings.csv", image_dir=study / "pictures")[0]
    metric = CLPIPS("alex")
    vectors = metric.observe([ranking])[0].vectors
    metric.fit([Observation(ranking, vectors)]).weights_ = layer_person(1)
    metric.save(study / "ada.safetensors")
    return study / "ada.safetensors"


def run(*arguments: object) -> None:
    parser = argparse.ArgumentParser(prog="clpips")
    export.add_parser(parser.add_subparsers(dest="command"))
    export.run(parser.parse_args(["export", *map(str, arguments)]))


def exported(study: Path, *more: object) -> None:
    run("--images", study / "pictures", "--out", study / "out", *more, "--", study / "rankings.csv")


def test_rankings_become_a_folder_and_the_counts_are_said(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exported(study, "--as", "pairs")
    assert capsys.readouterr().out == (
        f"6 comparisons out of 2 rankings; no tie was left out. written to {study / 'out'}\n"
    )
    with (study / "out" / "pairs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["participant"], row["prompt"]) for row in rows} == {("ada", "a hat"), ("bob", "")}


@pytest.mark.parametrize("ending", [".parquet", ".jsonl"])
def test_prompts_are_read_from_the_other_kinds_of_table_too(study: Path, ending: str) -> None:
    import pandas as pd

    table = pd.read_csv(study / "rankings.csv", skipinitialspace=True)
    path = study / f"rankings{ending}"
    if ending == ".parquet":
        table.to_parquet(path, index=False)
    else:
        table.to_json(path, orient="records", lines=True)
    run(path, "--as", "pairs", "--images", study / "pictures", "--out", study / "out")
    lines = (study / "out" / "pairs.jsonl").read_text().splitlines()
    told = {(line["participant"], line["prompt"]) for line in map(json.loads, lines)}
    assert told == {("ada", "a hat"), ("bob", None)}


def test_one_participants_rankings_without_images_as_json(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exported(study, "--as", "bradley-terry", "--participant", "ada", "--no-images", "--json")
    document = json.loads(capsys.readouterr().out)
    assert (document["n_rankings"], document["n_comparisons"], document["n_images"]) == (1, 3, 0)
    names = [one.name for one in (study / "out").iterdir()]
    assert sorted(names) == ["README.txt", "counts.csv", "counts.json"]
    counts = json.loads((study / "out" / "counts.json").read_text())["targets"][0]
    assert (study / "out" / counts["target"]).resolve() == study / "pictures" / "t.png"


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_weights_become_an_lpips_file(weights: Path) -> None:
    path = weights.parent / "ada.pth"
    run("--weights", weights, "--as", "lpips", "--out", path)
    theirs = lpips.LPIPS(net="alex", pnet_rand=True, model_path=str(path), verbose=False)
    target, image = (weights.parent / "pictures" / name for name in ("t.png", "c1.png"))
    with torch.inference_mode():
        found = theirs(load_image(target)[None], load_image(image)[None]).item()
    assert found == pytest.approx(CLPIPS.load(weights).distance(target, image), abs=1e-6)


def test_weights_become_an_onnx_file(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = weights.parent / "ada.onnx"
    run("--weights", weights, "--as", "onnx", "--out", path, "--side", 64)
    told = {one.key: one.value for one in onnx.load(path).metadata_props}
    assert (told["clpips.weights"], told["clpips.side"]) == ("personal", "64")
    assert capsys.readouterr().out == f"written to {path}\n"


def test_a_report_becomes_text_on_the_screen_or_in_a_file(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held_out = {"stock": {"spearman": 0.4}, "personal": {"spearman": 0.61}}
    people = {"ada": {"n_rankings": 5, "held_out": held_out}}
    (study / "report.json").write_text(json.dumps({"backbone": "alex", "participants": people}))
    run("--report", study / "report.json", "--as", "methods")
    text = capsys.readouterr().out
    assert "0.61 for the personal metric" in text
    run("--report", study / "report.json", "--as", "methods", "--json")
    assert json.loads(capsys.readouterr().out)["text"] == text
    run("--report", study / "report.json", "--as", "latex", "--out", study / "a.tex")
    assert capsys.readouterr().out == f"written to {study / 'a.tex'}\n"
    assert "Personal & 0.61" in (study / "a.tex").read_text()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("r.csv --as onnx --out a.onnx", "--as onnx is made of --weights alone, got a rankings"),
        ("--weights w --as 2afc --out d", "--as 2afc is made of a rankings file alone, got --w"),
        ("--as latex", "--as latex is made of --report alone, got nothing"),
        ("r.csv --report r.json --as pairs --out d", "got a rankings file and --report"),
        ("r.csv --as pairs", "--as pairs needs --out"),
        ("--weights w --as onnx", "--as onnx needs --out"),
        ("--weights w --as lpips --out a.pth --images d", "--images goes with a rankings file"),
        ("--weights w --as lpips --out a.pth --no-images", "--no-images goes with a rankings"),
        ("--report r --as latex --participant ada", "--participant goes with a rankings file"),
        ("--weights w --as lpips --out a.pth --side 64", "--side goes with --as onnx"),
        ("--weights stock --as lpips --out a.onnx", "--out must end in .pth, got 'a.onnx'"),
        ("--weights stock --as onnx --out a.pth", "--out must end in .onnx, got 'a.pth'"),
        ("--weights stock --as onnx --out file/a.onnx", "--out must lie in a folder"),
        ("--weights nobody.safetensors --as lpips --out a.pth", "no such personal metric"),
        ("--report no.json --as latex", "the report cannot be read"),
    ],
)
def test_options_that_do_not_go_together_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError) as caught:
        run(*arguments.split())
    assert sentence in str(caught.value) and "\n" not in str(caught.value)
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_participant_who_ranked_nothing_is_named_with_those_who_did(study: Path) -> None:
    with pytest.raises(
        InputError, match="no ranking by participant 'cy'; its rankings are by ada, bob"
    ):
        exported(study, "--as", "pairs", "--participant", "cy")
    assert not (study / "out").exists()


def test_a_folder_for_text_is_refused_before_any_work(study: Path) -> None:
    with pytest.raises(InputError, match="--out must"):
        run("--weights", "nobody", "--as", "lpips", "--out", study / "pictures", "--json")
