"""``clpips doctor``: what is installed, reachable and writable, and how to get what is missing."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clpips.cli.output import print_json
from clpips.errors import ClpipsError
from clpips.text import named

if TYPE_CHECKING:
    from clpips.cli.installation import Finding

MARKS = {"ok": "ok  ", "missing": "MISS", "optional": "  – "}


def add_parser(commands: Any) -> None:
    """Add the command to the command line's subparsers."""
    parser = commands.add_parser(
        "doctor", help="what is installed, reachable and writable, and what is missing"
    )
    parser.add_argument(
        "--data", help="the app's data folder (default: $CLPIPS_DATA, else ./data/local)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(options: argparse.Namespace) -> None:
    """``clpips doctor``: one line for each thing, then a sentence.

    Raises:
        ClpipsError: something is missing that is needed; the exit status is then 1.
    """
    # Imported late: the other commands need no packaging.
    from clpips.cli.installation import examine, summary

    found = list(examine(options.data))
    if options.json:
        print_json(summary(found))
    else:
        print_lines(found)
    missing = [each.name for each in found if each.state == "missing"]
    if missing:
        raise ClpipsError(f"needed, but missing: {named(missing, most=10)}")
    if not options.json:
        print("\nEverything that is needed is there.")


def print_lines(found: Sequence[Finding]) -> None:
    """A line for each finding under its group, and how to get what is not there."""
    group = ""
    for each in found:
        if each.group != group:
            group = each.group
            print(f"\n{group}")
        remedy = f"  → {each.remedy}" if each.remedy else ""
        print(f"  {MARKS[each.state]}  {each.name:<22} {each.detail}{remedy}")
