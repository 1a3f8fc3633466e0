"""``clpips bench``: the benchmark of personalised generation."""

from __future__ import annotations

import argparse
import importlib
from types import ModuleType
from typing import Any

from clpips.cli.bench import compare, prepare, score

COMMANDS: tuple[ModuleType, ...] = (prepare, score, compare)
"""Each has ``add_parser(commands)``, which imports no torch, and ``run(options)``."""


def add_parser(commands: Any) -> None:
    """Declare the commands and their options."""
    parser = commands.add_parser("bench", help="the benchmark of personalised generation")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for module in COMMANDS:
        module.add_parser(actions)


def run(options: argparse.Namespace) -> None:
    """Run one of the commands."""
    importlib.import_module(f"clpips.cli.bench.{options.action}").run(options)
