"""What the documentation's examples print, for cog: they are run, and their output is shown.

``make readme`` writes the outputs into the pages and ``make check`` compares them exactly. An
example runs in an empty folder beside a link to ``data``, as in a checkout.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import os
import shlex
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clpips.__main__ import main

ROOT = Path(__file__).parents[1]
WIDTH = 98
ARROW = "# → "


def python_block(script: str) -> str:
    """A script as a Markdown block, each statement followed by what it prints.

    Args:
        script: its path from the repository's root; its docstring is left out.
    """
    source = (ROOT / script).read_text("utf-8")
    tree, lines = ast.parse(source), source.splitlines()
    names: dict[str, Any] = {"__name__": "__main__"}
    shown: list[str] = []
    at = 0
    with _example_folder():
        for number, statement in enumerate(tree.body):
            end = statement.end_lineno or 0
            if number > 0 or ast.get_docstring(tree) is None:
                shown += [*lines[at:end], *_as_comments(_output_of(statement, names))]
            at = end
    text = "\n".join([*shown, *lines[at:]]).strip("\n")
    return f"```python\n{text}\n```"


def console_block(*commands: str) -> str:
    """``clpips`` commands as a Markdown block, each followed by what it prints."""
    shown: list[str] = []
    with _example_folder():
        for command in commands:
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                status = main(shlex.split(command)[1:])
            if status != 0:
                raise RuntimeError(f"{command!r} ended with status {status}")
            shown += [f"$ {command}", *printed.getvalue().splitlines()]
    return "\n".join(["```console", *shown, "```"])


def every_command(
    parser: argparse.ArgumentParser, name: str = "clpips"
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Each command with its full name, and the commands that it has itself."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, command in action.choices.items():
                yield f"{name} {word}", command
                yield from every_command(command, f"{name} {word}")


@contextlib.contextmanager
def _example_folder() -> Iterator[None]:
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "data").symlink_to(ROOT / "data")
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


def _output_of(statement: ast.stmt, names: dict[str, Any]) -> str:
    printed = io.StringIO()
    code = compile(ast.Module([statement], []), "example", "exec")
    with contextlib.redirect_stdout(printed):
        exec(code, names)
    return printed.getvalue()


def _as_comments(output: str) -> list[str]:
    wrapped = textwrap.TextWrapper(
        WIDTH, initial_indent=ARROW, subsequent_indent="#   ", break_on_hyphens=False
    )
    return [line for printed in output.splitlines() for line in wrapped.wrap(printed)]
