"""``python -m tools.train_tiny``: train the model, put it together, have it judged."""

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
from tools.train_tiny.evaluate import examine
from tools.train_tiny.run import Syllabus, make


def main() -> None:
    """Run the command that was asked for."""
    parser = argparse.ArgumentParser(prog="tools.train_tiny", description=__doc__)
    parser.add_argument("command", choices=("train", "examine"))
    parser.add_argument("--work", default="data/local/tiny", help="folder of pictures and states")
    parser.add_argument("--out", default=str(FOLDER.parent), help="folder of the finished models")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    work, out, watch = Path(asked.work), Path(asked.out), Watch(progress=_tell)
    if asked.command == "train":
        syllabus = Syllabus()
        assemble(make(work, syllabus, watch), syllabus, out, trained_in=work)
        return
    found = {name: asdict(each) for name, each in examine(work, out, watch).items()}
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


def _tell(fraction: float, words: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {fraction:7.2%} {words}\n")


try:
    main()
except InputError as wrong:
    sys.stderr.write(f"{wrong}\n")
    sys.exit(2)
