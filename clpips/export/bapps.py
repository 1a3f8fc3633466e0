"""Rankings in the layout of BAPPS (Zhang et al. 2018): two-alternative forced choice."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from clpips.export.image_names import Pictures
from clpips.export.plan import Plan, shared_names
from clpips.export.triplets import Votes, triplets
from clpips.io.csv_files import csv_bytes

COLUMNS = ("ref", "p0", "p1", "judge", "votes_p0", "votes_p1")
READ_BY_BAPPS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp")
"""Endings that BAPPS's own reader takes; it would skip any other and pair the wrong files."""

ABOUT = """\
Layout: BAPPS 2AFC. ref/, p0/, p1/ and judge/ hold one file a triplet, of the same number.
judge/NNNNNN.npy holds the share of votes for p1, in [0, 1]: 0 if all said that p0 is nearer to
the reference, 1 if all said p1. triplets.csv says the same with the number of votes.
Which picture is p0 depends on its content alone, not on who won.
"""


def plan(votes: Votes, pictures: Pictures, outside: Path | None) -> Plan:
    """One row and one ``judge`` file a triplet; an image file for each of its places."""
    found = triplets(votes.votes)
    name_of, _ = shared_names((), pictures, outside)
    tables: dict[str, bytes] = {}
    copies: dict[str, str] = {}
    rows = []
    for number, one in enumerate(found):
        judge = one.for_second / (one.for_first + one.for_second)
        tables[f"judge/{number:06d}.npy"] = _npy(judge)
        names = {}
        for place, content in (("ref", one.target), ("p0", one.first), ("p1", one.second)):
            ending = pictures.ending(content)
            file = f"{place}/{number:06d}{ending if ending in READ_BY_BAPPS else '.png'}"
            names[place] = file if outside is None else name_of(content)
            if outside is None:
                copies[file] = content
        counts = {"judge": judge, "votes_p0": one.for_first, "votes_p1": one.for_second}
        rows.append({**names, **counts})
    tables["triplets.csv"] = csv_bytes(COLUMNS, rows, bom=False)
    return Plan(tables, copies, ABOUT)


def _npy(judge: float) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([judge]), allow_pickle=False)
    return file.getvalue()
