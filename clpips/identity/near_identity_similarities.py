"""How similar the views of a near-identity set are to each other and to their distractors.

Identities are read, measured and forgotten a few at a time, so that memory does not grow with the
pictures: the published set has 316,505 distractors.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from PIL import Image

from clpips.errors import DatasetError, ImageError
from clpips.features.embedding.encoder import Embeddings
from clpips.identity.distractors import (
    Array,
    directed_margins,
    distractor_cosines,
    view_cosines,
)
from clpips.identity.foreground import cleaned_mask, foreground, read_mask
from clpips.identity.views import VIEWS, Identity, NearIdentitySet, Slot, Views
from clpips.io.image_files import read_picture
from clpips.progress import Watch

AT_ONCE = 64
"""Identities that are embedded together."""

Embed: TypeAlias = Callable[[Sequence[tuple[str, str]], dict[str, str]], Embeddings]
"""(key, path) of images, and a dictionary that receives why a path cannot be used →
(n, d) unit rows, NaN where one cannot."""
Distances: TypeAlias = Callable[[Image.Image, Sequence[Image.Image]], Sequence[float]]
"""A picture and others → the others' distances from it; smaller is nearer."""


@dataclass
class Similarities:
    """What was measured, identity by identity.

    Args:
        identities: those that were measured.
        between: (identities, 3, 3); [n, i, j] is how similar view j is to view i.
        cross: by source, (identities, 3): how similar a distractor is to its view.
        unusable: pictures that could not be read, and why; they count as missing.
        n_without_mask: pictures left out because no mask, or an empty one, belongs to them.
    """

    identities: list[Identity]
    between: Array
    cross: dict[str, Array]
    unusable: dict[str, str] = field(default_factory=dict)
    n_without_mask: int = 0

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
    files: bool = True,
    masks: bool = False,
    skip_unreadable: bool = False,
    watch: Watch | None = None,
) -> Similarities:
    """Cosines of embeddings.

    Args:
        dataset: the set.
        embed: the encoder.
        chosen: rising positions of its identities.
        files: whether ``embed`` reads the pictures' files; else it knows them by their keys.
        masks: show the encoder the foreground alone: everything outside the mask is black. A
            distractor without a mask of its own takes its view's; a picture without a mask is
            left out and counted.
        skip_unreadable: take a picture that cannot be read for a missing one.
        watch: progress and cancel.

    Raises:
        DatasetError: a picture cannot be read; the sentence names file, row and column.
    """
    found = Similarities.empty(dataset, chosen)
    for start, block in _blocks(dataset, chosen, AT_ONCE, watch or Watch()):
        with tempfile.TemporaryDirectory(prefix="clpips-nearid-") as folder:
            places: list[_Place] = []
            rows: list[tuple[str, str]] = []
            where: dict[str, str] = {}
            for place, slot, view in _slots(block):
                path = slot.path if files else ""
                if files and (masks or not path):
                    path = str(Path(folder) / f"{len(rows)}.png")
                    if not _write(slot, view, Path(path), found, masks=masks):
                        continue
                places.append(place)
                rows.append((slot.key, path))
                where[path] = slot.where
            bad: dict[str, str] = {}
            vectors = embed(rows, bad) if rows else np.zeros((0, 1), dtype=np.float32)
            for path, reason in bad.items():
                found.unusable[where[path]] = reason.removeprefix(f"{Path(path).name}: ")
        _check_readable(found, skip_unreadable)
        _put(found, start, block, places, vectors)
    return found


def measured_similarities(
    dataset: NearIdentitySet,
    distances: Distances,
    chosen: Sequence[int],
    *,
    masks: bool = False,
    skip_unreadable: bool = False,
    watch: Watch | None = None,
) -> Similarities:
    """Minus the distances of a metric that compares two pictures.

    Each view is a target, with which the other views and the view's distractors are compared. The
    arguments are those of :func:`embedded_similarities`.

    Raises:
        DatasetError: a picture cannot be read; the sentence names file, row and column.
    """
    found = Similarities.empty(dataset, chosen)
    for start, block in _blocks(dataset, chosen, 1, watch or Watch()):
        pictures: dict[_Place, Image.Image] = {}
        for place, slot, view in _slots(block):
            picture = _read(slot, view, found, masks=masks)
            if picture is not None:
                pictures[place] = picture
        _check_readable(found, skip_unreadable)
        for target in [place for place in pictures if not place.source]:
            others = [
                place
                for place in pictures
                if (place.view == target.view if place.source else place.view != target.view)
            ]
            values = distances(pictures[target], [pictures[place] for place in others])
            for place, distance in zip(others, values, strict=True):
                if place.source:
                    found.cross[place.source][start, target.view] = -distance
                else:
                    found.between[start, target.view, place.view] = -distance
    return found


def _blocks(
    dataset: NearIdentitySet, chosen: Sequence[int], size: int, watch: Watch
) -> Iterator[tuple[int, list[Views]]]:
    """A few identities at a time, with the number of the first."""
    views = dataset.views(chosen)
    for start in range(0, len(chosen), size):
        watch.report(start / len(chosen), f"{start} of {len(chosen)} identities")
        yield start, list(islice(views, size))


def _slots(block: Sequence[Views]) -> Iterator[tuple[_Place, Slot, Slot | None]]:
    """Every image that is there, with its place and the view whose background it has."""
    for number, views in enumerate(block):
        for source, slots in (("", views.positives), *views.distractors.items()):
            for view, slot in enumerate(slots):
                if slot is not None:
                    yield _Place(number, source, view), slot, views.positives[view]


def _write(slot: Slot, view: Slot | None, path: Path, found: Similarities, *, masks: bool) -> bool:
    """Put an image into a file for the encoder; whether there is one."""
    if not masks:
        path.write_bytes(slot.read())
        return True
    picture = _read(slot, view, found, masks=True)
    if picture is None:
        return False
    picture.save(path, "PNG", compress_level=1)
    return True


def _read(slot: Slot, view: Slot | None, found: Similarities, *, masks: bool) -> Image.Image | None:
    """An image, perhaps its foreground alone; ``None`` where it cannot be used, which is noted."""
    try:
        picture = read_picture(slot.read(), slot.where)
        if not masks:
            return picture
        data = slot.read_mask() or (view.read_mask() if view is not None else None)
        mask = None if data is None else cleaned_mask(read_mask(data, f"{slot.where}, mask"))
    except (ImageError, OSError) as error:
        found.unusable[slot.where] = str(error)
        return None
    if mask is None or not mask.any():
        found.n_without_mask += 1
        return None
    return foreground(picture, mask)


def _check_readable(found: Similarities, skip: bool) -> None:
    if found.unusable and not skip:
        where, reason = next(iter(found.unusable.items()))
        words = reason if reason.startswith(where) else f"{where}: {reason}"
        raise DatasetError(f"{words} (--skip-unreadable counts such images as missing)")


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
