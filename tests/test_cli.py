"""The ``clpips`` command as a person at a terminal meets it."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from pictures import scene
from test_images import huge_png_header

from clpips.__main__ import build_parser, main


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people, four targets, five candidates; images in their own folder."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "pictures").mkdir()
    lines = ["participant,target,image,rank"]
    for target in range(4):
        scene(target, 64).save(folder / "pictures" / f"t{target}.png")
        for index in range(5):
            scene(50 + 5 * target + index, 64).save(folder / "pictures" / f"c{target}{index}.png")
            lines.append(f"ada,t{target}.png,c{target}{index}.png,{index + 1}")
            lines.append(f"bo/ya,t{target}.png,c{target}{index}.png,{5 - index}")
    (folder / "rankings.csv").write_text("\n".join(lines))
    return folder


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    status = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return status, out, err


def fit(capsys, study: Path, out: Path, *more: str) -> tuple[int, str, str]:
    return run(
        capsys, "fit", study / "rankings.csv", "--images", study / "pictures", "--out", out, *more
    )


def test_fit_writes_a_metric_per_participant_and_a_report(capsys, study: Path, tmp_path: Path):
    status, out, err = fit(capsys, study, tmp_path)
    assert (status, err) == (0, "")
    assert "held-out Spearman" in out
    assert {path.name for path in tmp_path.iterdir()} == {
        "ada.safetensors",
        "bo_ya.safetensors",
        "report.json",
    }
    report = json.loads((tmp_path / "report.json").read_text())
    ada = report["participants"]["ada"]
    assert ada["n_rankings"] == 4
    assert len(ada["held_out"]["targets"]) == 4
    assert ada["held_out"]["stock"]["n_rankings"] == 4


def test_evaluate_prints_the_documented_json_and_nothing_else(capsys, study, tmp_path) -> None:
    fit(capsys, study, tmp_path)
    table = study / "rankings.csv"
    status, out, err = run(
        capsys, "evaluate", table, "--images", study / "pictures", "--weights", tmp_path, "--json"
    )
    assert (status, err) == (0, "")
    document = json.loads(out)
    keys = {"spearman", "kendall", "pairwise_accuracy", "icc", "n_rankings", "spearman_ci"}
    for part in (document, document["stock"]):
        assert set(part["participants"]) == {"ada", "bo/ya"}
        for agreement in (*part["participants"].values(), part["overall"]):
            assert keys <= set(agreement)
    ada, stock = (part["participants"]["ada"] for part in (document, document["stock"]))
    assert ada["spearman"] > stock["spearman"]
    assert ada["spearman_ci"][0] <= ada["spearman"] <= ada["spearman_ci"][1]


def test_stock_is_the_default_and_agrees_with_itself(capsys, study: Path) -> None:
    _, out, _ = run(
        capsys, "evaluate", study / "rankings.csv", "--images", study / "pictures", "--json"
    )
    document = json.loads(out)
    assert document["participants"] == document["stock"]["participants"]


def test_pooled_and_single_participant_fits(capsys, study: Path, tmp_path: Path) -> None:
    assert fit(capsys, study, tmp_path / "pooled", "--pooled")[0] == 0
    assert (tmp_path / "pooled" / "pooled.safetensors").is_file()
    assert fit(capsys, study, tmp_path / "one", "--participant", "ada")[0] == 0
    assert not (tmp_path / "one" / "bo_ya.safetensors").exists()
    status, _, err = fit(capsys, study, tmp_path / "none", "--participant", "eve")
    assert status == 2
    assert "no ranking by participant 'eve'" in err
    assert not (tmp_path / "none").exists()


def test_score_keeps_the_order_given(capsys, study: Path, tmp_path: Path) -> None:
    fit(capsys, study, tmp_path)
    target = study / "pictures" / "t0.png"
    images = [study / "pictures" / name for name in ("c03.png", "c00.png")]
    status, out, _ = run(
        capsys,
        "score",
        target,
        *images,
        target,
        "--weights",
        tmp_path / "ada.safetensors",
        "--json",
    )
    rows = json.loads(out)
    assert status == 0
    assert [row["image"] for row in rows] == [*map(str, images), str(target)]
    assert rows[2]["distance"] == pytest.approx(0, abs=1e-9)
    assert all(set(row) == {"image", "distance"} for row in rows)
    assert main(["score", str(target), str(target)]) == 0


def test_weights_list_tells_what_is_here(capsys) -> None:
    status, out, _ = run(capsys, "weights", "list", "--json")
    assert status == 0
    assert set(json.loads(out)) == {"alex", "vgg", "squeeze"}


def broken(folder: Path, kind: str, study: Path) -> tuple[list[str], str]:
    """Arguments of a command with one thing wrong, and a piece of the sentence expected."""
    rows = (study / "rankings.csv").read_text().splitlines()
    pictures, table = study / "pictures", folder / "rankings.csv"
    start = ["fit", str(table), "--images", str(pictures), "--out", str(folder / "out")]
    if kind == "missing column":
        table.write_text("\n".join(row.rsplit(",", 1)[0] for row in rows))
        return start, "row 1: the column 'rank' is missing"
    if kind == "rank is a word":
        table.write_text("\n".join([*rows[:3], rows[3].rsplit(",", 1)[0] + ",best"]))
        return start, "row 4: rank must be a whole number, got 'best'"
    if kind == "repeated image":
        table.write_text("\n".join([*rows, rows[1]]))
        return start, "must not repeat an image"
    if kind == "no such image":
        table.write_text("\n".join([*rows, "ada,t0.png,nowhere.png,6"]))
        return start, "image must be an image that exists, got 'nowhere.png'"
    image = folder / "bad.png"
    image.write_bytes(b"plain words" if kind == "text as png" else huge_png_header(60000, 60000))
    weights = folder / "w.safetensors"
    weights.write_bytes(pickle.dumps({"weights": [1, 2]}))
    score = ["score", str(pictures / "t0.png")]
    return {
        "text as png": ([*score, str(image)], "bad.png: not an image"),
        "huge header": ([*score, str(image)], "at most 50,000,000 pixels"),
        "pickle": ([*score, str(pictures / "t1.png"), "--weights", str(weights)], "safetensors"),
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        "missing column",
        "rank is a word",
        "repeated image",
        "no such image",
        "text as png",
        "huge header",
        "pickle",
    ],
)
def test_bad_input_is_one_sentence_status_2_and_nothing_changed(
    capsys, study: Path, tmp_path: Path, kind: str
) -> None:
    arguments, sentence = broken(tmp_path, kind, study)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    status, out, err = run(capsys, *arguments)
    assert status == 2
    assert out == ""
    assert sentence in err
    assert err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_a_weights_file_with_renamed_keys_is_refused(capsys, study: Path, tmp_path: Path) -> None:
    import safetensors.numpy

    fit(capsys, study, tmp_path)
    path = tmp_path / "ada.safetensors"
    with safetensors.safe_open(path, "numpy") as file:
        metadata = file.metadata()
        tensors = {f"lin{name}": file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    path.write_bytes(safetensors.numpy.save(tensors, metadata=metadata))
    status, _, err = run(
        capsys, "evaluate", study / "rankings.csv", "--images", study / "pictures",
        "--weights", tmp_path,
    )  # fmt: skip
    assert status == 2
    assert "missing ['layer0'" in err


def test_a_wrong_option_does_not_wait_for_torch() -> None:
    code = "import sys, clpips.__main__ as m; m.build_parser(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_importing_the_words_costs_no_torch_and_no_screen() -> None:
    code = (
        "import sys, clpips, clpips.types, clpips.errors, clpips.generation;"
        "bad = {'torch', 'lpips', 'streamlit', 'diffusers', 'sqlite_utils'} & set(sys.modules);"
        "sys.exit(repr(bad) if bad else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, env=os.environ
    )
    assert done.returncode == 0, done.stderr


def test_every_public_name_can_be_had() -> None:
    import clpips

    for name in clpips.__all__:
        assert getattr(clpips, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = clpips.nothing


def test_the_readme_documents_every_command_and_option() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    parser = build_parser()
    commands = next(a for a in parser._actions if a.dest == "command").choices
    for name, command in commands.items():
        assert f"clpips {name}" in readme
        for action in command._actions:
            for option in action.option_strings:
                assert option in readme, f"{name} {option}"
