"""Rankings as chosen and rejected images, the layout of preference-optimisation trainers."""

from __future__ import annotations

import json
from pathlib import Path

from clpips.export.image_names import Pictures
from clpips.export.plan import Plan, shared_names
from clpips.export.triplets import Votes
from clpips.io.csv_files import csv_bytes

COLUMNS = ("target", "prompt", "chosen", "rejected", "participant", "trial", "round")

ABOUT = """\
Layout: chosen and rejected. pairs.jsonl and pairs.csv have one row a comparison: the
participant ranked the chosen image nearer to the target than the rejected one. prompt is what
the images were made from, where it is known; in the CSV one that looks like a formula begins
with an apostrophe, in the JSON Lines it is exact.
"""


def plan(votes: Votes, pictures: Pictures, outside: Path | None) -> Plan:
    """One row a comparison; every picture once in ``images/``."""
    contents = [name for one in votes.votes for name in (one.target, one.nearer, one.farther)]
    name_of, copies = shared_names(contents, pictures, outside)
    rows = [
        {
            "target": name_of(one.target),
            "prompt": one.prompt,
            "chosen": name_of(one.nearer),
            "rejected": name_of(one.farther),
            "participant": one.ranking.participant,
            "trial": one.ranking.trial,
            "round": one.ranking.round,
        }
        for one in votes.votes
    ]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return Plan(
        {"pairs.jsonl": lines.encode(), "pairs.csv": csv_bytes(COLUMNS, rows, bom=False)},
        copies,
        ABOUT,
    )
