"""The pictures of a near-identity set as one list, and where each identity's stand in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from PIL import Image

from clpips.errors import DatasetError, ImageError
from clpips.identity.training_draws import NOTHING, TokenRows
from clpips.identity.views import VIEWS, NearIdentitySet, Slot
from clpips.io.image_files import read_picture


@dataclass(frozen=True)
class TrainingSlots:
    """All pictures of a set, each once.

    Args:
        slots: the pictures.
        rows: where every identity's stand among them.
        sources: of the distractors, in the order of ``rows``.
    """

    slots: tuple[Slot, ...]
    rows: TokenRows
    sources: tuple[str, ...]

    def picture(self, number: int) -> Image.Image:
        """One picture.

        Raises:
            DatasetError: it cannot be read.
        """
        slot = self.slots[number]
        try:
            return read_picture(slot.read(), slot.where)
        except (ImageError, OSError) as error:
            words = str(error)
            raise DatasetError(
                words if slot.where in words else f"{slot.where}: {words}"
            ) from error

    def contents(self) -> list[str]:
        """Every picture's SHA-256.

        Raises:
            DatasetError: one cannot be read.
        """
        try:
            return [hashlib.sha256(slot.read()).hexdigest() for slot in self.slots]
        except OSError as error:
            raise DatasetError(f"an image must be readable: {error}") from error


def training_slots(dataset: NearIdentitySet) -> TrainingSlots:
    """List a set's pictures; distractors in the order of its sources."""
    slots: list[Slot] = []
    shape = (len(dataset.identities), VIEWS)
    positives = np.full(shape, NOTHING, dtype=np.int64)
    distractors = np.full((shape[0], len(dataset.sources), VIEWS), NOTHING, dtype=np.int64)
    for index, views in enumerate(dataset.views()):
        places = [(positives[index], views.positives)]
        places += [
            (distractors[index, number], views.distractors[source])
            for number, source in enumerate(dataset.sources)
        ]
        for held, found in places:
            for view, slot in enumerate(found):
                if slot is not None:
                    held[view] = len(slots)
                    slots.append(slot)
    return TrainingSlots(tuple(slots), TokenRows(positives, distractors), tuple(dataset.sources))
