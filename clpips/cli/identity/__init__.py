"""``clpips identity``: whether generated images keep the identity of their subject."""

from __future__ import annotations

import argparse
import importlib
from types import ModuleType
from typing import Any

from clpips.cli.identity import build, humans, nearid, prepare, rank, train

COMMANDS: tuple[ModuleType, ...] = (rank, prepare, nearid, humans, build, train)
"""Each has ``add_parser(commands)``, which imports no torch, and ``run(options)``."""


def add_parser(commands: Any) -> None:
    """Declare the commands and their options."""
    parser = commands.add_parser("identity", help="do generated images keep their identity?")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for module in COMMANDS:
        module.add_parser(actions)


def run(options: argparse.Namespace) -> None:
    """Run one of the commands."""
    importlib.import_module(f"clpips.cli.identity.{options.action}").run(options)
