"""``python -m tools.train_tiny``: train the model and write its folder, or evaluate it."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import torch

from clpips.errors import InputError
from clpips.generation.diffusion.tiny import FOLDER
from clpips.progress import Watch
from tools.train_tiny.assemble import assemble
from tools.train_tiny.evaluate import evaluate
from tools.train_tiny.run import TrainingSettings, train_model


def main() -> None:
    """Run the command that was asked for."""
    parser = argparse.ArgumentParser(prog="tools.train_tiny", description=__doc__)
    parser.add_argument("command", choices=("train", "evaluate"))
    parser.add_argument("--work", default="data/local/tiny", help="folder of images and states")
    parser.add_argument("--out", default=str(FOLDER.parent), help="folder of the finished models")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    work, out, watch = Path(options.work), Path(options.out), Watch(progress=_print_progress)
    if options.command == "train":
        settings = TrainingSettings()
        assemble(train_model(work, settings, watch), settings, out, trained_in=work)
        return
    found = {name: asdict(each) for name, each in evaluate(work, out, watch).items()}
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


def _print_progress(fraction: float, words: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {fraction:7.2%} {words}\n")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
