"""The files of an identity ranking: those of ``clpips identity rank``, a table and pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.study.identity_run import PICTURES
from clpips.identity.rank_page import SIDE, page_rows, worst_queries, write_rank_report
from clpips.identity.rank_report import MethodResult, RankReport
from clpips.io.atomic_files import write_files
from clpips.io.csv_files import csv_bytes
from clpips.io.image_tables import ImageRow
from clpips.io.small_pictures import SmallPictures
from clpips.progress import Watch

SHOWN_QUERIES, SHOWN_NEAR = 3, 6
COLUMNS = (
    "method", "species", "map", "map_low", "map_high", "rank1", "rank5", "rank10", "mrr",
    "chance_map", "ceiling_map", "drift", "reference_similarity", "gallery_similarity",
    "n_queries", "n_gallery", "n_identities", "n_left_out", "n_without_match",
)  # fmt: skip


def write_results(report: RankReport, folder: Path, watch: Watch) -> None:
    """Write :data:`app.study.identity_run.RESULTS`, and the pictures that the page shows.

    Raises:
        OSError: the folder cannot be written.
        Cancelled: the caller cancelled.
    """
    write_rank_report(report, folder, watch)
    pictures = SmallPictures(SIDE)
    shown = {one.method: list(_shown(one, pictures)) for one in report.methods}
    write_files(
        {
            folder / "results.csv": csv_bytes(COLUMNS, _rows(report)),
            folder / PICTURES: json.dumps(shown, ensure_ascii=False).encode(),
        }
    )


def _rows(report: RankReport) -> Iterator[dict[str, Any]]:
    """A row for each method and class, then their mean where there are several."""
    for method in report.methods:
        for species, figures in page_rows(method):
            low, high = figures.map_ci or (None, None)
            row = {"method": method.method, "species": species, "map_low": low, "map_high": high}
            values = figures.to_dict()
            yield {name: row[name] if name in row else values[name] for name in COLUMNS}


def _shown(method: MethodResult, pictures: SmallPictures) -> Iterator[dict[str, Any]]:
    """A method's queries with the lowest AP, and the gallery images nearest to each."""

    def picture(row: ImageRow) -> str | None:
        pictures.add(row.path)
        number = pictures.number(row.path)
        return None if number is None else pictures.data[number]

    for one in worst_queries(method, SHOWN_QUERIES):
        near = [
            {
                "name": each.image.name,
                "distance": each.distance,
                "is_hit": each.is_hit,
                "picture": picture(each.image),
            }
            for each in one.neighbours[:SHOWN_NEAR]
        ]
        query = {"name": one.query.name, "ap": one.result.ap, "picture": picture(one.query)}
        yield {**query, "near": near}
