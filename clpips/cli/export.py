"""``clpips export``: metrics, rankings and a study's numbers in other tools' formats."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from clpips.cli.output import print_json, progress
from clpips.cli.rankings_arguments import given_rankings, rankings_of
from clpips.errors import InputError
from clpips.export.latex import latex_table
from clpips.export.methods_text import StudyNumbers, methods_paragraph
from clpips.export.writer import LAYOUTS, export_rankings
from clpips.io.atomic_files import write_files
from clpips.io.rankings import read_prompts

OF_METRIC = ("onnx", "lpips")
TEXTS: Mapping[str, Callable[[StudyNumbers], str]] = {
    "methods": methods_paragraph,
    "latex": latex_table,
}
WHAT = (*LAYOUTS, *OF_METRIC, *TEXTS)
_SOURCES = {
    "a rankings file": LAYOUTS,
    "--weights": OF_METRIC,
    "--report": tuple(TEXTS),
}


def add_parser(commands: Any) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser("export", help="write what other tools and papers can use")
    parser.add_argument("rankings", nargs="?", help="rankings file (.csv, .parquet, .jsonl)")
    parser.add_argument("--weights", help="a personal metric (.safetensors), or 'stock'")
    parser.add_argument("--report", help="the report.json that clpips fit wrote")
    parser.add_argument("--as", dest="what", required=True, choices=WHAT, help="the format")
    parser.add_argument("--out", help="the folder or file to write")
    parser.add_argument("--images", help="folder that image paths are relative to")
    parser.add_argument("--no-images", action="store_true", help="leave the images where they are")
    parser.add_argument("--participant", help="this participant's rankings only")
    parser.add_argument("--side", type=int, help="a fixed image side for onnx, in pixels")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(options: argparse.Namespace) -> None:
    """``clpips export``: one source, one format, one folder or file."""
    source = _source(options)
    if source == "a rankings file":
        document = _rankings(options)
    elif source == "--weights":
        document = _metric(options)
    else:
        document = _text(options)
    if options.json:
        print_json(document)
    elif "text" in document and options.out is None:
        print(document["text"], end="")
    else:
        print(f"{document['sentence']} written to {options.out}".strip())


def _source(options: argparse.Namespace) -> str:
    """Which of the three sources is given, once it and the other options go with ``--as``."""
    given = dict(zip(_SOURCES, (options.rankings, options.weights, options.report), strict=True))
    named = [source for source, value in given.items() if value is not None]
    wanted = next(source for source, formats in _SOURCES.items() if options.what in formats)
    if named != [wanted]:
        raise InputError(
            f"--as {options.what} is made of {wanted} alone, got {' and '.join(named) or 'nothing'}"
        )
    if options.out is None and wanted != "--report":
        raise InputError(f"--as {options.what} needs --out, the folder or file to write")
    of_rankings = {
        "--images": options.images is not None,
        "--no-images": options.no_images,
        "--participant": options.participant is not None,
    }
    for option, is_given in of_rankings.items():
        if is_given and wanted != "a rankings file":
            raise InputError(f"{option} goes with a rankings file, not with --as {options.what}")
    if options.side is not None and options.what != "onnx":
        raise InputError(f"--side goes with --as onnx, not with --as {options.what}")
    return wanted


def _rankings(options: argparse.Namespace) -> dict[str, Any]:
    rankings = given_rankings(options)
    prompts = read_prompts(options.rankings, rankings, image_dir=options.images)
    if options.participant is not None:
        rankings = rankings_of(rankings, options.participant, options.rankings)
    with progress() as watch:
        made = export_rankings(
            rankings,
            options.what,
            options.out,
            images=not options.no_images,
            prompts=prompts,
            watch=watch,
        )
    return {**asdict(made), "out": options.out, "sentence": made.sentence}


def _metric(options: argparse.Namespace) -> dict[str, Any]:
    from clpips.metric.clpips import CLPIPS  # torch

    _check_file(options.out, {"onnx": ".onnx", "lpips": ".pth"}[options.what])
    metric = CLPIPS() if options.weights == "stock" else CLPIPS.load(options.weights)
    if options.what == "onnx":
        from clpips.export.onnx import write_onnx

        with progress() as watch:
            watch.report(0.0, "Exporting the network")
            write_onnx(metric, options.out, side=options.side)
    else:
        metric.save_lpips(options.out)
    return {"out": options.out, "backbone": metric.backbone, "sentence": ""}


def _text(options: argparse.Namespace) -> dict[str, Any]:
    from clpips.export.report_numbers import numbers_of_report, read_report  # torch

    text = TEXTS[options.what](numbers_of_report(read_report(options.report)))
    if options.out is not None:
        _check_file(options.out, "")
        write_files({Path(options.out): text.encode()})
    return {"out": options.out, "text": text, "sentence": ""}


def _check_file(out: str, ending: str) -> None:
    """Refuse, before any work, an ``--out`` that could not be written at its end."""
    path = Path(out)
    if not out or any(len(os.fsencode(part)) > 255 for part in path.parts):
        raise InputError(f"--out must name a file, got {out[:80]!r}")
    if ending and path.suffix.lower() != ending:
        raise InputError(f"--out must end in {ending}, got {out!r}")
    if path.is_dir():
        raise InputError(f"--out must name a file, got the folder {out!r}")
    there = next(one for one in path.absolute().parents if os.path.lexists(one))
    if not there.is_dir():
        raise InputError(f"--out must lie in a folder, got {out!r}, but {there} is none")
