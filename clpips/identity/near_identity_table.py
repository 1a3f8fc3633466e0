"""Near-identity sets as a folder with ``nearid.csv``, one row an image.

Columns ``id,kind,source,view,file_path[,mask_path,category,split]``: ``kind`` is ``positive`` or
``distractor``, ``view`` is 1…3, ``source`` names what generated a distractor and is empty for
positives. Paths are relative to the table's folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clpips.errors import DatasetError
from clpips.identity.views import SPLITS, VIEWS, Identity, Slot, Slots, Views, with_view_masks
from clpips.io.atomic_files import write_files
from clpips.io.csv_files import csv_bytes
from clpips.io.image_names import ImageFolder
from clpips.io.table_cells import image_cell, text_cell
from clpips.io.tabular_files import Layout, file_rows
from clpips.text import quoted

TABLE = "nearid.csv"
REQUIRED = ("id", "kind", "source", "view", "file_path")
OPTIONAL = ("mask_path", "category", "split")
LAYOUT = Layout("a near-identity table", REQUIRED, OPTIONAL, DatasetError)
POSITIVE, DISTRACTOR = "positive", "distractor"


@dataclass(frozen=True, slots=True)
class NearIdentityRow:
    """One image of a near-identity table.

    Args:
        id: its identity.
        view: 1, 2 or 3; for a distractor, the view whose background it shares.
        file_path: relative to the table's folder.
        source: what generated a distractor; empty for a view of the identity itself.
        mask_path: its foreground mask; a distractor without one uses its view's.
        category: the identity's; may be empty.
        split: ``train``, ``val`` or ``test``; may be empty.
    """

    id: str
    view: int
    file_path: str
    source: str = ""
    mask_path: str = ""
    category: str = ""
    split: str = ""

    @property
    def kind(self) -> str:
        """``positive``, or ``distractor`` where it has a source."""
        return DISTRACTOR if self.source else POSITIVE


@dataclass(frozen=True)
class NearIdentityTable:
    """A set whose images are files (:class:`clpips.identity.views.NearIdentitySet`)."""

    path: Path
    identities: tuple[Identity, ...]
    sources: tuple[str, ...]
    slots: Mapping[tuple[str, str, int], Slot]
    """By id, source (empty for positives) and view from 1."""

    @property
    def has_masks(self) -> bool:
        """Whether any row names a mask, where masks were asked for."""
        return any(slot.mask_path for slot in self.slots.values())

    def of_sources(self, sources: Sequence[str]) -> NearIdentityTable:
        """The same set with some of its sources."""
        return replace(self, sources=tuple(sources))

    def views(self, chosen: Sequence[int] | None = None) -> Iterator[Views]:
        """The images of identities by their positions; of all by default."""
        for position in range(len(self.identities)) if chosen is None else chosen:
            identity = self.identities[position]
            own = self._of(identity, "")
            yield Views(
                identity,
                own,
                {each: with_view_masks(self._of(identity, each), own) for each in self.sources},
            )

    def _of(self, identity: Identity, source: str) -> Slots:
        return tuple(self.slots.get((identity.id, source, view)) for view in range(1, VIEWS + 1))


def read_near_identity_table(
    table: str | os.PathLike[str],
    *,
    image_dir: str | os.PathLike[str] | None = None,
    files: bool = True,
    masks: bool = False,
    notes: list[str] | None = None,
) -> NearIdentityTable:
    """Read ``nearid.csv`` (or the same columns as Parquet or JSON Lines).

    Args:
        table: the file.
        image_dir: what paths are relative to; by default the table's own folder.
        files: whether every image has to be there; not needed where embeddings are given.
        masks: whether every mask that is named has to be there.
        notes: receives what was found that the table's owner may not expect.

    Raises:
        DatasetError: a missing column, an impossible cell, a place that is filled twice, an image
            that is not there, a distractor of no identity, or a set without distractors. The
            sentence names file, row (the header is row 1) and rule.
    """
    source = Path(table)
    images = ImageFolder(Path(image_dir) if image_dir is not None else source.parent)
    slots: dict[tuple[str, str, int], Slot] = {}
    numbers: dict[tuple[str, str, int], int] = {}
    identities: dict[str, Identity] = {}
    sources: dict[str, int] = {}
    own = [] if notes is None else notes
    for number, cells in file_rows(source, LAYOUT, own):
        row = _row(source, number, cells)
        place = (row.id, row.source, row.view)
        if numbers.setdefault(place, number) != number:
            raise LAYOUT.wrong(
                source,
                number,
                f"{row.kind} {row.view} of {quoted(row.id)} must appear once, "
                f"got {quoted(row.file_path)} (first in row {numbers[place]})",
            )
        slots[place] = _slot(source, number, row, images if files else None, masks)
        if row.source:
            sources.setdefault(row.source, number)
        identities[row.id] = _merged(source, number, identities.get(row.id), row)
    _check_whole(source, numbers, sources)
    repeated = len(slots) - len({slot.path or slot.key for slot in slots.values()})
    if repeated:
        own.append(f"{source}: {repeated} images stand in more than one place.")
    return NearIdentityTable(source, tuple(identities.values()), tuple(sources), slots)


def write_near_identity_table(
    rows: Sequence[NearIdentityRow], folder: str | os.PathLike[str]
) -> Path:
    """Write ``nearid.csv`` into a folder, in one step; returns its path.

    Optional columns appear where a row has them. The images are not touched.
    """
    optional = [column for column in OPTIONAL if any(getattr(row, column) for row in rows)]
    columns = (*REQUIRED, *optional)
    cells = [{column: getattr(row, column) for column in columns} for row in rows]
    path = Path(folder) / TABLE
    write_files({path: csv_bytes(columns, cells)})
    return path


def _row(source: Path, number: int, cells: Mapping[str, Any]) -> NearIdentityRow:
    text = {
        column: text_cell(LAYOUT, source, number, cells, column)
        for column in (*REQUIRED, *OPTIONAL)
        if column != "view"
    }
    for column in ("id", "file_path"):
        if not text[column]:
            raise LAYOUT.wrong(source, number, f"{column} must not be empty")
    kind = text.pop("kind")
    if kind not in (POSITIVE, DISTRACTOR):
        raise LAYOUT.wrong(
            source, number, f"kind must be positive or distractor, got {quoted(kind)}"
        )
    if (kind == POSITIVE) == bool(text["source"]):
        rule = "be empty for a positive" if kind == POSITIVE else "name a distractor's generator"
        raise LAYOUT.wrong(source, number, f"source must {rule}, got {quoted(text['source'])}")
    if text["split"] not in ("", *SPLITS):
        raise LAYOUT.wrong(
            source, number, f"split must be one of {SPLITS}, got {quoted(text['split'])}"
        )
    return NearIdentityRow(view=_view(source, number, cells.get("view")), **text)


def _view(source: Path, number: int, cell: Any) -> int:
    text = str(cell).strip()
    if isinstance(cell, float) and cell.is_integer():
        text = str(int(cell))
    if text not in [str(view) for view in range(1, VIEWS + 1)]:
        raise LAYOUT.wrong(source, number, f"view must be 1, 2 or 3, got {quoted(cell)}")
    return int(text)


def _slot(
    source: Path, number: int, row: NearIdentityRow, images: ImageFolder | None, masks: bool
) -> Slot:
    where = f"{source}, row {number}"
    if images is None:
        return Slot(row.file_path, where)
    path = image_cell(LAYOUT, source, number, "file_path", row.file_path, images)
    mask = ""
    if masks and row.mask_path:
        mask = image_cell(LAYOUT, source, number, "mask_path", row.mask_path, images)
    return Slot(row.file_path, where, path, mask_path=mask)


def _merged(source: Path, number: int, known: Identity | None, row: NearIdentityRow) -> Identity:
    """The identity with what this row says of it."""
    known = known or Identity(row.id)
    for column in ("category", "split"):
        before, now = getattr(known, column), getattr(row, column)
        if before and now and before != now:
            raise LAYOUT.wrong(
                source,
                number,
                f"{column} must be the same in all rows of {quoted(row.id)}, "
                f"got {quoted(now)} after {quoted(before)}",
            )
    return Identity(row.id, known.category or row.category, known.split or row.split)


def _check_whole(
    source: Path, numbers: Mapping[tuple[str, str, int], int], sources: Mapping[str, int]
) -> None:
    if not sources:
        raise LAYOUT.not_one(source, "hold at least one distractor, got none")
    owned = {id_ for id_, generator, _ in numbers if not generator}
    for (id_, generator, _), number in numbers.items():
        if generator and id_ not in owned:
            raise LAYOUT.wrong(
                source, number, f"id {quoted(id_)} has a distractor and must have a positive"
            )
