"""The pictures of slots: read, cut down to their foreground, embedded."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image

from clpips.errors import DatasetError, ImageError
from clpips.features.embedding.compute import MIN_SIDE as ENCODER_SIDE
from clpips.features.embedding.encoder import Embeddings
from clpips.identity.foreground import Mask, cleaned_mask, foreground, read_mask
from clpips.identity.views import Slot
from clpips.io.image_files import MIN_SIDE, read_picture
from clpips.progress import Watch

Embed: TypeAlias = Callable[[Sequence[tuple[str, str]], Watch, dict[str, str]], Embeddings]
"""(key, path) of images, progress, and what receives why a path cannot be used → (n, d) unit rows,
NaN where one cannot."""
Distances: TypeAlias = Callable[[Image.Image, Sequence[Image.Image]], Sequence[float]]
"""A picture and others → the others' distances from it; smaller is nearer."""


@dataclass
class SlotPictures:
    """Reads slots' pictures and keeps account of those that cannot be used.

    Args:
        masks: whether to show the foreground alone. A picture without a mask is then left out.
        clean: whether masks are cleaned first (:func:`clpips.identity.foreground.cleaned_mask`);
            else everything that is not black is foreground.
        skip_unreadable: take a picture that cannot be read for a missing one.

    Attributes:
        unusable: pictures that could not be read, by where they stand, and why.
        n_without_mask: pictures left out because no mask, or an empty one, belongs to them.
    """

    masks: bool = False
    clean: bool = True
    skip_unreadable: bool = False
    unusable: dict[str, str] = field(default_factory=dict)
    n_without_mask: int = 0

    def read(self, slot: Slot, *, min_side: int = MIN_SIDE) -> Image.Image | None:
        """A picture; ``None`` where it cannot be used, for example below ``min_side`` pixels.

        Raises:
            DatasetError: it cannot be read, and is not to be skipped.
        """
        try:
            picture = read_picture(slot.read(), slot.where, min_side=min_side)
            if not self.masks:
                return picture
            mask = self._mask(slot)
        except (ImageError, OSError) as error:
            self._note(slot.where, str(error))
            return None
        if mask is None or not mask.any():
            self.n_without_mask += 1
            return None
        return foreground(picture, mask)

    def embed(
        self, slots: Sequence[Slot], embed: Embed, watch: Watch, *, files: bool = True
    ) -> Embeddings:
        """(slots, d) embeddings; NaN where a picture cannot be used.

        Args:
            slots: of which the pictures are.
            embed: the encoder.
            watch: progress and cancel.
            files: whether it reads the pictures' files; else it knows them by their keys.

        Raises:
            DatasetError: a picture cannot be read, and is not to be skipped.
        """
        bad: dict[str, str] = {}
        with tempfile.TemporaryDirectory(prefix="clpips-pictures-") as folder:
            paths = [
                self._file(slot, Path(folder) / f"{number}.png") if files else ""
                for number, slot in enumerate(slots)
            ]
            there = [number for number, path in enumerate(paths) if path is not None]
            if not there:
                return np.full((len(slots), 1), np.nan, dtype=np.float32)
            vectors = embed([(slots[n].key, paths[n] or "") for n in there], watch, bad)
        for number in there:
            path = paths[number] or ""
            if path in bad:
                self._note(slots[number].where, bad[path].removeprefix(f"{path}: "))
        found = np.full((len(slots), vectors.shape[1]), np.nan, dtype=np.float32)
        found[there] = vectors
        return found

    def _mask(self, slot: Slot) -> Mask | None:
        data = slot.read_mask()
        if data is None:
            return None
        grey = read_mask(data, f"{slot.where}, mask")
        return cleaned_mask(grey) if self.clean else grey > 0

    def _file(self, slot: Slot, fresh: Path) -> str | None:
        """The file that shows a picture to the encoder, perhaps a fresh one."""
        if not self.masks:
            if slot.data is None:
                return slot.path
            fresh.write_bytes(slot.data)
            return str(fresh)
        picture = self.read(slot, min_side=ENCODER_SIDE)
        if picture is None:
            return None
        picture.save(fresh, "PNG", compress_level=1)
        return str(fresh)

    def _note(self, where: str, reason: str) -> None:
        if not self.skip_unreadable:
            words = reason if reason.startswith(where) else f"{where}: {reason}"
            raise DatasetError(f"{words} (--skip-unreadable counts such images as missing)")
        self.unusable[where] = reason
