"""``clpips selftest``: known answers, computed here and compared."""

from __future__ import annotations

import argparse
from typing import Any

from clpips.cli.output import print_json, progress
from clpips.errors import ClpipsError
from clpips.selftest.check import Value
from clpips.selftest.runner import Result, selftest

MARKS = {"pass": "ok  ", "fail": "FAIL", "skipped": "skip"}


def add_parser(commands: Any) -> None:
    """Add the command to the command line's subparsers."""
    parser = commands.add_parser(
        "selftest", help="compare what this installation computes with known answers"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(options: argparse.Namespace) -> None:
    """``clpips selftest``: a line per check, then the verdict.

    Raises:
        ClpipsError: a check failed, after everything was printed; the exit status is then 1.
    """
    with progress() as watch:
        found = selftest(watch=watch)
    if options.json:
        print_json(found.to_dict())
    else:
        group = ""
        for one in found.results:
            if one.group != group:
                group = one.group
                print(f"\n{group}")
            print(line(one))
        print(f"\n{found.sentence}")
    if not found.passed:
        raise ClpipsError(found.sentence)


def line(one: Result) -> str:
    """One check as one line."""
    words = f"  {MARKS[one.outcome]}  {one.name:<34}"
    if one.outcome == "skipped":
        return f"{words} {one.reason}"
    allowed = f" ± {one.tolerance:g}" if one.tolerance else ""
    expected = f"expected {shown(one.expected)}{allowed} ({one.against})"
    return f"{words} {shown(one.got) if one.got is not None else one.reason}, {expected}"


def shown(value: Value) -> str:
    """A value as a person reads it: six decimals at most."""
    return value if isinstance(value, str) else f"{value:.6f}".rstrip("0").rstrip(".")
