"""The tables of an identity ranking, from uploaded archives: checked, unpacked and read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from clpips.errors import DatasetError, GenerationError
from clpips.generation.pool.archive import opened_source
from clpips.generation.pool.listed import Limits
from clpips.io.image_tables import ImageRow, read_image_table
from clpips.progress import Watch
from clpips.text import one_line, quoted, without_paths

QUERIES, GALLERY, REFERENCES = "queries.csv", "gallery.csv", "references.csv"
LIMITS = Limits(total=1_000_000_000, file=50_000_000, files=20_000)

FILES_AT_ONCE = 50  # between two reports of progress


def read_upload(
    archive: Path,
    folder: Path,
    tables: Sequence[str],
    notes: list[str],
    watch: Watch,
) -> dict[str, list[ImageRow]]:
    """Unpack an archive and read its tables.

    A table may lie in a folder of the archive; its images are named relative to it.

    Args:
        archive: the uploaded file.
        folder: an empty folder to unpack into.
        tables: their file names; :data:`REFERENCES` need not be there.
        notes: receives what was found that their owner may not expect.
        watch: progress and cancel.

    Returns:
        The rows of each table, by its name.

    Raises:
        DatasetError: not a zip archive, one over the limits or that leads out of its folder;
            no such table; a table that breaks a rule; an image that is not in the archive.
        Cancelled: the caller cancelled.
    """
    _unpack(archive, folder, watch)
    with _relative_to(folder):
        found = {}
        for name in tables:
            table = _table(folder, name)
            if table is None and name != REFERENCES:
                raise DatasetError(f"the .zip must hold {name}, got none")
            rows = [] if table is None else read_image_table(table, files=False, notes=notes)
            _check_images(rows, folder, name)
            found[name] = rows
    notes[:] = [_without(folder, note) for note in notes]
    return found


def _unpack(archive: Path, folder: Path, watch: Watch) -> None:
    try:
        with opened_source(archive) as source:
            files = source.listed(LIMITS)
            for number, file in enumerate(files):
                if number % FILES_AT_ONCE == 0:
                    words = f"Unpacking file {number + 1:,} of {len(files):,}"
                    watch.report(number / len(files), words)
                place = folder / file.name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(source.read(file))
    except GenerationError as error:  # the reader of archives calls every archive a pool
        words = without_paths(error).removeprefix(f"{archive.name}: ")
        words = words.replace("a pool", "an upload").replace("the pool", "the upload")
        raise DatasetError(words) from error
    except OSError as error:
        raise DatasetError(f"the .zip cannot be unpacked ({one_line(error.strerror)})") from error


def _table(folder: Path, name: str) -> Path | None:
    found = sorted(each for each in folder.rglob("*") if each.name.lower() == name)
    if len(found) > 1:
        both = " and ".join(quoted(each.relative_to(folder).as_posix()) for each in found[:2])
        raise DatasetError(f"the .zip must hold one {name}, got {both}")
    return found[0] if found else None


def _check_images(rows: Sequence[ImageRow], folder: Path, table: str) -> None:
    """Every image must be there, and a table must not lead to other files of this machine."""
    inside = Path(os.path.realpath(folder))
    for row in rows:
        for path, name in ((row.path, row.file_path), (row.ref, row.ref_path)):
            if name and not (path and Path(path).is_relative_to(inside)):
                raise DatasetError(
                    f"{table}: every image must be in the .zip, got {quoted(name)}, which is not"
                )


@contextmanager
def _relative_to(folder: Path) -> Iterator[None]:
    """Sentences name files as the archive has them."""
    try:
        yield
    except DatasetError as error:
        raise DatasetError(_without(folder, one_line(error))) from error


def _without(folder: Path, sentence: str) -> str:
    for each in (str(folder), os.path.realpath(folder)):
        sentence = sentence.replace(f"{each}{os.sep}", "")
    return sentence
