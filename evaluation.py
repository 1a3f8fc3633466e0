"""``python evaluation.py --dataset FLICKR --device cuda``: PMG-bench's command, as an alias.

Scores ``outputs/<dataset>/<method>/`` on ``<dataset>/test.json`` and writes ``reports/<dataset>/``;
every option of ``clpips bench score`` may follow.
"""

from __future__ import annotations

import argparse
import sys

from clpips.__main__ import main

DATASETS = {"FLICKR": "flickr-aes", "POG": "pog", "SER": "ser30k"}


def command(arguments: list[str]) -> list[str]:
    """The same as a ``clpips bench score`` command."""
    parser = argparse.ArgumentParser(prog="evaluation.py", description=__doc__)
    parser.add_argument("--dataset", required=True, type=str.upper, choices=DATASETS)
    parser.add_argument("--samples", help="by default <dataset>/test.json")
    parser.add_argument("--generated", help="by default outputs/<dataset>")
    parser.add_argument("--out", help="by default reports/<dataset>")
    given, others = parser.parse_known_args(arguments)
    name = DATASETS[given.dataset]
    return [
        "bench", "score", given.samples or f"{name}/test.json", "--dataset", name,
        "--generated", given.generated or f"outputs/{name}",
        "--out", given.out or f"reports/{name}", *others,
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(command(sys.argv[1:])))
