"""``clpips bench score`` and ``compare`` as a person at a terminal meets them."""

from __future__ import annotations

import csv
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pictures import scene

from clpips import CLPIPS, Ranking
from clpips.__main__ import main
from clpips.bench.samples import Item, Sample, write_samples
from clpips.bench.summary import LEVEL
from clpips.errors import Cancelled

HOW = ("--clip", "tiny-clip", "--dino", "alex", "--side", "48", "--device", "cpu")
NAMES = ("ssim_target", "lpips_alex_target", "cps", "cpis_history", "margin_history")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three people with two samples each; methods that copy the target, or show something else."""
    folder = tmp_path_factory.mktemp("bench")
    (folder / "images").mkdir()
    for number in range(24):
        scene(number, 48).save(folder / "images" / f"{number}.png")
    samples = []
    for index in range(6):
        names = [str(4 * index + k) for k in range(4)]
        items = [Item(name, f"images/{name}.png", caption=f"scene {name}") for name in names]
        samples.append(
            Sample(index, f"user-{index // 2}", tuple(items[:3]), items[3], "green, blue")
        )
    write_samples(samples, folder / "samples.json")
    for method in ("copy", "near", "other"):
        (folder / "generated" / method).mkdir(parents=True)
    for index in range(6):
        target = folder / "images" / f"{4 * index + 3}.png"
        shutil.copy(target, folder / "generated" / "copy" / f"{index:06}.png")
        near = scene(4 * index + 3, 48).point(lambda v: min(255, v + 20))
        near.save(folder / "generated" / "near" / f"{index:06}.png")
        scene(100 + index, 48).save(folder / "generated" / "other" / f"{index:06}.png")
    return folder


def score(study: Path, out: Path, *how: str, names: tuple[str, ...] = NAMES) -> int:
    given = [str(study / "samples.json"), "--generated", str(study / "generated")]
    chosen = ("--metrics", *names) if names else ()
    return main(["bench", "score", *given, "--out", str(out), *HOW, *chosen, *how])


def test_it_writes_every_file_and_prints_the_table(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert score(study, tmp_path) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("| method | lpips_alex_target ↓ | ssim_target ↑ |")
    assert "copy: 6 of 6 images are copies of their target" in printed
    report = json.loads((tmp_path / "report.json").read_text())
    means = {m: {n: own[n]["mean"] for n in NAMES} for m, own in report["methods"].items()}
    assert means["copy"]["ssim_target"] == pytest.approx(1)
    assert means["copy"]["lpips_alex_target"] < means["near"]["lpips_alex_target"]
    assert means["near"]["lpips_alex_target"] < means["other"]["lpips_alex_target"]
    assert report["methods"]["copy"]["cps"]["n"] == 6
    assert report["metrics"]["cps"]["model"] == "tiny-clip"
    with (tmp_path / "samples.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 18
    assert {*NAMES} < {*rows[0]}
    for name in ("table.md", "table.tex", "report.html"):
        assert (tmp_path / name).stat().st_size


def test_without_a_choice_what_cannot_be_had_is_left_out_by_name(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert score(study, tmp_path, "--json", names=()) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads((tmp_path / "report.json").read_text())
    assert {"hpsv2", "aesthetic_v1", "aesthetic_v2", "verifier", "personal_target", "fid", "kid",
            "cps_judge"} == set(report["left_out"])  # fmt: skip
    assert {"lpips_target", "lpips_history", "feature_norm"} < set(report["methods"]["copy"])


def test_stopped_at_ten_moments_it_goes_on_to_the_same_files(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLPIPS_CACHE", str(tmp_path / "cache"))
    reports: list[float] = []
    monkeypatch.setattr("clpips.cli.output.say", lambda words: reports.append(0.0))
    assert score(study, tmp_path / "whole") == 0
    shutil.rmtree(tmp_path / "cache")
    moments = random.Random(0).sample(range(2, len(reports) - 2), 10)
    for moment in sorted(moments):
        count = iter(range(10**6))

        def stop(words: str, last: int = moment, count: object = count) -> None:
            if next(count) == last:
                raise Cancelled("stopped")

        monkeypatch.setattr("clpips.cli.output.say", stop)
        assert score(study, tmp_path / "resumed") == 1
        assert not (tmp_path / "resumed").exists()
    monkeypatch.setattr("clpips.cli.output.say", lambda words: None)
    assert score(study, tmp_path / "resumed") == 0
    for path in (tmp_path / "whole").iterdir():
        assert path.read_bytes() == (tmp_path / "resumed" / path.name).read_bytes()


def test_people_and_their_own_metrics_stand_beside_the_others(study: Path, tmp_path: Path) -> None:
    lines = ["participant,target,image,rank"]
    for index in range(4):
        for rank, method in enumerate(("copy", "near", "other"), 1):
            image = study / "generated" / method / f"{index:06}.png"
            lines.append(f"user-1,{study / 'images' / f'{4 * index + 3}.png'},{image},{rank}")
    (tmp_path / "rankings.csv").write_text("\n".join(lines))
    images = [str(study / "images" / f"{k}.png") for k in range(6)]
    order = Ranking("user-1", images[0], tuple(images[1:]), (1, 2, 3, 4, 5))
    (tmp_path / "weights").mkdir()
    CLPIPS("alex").fit([order]).save(tmp_path / "weights" / "user-1.safetensors")
    how = ("--rankings", str(tmp_path / "rankings.csv"), "--weights", str(tmp_path / "weights"))
    names = ("lpips_alex_target", "personal_target")
    assert score(study, tmp_path / "out", *how, names=names) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    agreement = report["agreement"]
    assert agreement["n_rankings"] == {"user-1": 4}
    assert agreement["spearman"]["lpips_alex_target"] == {"user-1": 1.0}
    assert "personal" in agreement["spearman"]
    assert report["methods"]["copy"]["personal_target"]["n"] == 2
    assert "Which metrics agree with people" in (tmp_path / "out" / "report.html").read_text()


def test_two_reports_are_compared(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    for method in ("near", "other"):
        shutil.copytree(study / "generated" / method, tmp_path / method / "generated" / "mine")
        for name in ("samples.json", "images"):
            (tmp_path / method / name).symlink_to(study / name)
        assert score(tmp_path / method, tmp_path / f"{method}-report") == 0
    capsys.readouterr()
    folders = [str(tmp_path / f"{method}-report") for method in ("near", "other")]
    assert main(["bench", "compare", *folders]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["metric", "A", "B"]
    assert len(lines) == 1 + len(NAMES)
    assert main(["bench", "compare", *folders, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert all((one["better"] is None) == (one["p_corrected"] >= LEVEL) for one in found)
    (lpips,) = (one for one in found if one["metric"] == "lpips_alex_target")
    assert lpips["difference"] < 0 and lpips["n"] == 6
    assert main(["bench", "compare", folders[0], str(tmp_path)]) == 2
    assert "no such report" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        (("--generated", "none"), "no such folder of generated images"),
        (("--metrics", "fvd"), "invalid choice: 'fvd'"),
        (("--clip", "klip"), "an encoder must be one of"),
        (("--rankings", "none.csv"), "no such"),
        (("--weights", "none", "--rankings", "none.csv"), "no such"),
    ],
)
def test_wrong_input_is_one_sentence_and_nothing_is_written(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture, how: tuple[str, ...], sentence: str
) -> None:
    try:
        status = score(study, tmp_path / "out", *how, names=("ssim_target",))
    except SystemExit as left:
        status = left.code
    assert status == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_leak_is_refused(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    document = json.loads((study / "samples.json").read_text())
    document[2]["target_item_info"] = document[2]["history_items_info"][0]
    document[2]["target_item_id"] = document[2]["history_item_ids"][0]
    (tmp_path / "samples.json").write_text(json.dumps(document))
    for name in ("images", "generated"):
        (tmp_path / name).symlink_to(study / name)
    assert score(tmp_path, tmp_path / "out") == 2
    assert "samples.json, sample 2: the target '8' must not be in the history" in (
        capsys.readouterr().err
    )
    assert not (tmp_path / "out").exists()


def test_the_originals_command_is_an_alias(study: Path, tmp_path: Path) -> None:
    script = str(Path(__file__).parents[3] / "evaluation.py")
    (tmp_path / "pog").mkdir()
    for name in ("samples.json", "images"):
        place = "test.json" if name == "samples.json" else name
        (tmp_path / "pog" / place).symlink_to(study / name)
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "pog").symlink_to(study / "generated")
    how = ["--dataset", "POG", "--device", "cpu", "--side", "32", "--metrics", "ssim_target"]
    done = subprocess.run(
        [sys.executable, script, *how], cwd=tmp_path, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "reports" / "pog" / "report.json").read_text())
    assert report["methods"]["copy"]["ssim_target"]["n"] == 6
    assert report["published"]["PMG"]["cps"] == 0.2548
