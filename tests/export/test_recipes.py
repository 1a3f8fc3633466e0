"""Every block of docs/recipes.md is run, so that none of them can rot."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from pictures import layer_person, scene

from clpips.cli import export
from clpips.io.rankings import read_rankings
from clpips.metric.clpips import CLPIPS
from clpips.metric.observations import Observation

PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"
NEEDS_MORE = {"pyiqa": "licensed for non-commercial use only, so it is not installed for the tests"}


def blocks() -> list[tuple[str, str, str]]:
    """Language, what the block needs beyond the project, and code."""
    found = re.findall(r"^```(\w+) ?(\w*)\n(.*?)^```$", PAGE.read_text("utf-8"), re.S | re.M)
    return [(language, needs, code) for language, needs, code in found]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the page says is there."""
    for number in range(4):
        scene(number, 64).save(tmp_path / f"image{number}.png")
    scene(8, 64).save(tmp_path / "target.png")
    scene(9, 64).save(tmp_path / "candidate.png")
    lines = ["participant,target,image,rank,prompt"]
    for who in ("ada", "bob"):
        lines += [f"{who},target.png,image{number}.png,{number + 1},a hat" for number in range(4)]
    (tmp_path / "rankings.csv").write_text("\n".join(lines))
    ranking = read_rankings(tmp_path / "rankings.csv")[0]
    metric = CLPIPS("alex")
    vectors = metric.observe([ranking])[0].vectors
    metric.fit([Observation(ranking, vectors)])
    metric.weights_ = layer_person(1)  # far from stock, which must not pass for it
    metric.save(tmp_path / "ada.safetensors")
    held_out = {"stock": {"spearman": 0.4}, "personal": {"spearman": 0.6}, "gain": 0.2}
    people = {"ada": {"n_rankings": 5, "held_out": held_out}}
    report = {"backbone": "alex", "participants": people}
    (tmp_path / "report.json").write_text(json.dumps(report))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shell(code: str) -> None:
    parser = argparse.ArgumentParser(prog="clpips")
    export.add_parser(parser.add_subparsers(dest="command"))
    for line in code.splitlines():
        program, *arguments = shlex.split(line)
        assert program == "clpips"
        export.run(parser.parse_args(arguments))


def run(wanted: set[str]) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for language, needs, code in blocks():
        if needs and needs not in wanted:
            continue
        if language == "bash":
            shell(code)
        elif language == "python":
            exec(compile(code, str(PAGE), "exec"), names)
        else:
            raise AssertionError(f"a block in {language!r} cannot be run")
    return names


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.usefixtures("folder")
def test_every_recipe_does_what_it_says() -> None:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        names = run(set())
    assert names["distance"] != pytest.approx(
        CLPIPS("alex").distance("target.png", "candidate.png")
    )
    assert '"participants": ["ada"]' in said.getvalue()
    assert "2AFC score" in said.getvalue() and "1 participant ranked images" in said.getvalue()
    assert Path(names["nearest"]).name == "image0.png"
    assert Path("agreement.tex").read_text().startswith("% needs")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("folder")
def test_the_pyiqa_recipe_gives_the_personal_distance() -> None:
    pytest.importorskip("pyiqa", reason=NEEDS_MORE["pyiqa"])
    assert run({"pyiqa"})["pyiqa"].__name__ == "pyiqa"  # the block compares the distances


def test_the_page_has_blocks_and_each_extra_need_has_its_reason() -> None:
    assert len(blocks()) >= 12
    assert {needs for _, needs, _ in blocks() if needs} == set(NEEDS_MORE)
