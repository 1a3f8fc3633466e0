"""POG as its authors ship it: which items people clicked, without images.

``user_data.txt`` (``user,item;item;…,outfit``) and ``item_data.txt`` (``item,category,address,
title``, titles with commas, addresses without a scheme), no headers. Images are looked for as
``images/<item>.<ending>``; the addresses of the others are written, so that they can be fetched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from clpips.bench.datasets.windows import Prepared, split_by_user, windows
from clpips.bench.samples import Item
from clpips.errors import DatasetError
from clpips.io.image_names import ENDING
from clpips.progress import Watch
from clpips.text import quoted

USERS, ITEMS, IMAGES = "user_data.txt", "item_data.txt", "images"


def read_pog(
    root: Path,
    *,
    captions: Mapping[str, str],
    styles: Mapping[str, str],
    seed: int,
    watch: Watch,
) -> Prepared:
    """The data set's samples; an item's caption is its title where ``captions`` has none.

    Args:
        root: its folder.
        captions: item → caption.
        styles: user → style.
        seed: of the splits.
        watch: progress and cancel.

    Raises:
        DatasetError: a file that is not there or not so; the sentence names file, row and rule.
    """
    known = _items(root / ITEMS, watch)
    there = _images(root / IMAGES)
    left_out: Counter[str] = Counter()
    missing: dict[str, str] = {}
    by_user = {}
    table = root / USERS
    for number, (user, clicked, _) in _rows(table, 3, "user,item;item;…,outfit"):
        watch.report(0.5, f"Reading user {number:,}")
        if user in by_user:
            raise DatasetError(
                f"{table}, row {number}: a user must come once, got {quoted(user)} again"
            )
        items = []
        for item in clicked.split(";"):
            if item not in known:
                raise DatasetError(
                    f"{table}, row {number}: {quoted(item)} must be an item of {ITEMS}"
                )
            address, title = known[item]
            path = there.get(item, "")
            if not path:
                missing[item] = address
            items.append(Item(item, path, path, captions.get(item, title)))
        by_user[user] = windows(user, items, style=styles.get(user, ""), left_out=left_out)
    train, validation, test, beyond = split_by_user(by_user, seed=seed)
    return Prepared(train, validation, test, left_out + beyond, missing=missing)


def _items(table: Path, watch: Watch) -> dict[str, tuple[str, str]]:
    """Item → address with its scheme, title."""
    found = {}
    for number, (item, _, address, title) in _rows(table, 4, "item,category,address,title"):
        if number % 10_000 == 0:
            watch.report(0.0, f"Reading item {number:,}")
        if address.startswith("//"):
            address = f"http:{address}"
        elif address and "://" not in address:
            address = f"http://{address}"
        found[item] = (address, title)
    return found


def _rows(table: Path, columns: int, form: str) -> Iterator[tuple[int, list[str]]]:
    """Rows of a file without a header; the last column may hold commas."""
    if not table.is_file():
        raise DatasetError(f"{table}: no such file of POG")
    try:
        with table.open(encoding="utf-8-sig", newline="") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                cells = [cell.strip() for cell in line.rstrip("\r\n").split(",", columns - 1)]
                if len(cells) != columns or not (cells[0] and cells[1]):
                    raise DatasetError(
                        f"{table}, row {number}: must be {form}, got {quoted(line.strip())}"
                    )
                yield number, cells
    except UnicodeError as error:
        raise DatasetError(f"{table}: must be UTF-8 text ({error})") from error


def _images(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        return {}
    return {
        ENDING.sub("", path.name): str(path.absolute())
        for path in sorted(folder.iterdir())
        if ENDING.search(path.name)
    }
