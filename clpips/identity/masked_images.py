"""The foreground of the images of a ranking, in the place of the images themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from clpips.errors import DatasetError, ImageError
from clpips.features.embedding.compute import MIN_SIDE
from clpips.identity.foreground import cleaned_mask, foreground, read_mask
from clpips.identity.rank_run import RankTables
from clpips.io.image_files import read_picture
from clpips.io.image_tables import ImageRow
from clpips.progress import Watch


class MaskedImages:
    """Pictures of foregrounds, black outside; each image and mask once.

    Every image keeps the path that its table names. One that has no mask, or an empty one, gets the
    path of a file that does not exist: it is left out like an image that cannot be read. Two black
    pictures would be alike by construction.

    Args:
        folder: receives the pictures.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[tuple[str, str], str] = {}
        self._images: dict[str, str] = {}
        self._reasons: dict[str, str] = {}

    def path(self, image: str, mask: str) -> str:
        """The file of an image's foreground."""
        made = self._made.get((image, mask))
        if made is None:
            made = str(self._folder / f"{len(self._made)}.png")
            self._made[image, mask] = made
            self._images[made] = image
            try:
                self._write(image, mask, made)
            except (ImageError, OSError) as error:
                self._reasons[made] = str(error)
        return made

    def reasons(self, unusable: Mapping[str, str]) -> dict[str, str]:
        """Why images could not be used, in the words of the image that the table names."""
        return {
            path: self._reasons.get(path) or reason.replace(path, self._images.get(path, path))
            for path, reason in unusable.items()
        }

    @staticmethod
    def _write(image: str, mask: str, made: str) -> None:
        picture = read_picture(Path(image).read_bytes(), image, min_side=MIN_SIDE)
        if not mask:
            raise ImageError(f"{image}: no mask belongs to it")
        cleaned = cleaned_mask(read_mask(Path(mask).read_bytes(), mask))
        if not cleaned.any():
            raise ImageError(f"{image}: its mask {mask} shows no object")
        foreground(picture, cleaned).save(made, "PNG", compress_level=1)


@contextmanager
def masked_tables(tables: RankTables, watch: Watch) -> Iterator[tuple[RankTables, MaskedImages]]:
    """The same tables with the foregrounds of their images, for as long as the block runs.

    A reference that a query names (``ref_path``) has the mask of the row that shows the same file.

    Args:
        tables: whose rows have masks.
        watch: progress and cancel.

    Raises:
        DatasetError: a table without any mask.
        Cancelled: the caller cancelled.
    """
    for rows, name in (
        (tables.queries, "queries"),
        (tables.gallery, "gallery"),
        (tables.references, "references"),
        (tables.extra, "extra images"),
    ):
        if rows and not any(row.mask for row in rows):
            raise DatasetError(f"masks are wanted, and the table of {name} has none (mask_path)")
    known = {row.path: row.mask for row in tables.rows if row.mask}
    with TemporaryDirectory(prefix="clpips-masked-") as folder:
        images = MaskedImages(Path(folder))
        total = sum(map(len, (tables.queries, tables.gallery, tables.references, tables.extra)))
        done = 0

        def masked(rows: Sequence[ImageRow]) -> list[ImageRow]:
            nonlocal done
            found = []
            for row in rows:
                done += 1
                watch.report(done / total, f"Masking image {done:,} of {total:,}")
                ref = images.path(row.ref, known.get(row.ref, "")) if row.ref else ""
                found.append(replace(row, path=images.path(row.path, row.mask), ref=ref))
            return found

        yield (
            replace(
                tables,
                queries=masked(tables.queries),
                gallery=masked(tables.gallery),
                references=masked(tables.references),
                extra=masked(tables.extra),
            ),
            images,
        )
