"""``clpips restore``: a backup, checked and put into a data folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from clpips.cli.app_package import app_module, data_folder
from clpips.cli.output import print_json, progress


def add_parser(commands: Any) -> None:
    """Add the command to the command line's subparsers."""
    parser = commands.add_parser("restore", help="restore a backup into a data folder")
    parser.add_argument("backup", help="a file that clpips backup wrote")
    parser.add_argument(
        "--data",
        help="a new or empty data folder (default: $CLPIPS_DATA, else ./data/local)",
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        help="restore into a folder that is not empty; what it holds is moved aside",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(options: argparse.Namespace) -> None:
    """``clpips restore``: check and unpack a backup."""
    restore = app_module("app.files.restore", "clpips restore")
    folder = data_folder(options.data)
    with progress() as watch:
        manifest = restore.restore_backup(
            Path(options.backup), folder, watch, replace=options.replace
        )
    if options.json:
        print_json({"data": str(folder), **manifest.counts, "lost": list(manifest.lost)})
        return
    print(f"checked and restored to {folder}")
    print(manifest.sentence)
