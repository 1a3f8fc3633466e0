"""How long the checks at the start take on a large data folder.

    python benchmarks/start_checks.py [--images 1000000] [--vectors 300000] [--folder DIR]

Needs about 7 KB of disk for each vector, and one empty file for each image.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from app.store import Store
from app.store.integrity import check_folder

VECTOR_BYTES = 4608  # AlexNet's 1152 numbers
NEVER = "2026-01-01T00:00:00.000Z"


def names(count: int) -> Iterator[str]:
    """Content hashes of images that never were."""
    for number in range(count):
        yield hashlib.sha256(str(number).encode()).hexdigest()


def fill(store: Store, images: int, vectors: int) -> None:
    """Rows and empty files of images, and vectors of random numbers."""
    for number in range(256):
        (store.settings.images / f"{number:02x}").mkdir(parents=True)
    for sha in names(images):
        (store.settings.images / sha[:2] / f"{sha}.png").touch()
    target = next(names(1))
    with store.access.write() as db:
        rows = ((sha, 64, 64, "image/png", 0, NEVER) for sha in names(images))
        db.conn.executemany("INSERT INTO image VALUES (?, ?, ?, ?, ?, ?)", rows)
        vector = os.urandom(VECTOR_BYTES)
        found = ((target, sha, "alex", "", 0, vector, NEVER) for sha in names(vectors))
        db.conn.executemany("INSERT INTO difference_vector VALUES (?, ?, ?, ?, ?, ?, ?)", found)


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--vectors", type=int, default=300_000)
    parser.add_argument("--folder", type=Path, help="where to make it (default: temporary)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        store = Store(folder)
        fill(store, asked.images, min(asked.vectors, asked.images))
        begun = time.perf_counter()
        check_folder(store.path, store.settings.images.absolute())
        seconds = time.perf_counter() - begun
        gigabytes = store.path.stat().st_size / 1e9
    print(f"{gigabytes:.1f} GB, {asked.images:,} images: checked in {seconds:.1f} s")


if __name__ == "__main__":
    main()
