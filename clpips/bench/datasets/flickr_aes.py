"""FLICKR-AES as its authors ship it: who rated which photograph how.

``FLICKR-AES_image_labeled_by_each_worker.csv`` (``worker, imagePair, score``: blanks after commas,
and names that begin with one), ``FLICKR-AES_image_score.txt`` and the photographs in ``40K/``.
Ratings above 2 count as what a worker chose, in the table's order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from clpips.bench.datasets.windows import Prepared, split_by_user, windows
from clpips.bench.samples import Item
from clpips.errors import DatasetError
from clpips.io.image_names import ImageFolder
from clpips.io.table_cells import text_cell
from clpips.io.tabular_files import Layout, file_rows
from clpips.progress import Watch
from clpips.text import quoted

RATINGS = "FLICKR-AES_image_labeled_by_each_worker.csv"
SCORES = "FLICKR-AES_image_score.txt"
IMAGES = "40K"
LAYOUT = Layout("a table of ratings", ("worker", "imagePair", "score"), (), DatasetError)
LEAST = 3
"""Ratings from here on count as chosen."""


def read_flickr_aes(
    root: Path,
    *,
    captions: Mapping[str, str],
    styles: Mapping[str, str],
    seed: int,
    watch: Watch,
) -> Prepared:
    """The data set's samples.

    Args:
        root: its folder.
        captions: item (the file's name without ending) → caption.
        styles: worker → style.
        seed: of the splits.
        watch: progress and cancel.

    Raises:
        DatasetError: a file that is not there or not so; the sentence names file, row and rule.
    """
    images = ImageFolder(root / IMAGES)
    if not (root / IMAGES).is_dir():
        raise DatasetError(f"{root / IMAGES}: no such folder of photographs")
    overall = _scores(root / SCORES)
    left_out: Counter[str] = Counter()
    notes: list[str] = []
    items: dict[str, list[Item]] = {}
    table = root / RATINGS
    for number, cells in file_rows(table, LAYOUT, notes):
        if number % 1000 == 0:
            watch.report(0.0, f"Reading rating {number:,}")
        worker, name = (text_cell(LAYOUT, table, number, cells, c) for c in LAYOUT.required[:2])
        for column, text in (("worker", worker), ("imagePair", name)):
            if not text:
                raise LAYOUT.wrong(table, number, f"{column} must not be empty")
        score = text_cell(LAYOUT, table, number, cells, "score")
        if score not in {"1", "2", "3", "4", "5"}:
            rule = f"score must be a whole number from 1 to 5, got {quoted(score)}"
            raise LAYOUT.wrong(table, number, rule)
        if int(score) < LEAST:
            left_out["ratings of 2 and less"] += 1
            continue
        path = images.find(name) or images.find(f" {name}")
        if path is None:
            left_out["ratings of photographs that are not there"] += 1
        item = Path(name).stem
        items.setdefault(worker, []).append(
            Item(item, path or "", path or "", captions.get(item, ""), int(score),
                 overall.get(name))
        )  # fmt: skip
    by_user = {
        worker: windows(
            worker, own, style=styles.get(worker, ""), is_worker=True, left_out=left_out
        )
        for worker, own in items.items()
    }
    train, validation, test, beyond = split_by_user(by_user, seed=seed)
    return Prepared(train, validation, test, left_out + beyond, notes)


def _scores(path: Path) -> dict[str, float]:
    """File → everybody's score: ``<name> <score>`` a line, names that begin with a blank too."""
    if not path.is_file():
        raise DatasetError(f"{path}: no such table of scores")
    found = {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeError as error:
        raise DatasetError(f"{path}: must be UTF-8 text ({error})") from error
    for number, line in enumerate(lines, 1):
        name, _, text = line.strip().rpartition(" ")
        if not line.strip():
            continue
        try:
            score = float(text)
        except ValueError:
            score = -1.0
        if not (name and 0 <= score <= 1):
            raise DatasetError(
                f"{path}, row {number}: must be a file and a score in [0, 1], got {quoted(line)}"
            )
        found[name.strip()] = score
    return found
