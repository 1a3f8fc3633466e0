"""The examples of the README and of the page on the command line: run, and shown as they are."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND_LINE = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")


def test_the_examples_print_exactly_what_the_pages_show() -> None:
    """Each example is run again; another figure, even in its last digit, fails."""
    command = [sys.executable, "-m", "cogapp", "--check", "--diff", "-I", "."]
    pages = ["README.md", "docs/command-line.md"]
    checked = subprocess.run([*command, *pages], cwd=ROOT, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_example_with_output_is_generated() -> None:
    """A block that shows figures stands between cog's marks, so that it cannot drift."""
    for text in (README, COMMAND_LINE):
        by_hand = re.sub(r"<!-- \[\[\[cog.*?\[\[\[end\]\]\] -->", "", text, flags=re.S)
        assert re.findall(r"^```python", by_hand, re.M) == []
        for block in re.findall(r"```console\n(.*?)```", by_hand, re.S):
            assert all(line.startswith("$ ") for line in block.splitlines())


def test_the_readme_s_commands_are_those_whose_output_is_shown() -> None:
    commands = re.findall(r"^\$ (clpips .*)$", README, re.M)
    assert len(commands) == 3
    assert [command for command in commands if f"$ {command}\n" not in COMMAND_LINE] == []


def test_the_readme_fits_on_a_screen_or_two() -> None:
    assert len(README.splitlines()) <= 130
