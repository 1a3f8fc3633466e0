"""``clpips targets``: where the sample targets are."""

from __future__ import annotations

import argparse

from clpips.cli.output import print_json
from clpips.io.resources import targets_folder


def run(options: argparse.Namespace) -> None:
    """``clpips targets``: one path a line, for use in other commands."""
    paths = [str(path) for path in sorted(targets_folder().glob("*.png"))]
    if options.json:
        print_json(paths)
        return
    for path in paths:
        print(path)
