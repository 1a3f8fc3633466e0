"""``clpips identity humans``: a metric's agreement with people's ratings (DreamBench++)."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clpips.cli.output import one_number, print_json
from clpips.errors import InputError

ALL = "all"


def add_parser(commands: Any) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser("humans", help="agreement with people's ratings (DreamBench++)")
    parser.add_argument("ratings", help="folder with the two groups' ratings, as published")
    parser.add_argument(
        "--scores",
        nargs="+",
        required=True,
        metavar="PATH",
        help="each metric's folder of <method>.json, or its file of ratings by method",
    )
    parser.add_argument("--out", required=True, help="folder for report.json")
    parser.add_argument(
        "--methods", nargs="+", metavar="NAME", default=[], help="only these methods (default: all)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the intervals")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(options: argparse.Namespace) -> None:
    """Compute, write ``report.json``, print the table."""
    from clpips.identity.human_correlation import (
        categories_in,
        human_agreement,
        human_correlation,
    )
    from clpips.identity.human_ratings import read_human_ratings, read_scores
    from clpips.io.atomic_files import write_files

    people = read_human_ratings(Path(options.ratings), options.methods)
    metrics = [Path(path) for path in options.scores]
    names = [path.stem if path.is_file() else path.resolve().name for path in metrics]
    if len(set(names)) < len(names):
        raise InputError(f"--scores must have different names, got {', '.join(names)}")
    categories = categories_in(people)
    scorers = {}
    for name, path in zip(names, metrics, strict=True):
        scores = read_scores(path, list(people))
        scorers[name] = human_correlation(people, scores, seed=options.seed).to_dict()
        scorers[name]["categories"] = {
            each: human_correlation(people, scores, category=each, seed=options.seed).to_dict()
            for each in categories
        }
    report = {
        "scorers": scorers,
        "human_human": {
            ALL: human_agreement(people),
            **{each: human_agreement(people, category=each) for each in categories},
        },
        "methods": list(people),
        "seed": options.seed,
    }
    text = json.dumps(report, ensure_ascii=False, indent=2, allow_nan=False)
    write_files({Path(options.out) / "report.json": text.encode()})
    if options.json:
        print_json(report)
        return
    print("\n".join(_table(report, categories)))


def _table(report: Mapping[str, Any], categories: list[str]) -> list[str]:
    columns = [ALL, *categories]
    wide = max(map(len, (*report["scorers"], "people with each other")))
    lines = [" ".join([f"{'MH':<{wide}}", *(f"{each:>19}" for each in columns)])]
    for name, one in report["scorers"].items():
        values = [one, *(one["categories"][each] for each in categories)]
        lines.append(" ".join([f"{name:<{wide}}", *(f"{_cell(each):>19}" for each in values)]))
    human = [f"{one_number(report['human_human'][each]):>19}" for each in columns]
    lines.append(" ".join([f"{'people with each other':<{wide}}", *human]))
    undefined = sum(one["n_undefined"] for one in report["scorers"].values())
    if undefined:
        lines.append(f"{undefined} correlations are undefined and count as 0.")
    return lines


def _cell(one: Mapping[str, Any]) -> str:
    ends = one["mh_ci"]
    interval = "" if ends is None else f" {ends[0]:.2f} … {ends[1]:.2f}"
    return one_number(one["mh"]) + interval
