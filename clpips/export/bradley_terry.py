"""Rankings as counts for Bradley–Terry models: how often each image beat each other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from clpips.export.image_names import Pictures
from clpips.export.plan import Plan, shared_names
from clpips.export.triplets import Triplet, Votes, triplets
from clpips.io.csv_files import csv_bytes

COLUMNS = ("target", "item_i", "item_j", "wins_i")

ABOUT = """\
Layout: Bradley-Terry counts, each target by itself. counts.csv: wins_i is how often item_i was
ranked nearer to the target than item_j; each pair that was compared has both its rows.
counts.json: for each target its items and the matrix wins, wins[i][j] for item i over item j,
as choix.ilsr_pairwise_dense takes it. A larger parameter then means nearer to the target.
"""


def plan(votes: Votes, pictures: Pictures, outside: Path | None) -> Plan:
    """Win counts by target, as a long table and as matrices."""
    found = triplets(votes.votes)
    contents = [content for one in found for content in (one.target, one.first, one.second)]
    name_of, copies = shared_names(contents, pictures, outside)
    rows, matrices = [], []
    for target in dict.fromkeys(one.target for one in found):
        own = [one for one in found if one.target == target]
        items, wins = _matrix(own)
        names = [name_of(item) for item in items]
        matrices.append({"target": name_of(target), "items": names, "wins": wins})
        for one in own:
            i, j = items.index(one.first), items.index(one.second)
            for winner, loser in ((i, j), (j, i)):
                its = (name_of(target), names[winner], names[loser], wins[winner][loser])
                rows.append(dict(zip(COLUMNS, its, strict=True)))
    text = json.dumps({"targets": matrices}, ensure_ascii=False, indent=1) + "\n"
    tables = {"counts.csv": csv_bytes(COLUMNS, rows, bom=False), "counts.json": text.encode()}
    return Plan(tables, copies, ABOUT)


def _matrix(own: Sequence[Triplet]) -> tuple[list[str], list[list[int]]]:
    """One target's items, in the order in which they appear, and wins of row over column."""
    items = list(dict.fromkeys(item for one in own for item in (one.first, one.second)))
    place = {item: number for number, item in enumerate(items)}
    wins = [[0] * len(items) for _ in items]
    for one in own:
        wins[place[one.first]][place[one.second]] += one.for_first
        wins[place[one.second]][place[one.first]] += one.for_second
    return items, wins
