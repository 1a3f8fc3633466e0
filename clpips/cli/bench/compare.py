"""``clpips bench compare``: two reports of the same samples."""

from __future__ import annotations

import argparse
from typing import Any

from clpips.cli.output import one_number, print_json, print_table


def add_parser(commands: Any) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser("compare", help="compare two reports of the same samples")
    parser.add_argument("first", metavar="A", help="folder of a report")
    parser.add_argument("second", metavar="B", help="folder of another")
    parser.add_argument("--seed", type=int, default=0, help="of intervals and tests")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(options: argparse.Namespace) -> None:
    """``clpips bench compare``: read both, compare, print."""
    from clpips.bench.compare_reports import compare_reports, read_report

    found = compare_reports(
        read_report(options.first), read_report(options.second), seed=options.seed
    )
    if options.json:
        print_json([one.to_dict() for one in found])
        return
    rows: list[tuple[str, ...]] = [
        ("metric", "A", "B", "A − B", "95 % interval", "p", "better", "samples")
    ]
    for one in found:
        interval = "–" if one.ci is None else "{:+.4f} … {:+.4f}".format(*one.ci)
        methods = one.first.removeprefix("A: "), one.second.removeprefix("B: ")
        better = "–" if one.better is None else one.better[:1]
        p = one_number(one.p_corrected)
        difference = f"{one.difference:+.4f}"
        rows.append((one.metric, *methods, difference, interval, p, better, str(one.n)))
    print_table(rows)
