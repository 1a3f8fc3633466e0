"""What a near-identity set holds: identities, each with up to three views and their distractors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeAlias

VIEWS = 3
SPLITS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Identity:
    """One object.

    Args:
        id: unique in its set.
        category: may be empty.
        split: ``train``, ``val`` or ``test``; empty where the set states none.
    """

    id: str
    category: str = ""
    split: str = ""


@dataclass(frozen=True, slots=True)
class Slot:
    """One image of an identity: a view or a distractor.

    Args:
        key: the name by which an embeddings file knows it.
        where: names it in messages: file, row and column.
        path: its file; empty where the picture lies in a table, or files were not asked for.
        data: the picture's file as bytes, where it lies in a table.
        mask_path, mask_data: the same for its foreground mask, where it has one. A distractor
            without one of its own has its view's.
    """

    key: str
    where: str
    path: str = ""
    data: bytes | None = None
    mask_path: str = ""
    mask_data: bytes | None = None

    def read(self) -> bytes:
        """The picture's file."""
        return Path(self.path).read_bytes() if self.data is None else self.data

    def with_mask_of(self, view: Slot | None) -> Slot:
        """The same slot with its view's mask, if it has none of its own."""
        if view is None or self.mask_path or self.mask_data is not None:
            return self
        return replace(self, mask_path=view.mask_path, mask_data=view.mask_data)

    def read_mask(self) -> bytes | None:
        """The mask's file; ``None`` where there is none."""
        if self.mask_data is None and self.mask_path:
            return Path(self.mask_path).read_bytes()
        return self.mask_data


Slots: TypeAlias = tuple[Slot | None, ...]
"""Three; ``None`` where there is no image. Places are kept."""


def with_view_masks(slots: Slots, views: Slots) -> Slots:
    """Distractors, each with its own mask or that of the view on whose background it stands."""
    pairs = zip(slots, views, strict=True)
    return tuple(None if slot is None else slot.with_mask_of(view) for slot, view in pairs)


@dataclass(frozen=True, slots=True)
class Views:
    """The images of one identity.

    Args:
        identity: whose.
        positives: its three views.
        distractors: by source, the other objects on the views' backgrounds, place by place.
    """

    identity: Identity
    positives: Slots
    distractors: Mapping[str, Slots]


class NearIdentitySet(Protocol):
    """A near-identity set on disk, in either layout; pictures are read when they are needed."""

    @property
    def path(self) -> Path:
        """Its folder or file."""
        ...

    @property
    def identities(self) -> Sequence[Identity]:
        """In the set's order."""
        ...

    @property
    def sources(self) -> Sequence[str]:
        """The distractors' generators; at least one."""
        ...

    @property
    def has_masks(self) -> bool:
        """Whether any image has a foreground mask."""
        ...

    def views(self, chosen: Sequence[int] | None = None) -> Iterator[Views]:
        """The images of identities by their rising positions; of all by default."""
        ...
