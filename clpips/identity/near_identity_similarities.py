"""How similar the views of a near-identity set are to each other and to their distractors.

Identities are read, measured and forgotten a few at a time, so that memory does not grow with the
pictures: the published set has 316,505 distractors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np

from clpips.features.embedding.encoder import Embeddings
from clpips.identity.distractors import (
    Array,
    directed_margins,
    distractor_cosines,
    view_cosines,
)
from clpips.identity.slot_pictures import Distances, Embed, SlotPictures
from clpips.identity.views import VIEWS, Identity, NearIdentitySet, Slot, Views
from clpips.progress import Watch

PICTURES_AT_ONCE = 512
"""So many pictures are embedded together, or those of one identity."""


@dataclass
class Similarities:
    """What was measured, identity by identity.

    Args:
        identities: those that were measured.
        between: (identities, 3, 3); [n, i, j] is how similar view j is to view i.
        cross: by source, (identities, 3): how similar a distractor is to its view.
    """

    identities: list[Identity]
    between: Array
    cross: dict[str, Array]

    @classmethod
    def empty(cls, dataset: NearIdentitySet, chosen: Sequence[int]) -> Similarities:
        """Nothing measured yet: NaN throughout."""
        return cls(
            [dataset.identities[position] for position in chosen],
            np.full((len(chosen), VIEWS, VIEWS), np.nan),
            {source: np.full((len(chosen), VIEWS), np.nan) for source in dataset.sources},
        )

    def margins(self) -> dict[str, Array]:
        """By source, (identities, 6) directed margins."""
        return {source: directed_margins(self.between, x) for source, x in self.cross.items()}


class _Place(NamedTuple):
    """Where an image belongs: an identity of the block, a source (empty for views), a view."""

    identity: int
    source: str
    view: int


def embedded_similarities(
    dataset: NearIdentitySet,
    embed: Embed,
    chosen: Sequence[int],
    *,
    pictures: SlotPictures | None = None,
    files: bool = True,
    watch: Watch | None = None,
) -> Similarities:
    """Cosines of embeddings.

    Args:
        dataset: the set.
        embed: the encoder.
        chosen: rising positions of the set's identities.
        pictures: how pictures are read: whole or foregrounds.
        files: whether ``embed`` reads the pictures' files; else it knows them by their keys.
        watch: progress and cancel.

    Raises:
        DatasetError: a picture cannot be read; the sentence names file, row and column.
    """
    found, reader = Similarities.empty(dataset, chosen), pictures or SlotPictures()
    size = max(1, PICTURES_AT_ONCE // (VIEWS * (1 + len(dataset.sources))))
    for start, block, part in _blocks(dataset, chosen, size, watch or Watch()):
        there = list(_slots(block))
        vectors = reader.embed([slot for _, slot in there], embed, part, files=files)
        _put(found, start, block, [place for place, _ in there], vectors)
    return found


def measured_similarities(
    dataset: NearIdentitySet,
    distances: Distances,
    chosen: Sequence[int],
    *,
    pictures: SlotPictures | None = None,
    watch: Watch | None = None,
) -> Similarities:
    """1 − the distances of a metric that compares two pictures.

    Each view is a target, with which the other views and the view's distractors are compared. The
    arguments are those of :func:`embedded_similarities`.

    Raises:
        DatasetError: a picture cannot be read; the sentence names file, row and column.
    """
    found, reader = Similarities.empty(dataset, chosen), pictures or SlotPictures()
    for start, block, _ in _blocks(dataset, chosen, 1, watch or Watch()):
        read = {place: reader.read(slot) for place, slot in _slots(block)}
        held = {place: picture for place, picture in read.items() if picture is not None}
        for target in [place for place in held if not place.source]:
            others = [place for place in held if _compared(target, place)]
            values = distances(held[target], [held[place] for place in others])
            for place, distance in zip(others, values, strict=True):
                if place.source:
                    found.cross[place.source][start, target.view] = 1 - distance
                else:
                    found.between[start, target.view, place.view] = 1 - distance
    return found


def _compared(target: _Place, other: _Place) -> bool:
    """A view is compared with the other views and with the distractors on its own background."""
    return (other.view == target.view) if other.source else (other.view != target.view)


def _blocks(
    dataset: NearIdentitySet, chosen: Sequence[int], size: int, watch: Watch
) -> Iterator[tuple[int, list[Views], Watch]]:
    """A few identities at a time, with the number of the first, and progress for them."""
    views, total = dataset.views(chosen), len(chosen)
    for start in range(0, total, size):
        words = f"Identity {start + 1:,} of {total:,}"
        watch.report(start / total, words)
        part = watch.part(start / total, min(size, total - start) / total, f"{words}: ")
        yield start, list(islice(views, size)), part


def _slots(block: Sequence[Views]) -> Iterator[tuple[_Place, Slot]]:
    """Every image that is there, with its place."""
    for number, views in enumerate(block):
        for source, slots in (("", views.positives), *views.distractors.items()):
            for view, slot in enumerate(slots):
                if slot is not None:
                    yield _Place(number, source, view), slot


def _put(
    found: Similarities,
    start: int,
    block: Sequence[Views],
    places: Sequence[_Place],
    vectors: Embeddings,
) -> None:
    """Fill in the similarities of a block of identities."""
    shape = (len(block), VIEWS, vectors.shape[1])
    held = {source: np.full(shape, np.nan, dtype=np.float32) for source in ("", *found.cross)}
    for place, vector in zip(places, vectors, strict=True):
        held[place.source][place.identity, place.view] = vector
    rows = slice(start, start + len(block))
    found.between[rows] = view_cosines(held[""])
    for source, cross in found.cross.items():
        cross[rows] = distractor_cosines(held[""], held[source])
