"""Rankings in the layout of NIGHTS (Fu et al. 2023), the triplets that DreamSim learnt from."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from clpips.export.image_names import Pictures
from clpips.export.plan import Plan, shared_names
from clpips.export.triplets import Triplet, Votes, triplets
from clpips.io.csv_files import csv_bytes

# DreamSim's reader takes columns by place (0, 2, 4, 5, 6) as well as by name.
COLUMNS = (
    "id",
    "left_vote",
    "right_vote",
    "votes",
    "ref_path",
    "left_path",
    "right_path",
    "split",
    "is_imagenet",
    "prompt",
    "unanimous",
)
SHARES = {"val": 0.1, "test": 0.1}
"""Share of the targets in each split but ``train``, rounded down; NIGHTS has about as many."""

ABOUT = """\
Layout: NIGHTS. data.csv has one row a triplet: left_vote 1 and right_vote 0 say that the left
picture is nearer to the reference, votes says how many votes that is. Where people disagree
there are two rows, one a side, and unanimous is FALSE; NIGHTS itself kept unanimous triplets
only. DreamSim's own reader drops rows of fewer than 6 votes: lower that for one person's data.
No target is in two splits; a tenth of the targets each is val and test, rounded down.
"""


def plan(votes: Votes, pictures: Pictures, outside: Path | None, *, seed: int = 0) -> Plan:
    """One row for each side of a triplet that has votes; every picture once in ``images/``.

    Args:
        votes, pictures, outside: see :mod:`clpips.export.plan`.
        seed: of the split into train, val and test.
    """
    found = triplets(votes.votes)
    contents = [content for one in found for content in (one.target, one.first, one.second)]
    name_of, copies = shared_names(contents, pictures, outside)
    split_of = splits([one.target for one in found], seed=seed)
    rows: list[dict[str, object]] = []
    for one in found:
        for is_right, count in ((False, one.for_first), (True, one.for_second)):
            if count:
                rows.append(
                    {
                        "id": len(rows),
                        "left_vote": int(not is_right),
                        "right_vote": int(is_right),
                        "votes": count,
                        "ref_path": name_of(one.target),
                        "left_path": name_of(one.first),
                        "right_path": name_of(one.second),
                        "split": split_of[one.target],
                        "is_imagenet": "FALSE",
                        "prompt": one.prompt,
                        "unanimous": _unanimous(one),
                    }
                )
    return Plan({"data.csv": csv_bytes(COLUMNS, rows, bom=False)}, copies, ABOUT)


def splits(targets: Sequence[str], *, seed: int) -> dict[str, str]:
    """A split for each target; the same targets and seed give the same, in whatever order."""
    order = sorted(set(targets))
    random.Random(seed).shuffle(order)
    chosen = dict.fromkeys(order, "train")
    start = 0
    for split, share in SHARES.items():
        size = int(share * len(order))
        chosen |= dict.fromkeys(order[start : start + size], split)
        start += size
    return chosen


def _unanimous(one: Triplet) -> str:
    return "TRUE" if 0 in (one.for_first, one.for_second) else "FALSE"
