"""``clpips backup``: a whole data folder in one file, also while the app is running."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from clpips.cli.app_package import app_module, data_folder
from clpips.cli.output import print_json, progress
from clpips.errors import ClpipsError


def add_parser(commands: Any) -> None:
    """Add the command to the command line's subparsers."""
    parser = commands.add_parser(
        "backup", help="back up the app's data folder, also while the app is running"
    )
    parser.add_argument("out", help="the file to write, or a folder for a file with a dated name")
    parser.add_argument("--data", help="the data folder (default: $CLPIPS_DATA, else ./data/local)")
    parser.add_argument("--overwrite", action="store_true", help="replace the file if it exists")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(options: argparse.Namespace) -> None:
    """``clpips backup``: write and check a backup.

    Raises:
        ClpipsError: files were missing or damaged already; the backup was written without them,
            and the exit status is 1.
    """
    backup = app_module("app.files.backup", "clpips backup")
    with progress() as watch:
        path, manifest = backup.back_up_folder(
            data_folder(options.data), Path(options.out), watch, overwrite=options.overwrite
        )
    if options.json:
        print_json({"path": str(path), **manifest.counts, "lost": list(manifest.lost)})
    else:
        print(f"written and checked: {path} ({path.stat().st_size / 1e6:,.1f} MB)")
    if manifest.lost:
        raise ClpipsError(f"the backup was written: {manifest.sentence}")
    if not options.json:
        print(manifest.sentence)
