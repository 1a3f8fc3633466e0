"""The Python of the README, and the commands of the page on the command line, run as written."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from pictures import scene

from clpips.__main__ import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND_LINE = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")


def test_the_sixty_seconds_of_python_run(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = ["participant,target,image,rank"]
    for target in range(3):
        scene(target, 64).save(f"t{target}.png")
        for rank in range(1, 4):
            scene(10 * target + rank + 50, 64).save(f"c{target}{rank}.png")
            lines.append(f"ada,t{target}.png,c{target}{rank}.png,{rank}")
    scene(1, 64).save("target.png")
    scene(2, 64).save("candidate.png")
    Path("rankings.csv").write_text("\n".join(lines))
    (block,) = re.findall(r"```python\n(.*?)```", README, re.S)
    exec(compile(block, "README.md", "exec"), {})
    assert Path("ada.safetensors").is_file()
    assert Path("ada.pth").is_file()


def test_the_score_example_prints_what_the_page_shows(capsys, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    command, shown = re.search(r"\$ clpips (score .*)\n((?:[\d.]+ .*\n)+)", COMMAND_LINE).groups()
    assert main(shlex.split(command)) == 0
    printed = capsys.readouterr().out.splitlines()
    for ours, theirs in zip(printed, shown.splitlines(), strict=True):
        distance, image = ours.split()
        expected, name = theirs.split()
        assert image == name
        assert float(distance) == pytest.approx(float(expected), abs=1e-5)


def test_the_fit_and_evaluate_examples_print_what_the_page_shows(
    capsys, monkeypatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(ROOT)
    found = re.search(
        r"\$ clpips fit data.*?\n(.*?)\$ clpips evaluate data.*?\n(.*?)```", COMMAND_LINE, re.S
    )
    table, weights = "data/example/rankings.csv", str(tmp_path)
    assert main(["fit", table, "--out", weights]) == 0
    assert main(["evaluate", table, "--weights", weights]) == 0
    printed = numbers(capsys.readouterr().out.replace(f"{weights}/", "weights/"))
    shown = numbers("".join(found.groups()))
    assert printed[0] == shown[0]
    assert printed[1] == pytest.approx(shown[1], abs=0.021)


def numbers(text: str) -> tuple[list[str], list[float]]:
    """The words of a text, and its decimal numbers."""
    pattern = r"[+-]?\d+\.\d+"
    return re.sub(pattern, "#", text).split(), [float(one) for one in re.findall(pattern, text)]


def test_the_readme_s_commands_are_those_whose_output_is_shown() -> None:
    commands = re.findall(r"^\$ (clpips .*)$", README, re.M)
    assert len(commands) == 3
    assert [command for command in commands if f"$ {command}\n" not in COMMAND_LINE] == []


def test_the_readme_fits_on_a_screen_or_two() -> None:
    assert len(README.splitlines()) <= 130
