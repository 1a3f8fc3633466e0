"""The ``clpips`` command: fit, evaluate, compare, score, targets, weights, export, identity,
bench, selftest, doctor, backup, restore.

Exit status: 0 done; 2 the input is wrong (one line on standard error that says which file, row
and rule); 1 anything else. With ``--json`` a command prints one JSON document on standard
output and nothing else there.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from clpips import __version__
from clpips.cli import backup, bench, doctor, export, identity, restore, selftest
from clpips.errors import ClpipsError, InputError
from clpips.features.names import BACKBONES, SPACES, checked_space_name
from clpips.text import one_line
from clpips.types import GRANULARITIES

_WHICH_BACKBONE = "by default that of the weights, alex for 'stock'"


class OneLineParser(argparse.ArgumentParser):
    """A parser whose errors are one line, without the usage, which ``--help`` shows."""

    def error(self, message: str) -> NoReturn:
        """Say what was wrong and leave with status 2."""
        self.exit(2, f"{self.prog}: {one_line(message)}\n")


def build_parser() -> argparse.ArgumentParser:
    """The command line; docs/command-line.md documents it."""
    parser = OneLineParser(prog="clpips", description="LPIPS refitted to one person")
    parser.add_argument("--version", action="version", version=f"clpips {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    _fit_parser(commands.add_parser("fit", help="learn each participant's weights from rankings"))
    evaluate = commands.add_parser("evaluate", help="agreement of a metric with rankings")
    evaluate.add_argument("rankings", help="rankings file (.csv, .parquet, .jsonl)")
    evaluate.add_argument(
        "--weights",
        default="stock",
        help="folder with one file per participant, one file for all participants, or 'stock'",
    )
    _rankings_options(evaluate)
    _space_option(evaluate, _WHICH_BACKBONE)

    compare = commands.add_parser(
        "compare", help="stock, baselines and personal metric on identical folds"
    )
    compare.add_argument("rankings", help="rankings file (.csv, .parquet, .jsonl)")
    _rankings_options(compare)
    _space_option(compare, "feature spaces (default: alex)", default=["alex"], nargs="+")

    score = commands.add_parser("score", help="distance of images from a target")
    score.add_argument("target", help="the target image")
    score.add_argument("images", nargs="+", help="the images to compare with it")
    score.add_argument("--weights", default="stock", help="a personal metric, or 'stock'")
    _space_option(score, _WHICH_BACKBONE)
    score.add_argument("--json", action="store_true", help="print one JSON document")

    targets = commands.add_parser("targets", help="paths of the sample targets, one a line")
    targets.add_argument("--json", action="store_true", help="print one JSON document")

    weights = commands.add_parser("weights", help="the networks' own weights")
    weights.add_argument("action", choices=("list", "fetch"))
    weights.add_argument("--backbone", choices=BACKBONES, help="by default alex and vgg")
    weights.add_argument("--json", action="store_true", help="print one JSON document")
    export.add_parser(commands)
    identity.add_parser(commands)
    bench.add_parser(commands)
    selftest.add_parser(commands)
    doctor.add_parser(commands)
    backup.add_parser(commands)
    restore.add_parser(commands)
    return parser


def _fit_parser(fit: argparse.ArgumentParser) -> None:
    fit.add_argument("rankings", help="rankings file (.csv, .parquet, .jsonl)")
    fit.add_argument(
        "--out", required=True, help="folder for <participant>.safetensors, report.json"
    )
    fit.add_argument(
        "--granularity", choices=GRANULARITIES, help="by default chosen from the rankings"
    )
    fit.add_argument(
        "--alone", action="store_true", help="start from stock, not from the pooled weights"
    )
    fit.add_argument("--participant", help="fit this participant only")
    fit.add_argument(
        "--pooled", action="store_true", help="fit one metric to all participants (pooled)"
    )
    fit.add_argument(
        "--baseline",
        metavar="NAME",
        help="learn a baseline instead: unregularised, layer, pooled or tilt",
    )
    _rankings_options(fit)
    _space_option(fit, "the feature space (default: alex)", default="alex")


def _space_option(parser: argparse.ArgumentParser, words: str, **how: Any) -> None:
    spaces = f"{', '.join(SPACES)}, timm:MODEL or transformers:MODEL"
    parser.add_argument(
        "--backbone", type=_space, metavar="SPACE", help=f"{words}; {spaces}", **how
    )


def _space(name: str) -> str:
    try:
        return checked_space_name(name)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _rankings_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--images", help="folder that image paths are relative to")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    options = build_parser().parse_args(arguments)
    # Pillow logs damaged TIFF files; here each failure is one sentence of our own.
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    try:
        # Imported late: --help and a wrong option should not wait for torch.
        importlib.import_module(f"clpips.cli.{options.command}").run(options)
    except InputError as error:
        return _failed(error, 2)
    except (ClpipsError, OSError) as error:
        return _failed(error, 1)
    except KeyboardInterrupt:
        return _failed("stopped; nothing more was written", 1)
    return 0


def _failed(reason: object, status: int) -> int:
    # splitlines: a name given on the command line may hold a line break.
    print(f"clpips: {' '.join(str(reason).splitlines())}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
