"""Many pairs (target, image) → difference vectors, with as few network passes as memory allows.

A picture's features depend on the picture and on the size it is compared at, which is its
target's. So each target and, for each size, each image is passed through the network once, in
batches, however many pairs it occurs in. Only if the features of targets that share images do not
fit in memory together are these images passed again, once per group of targets that fits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from clpips.errors import ImageError
from clpips.features.base import Encoder, Vectors
from clpips.io.images import load_image, resize_like
from clpips.progress import Watch

Pair: TypeAlias = tuple[str, str]
"""A target and an image, as paths."""
Unusable: TypeAlias = dict[str, str]
"""Pictures that cannot be used, and why."""
_Features: TypeAlias = tuple[Tensor, ...]

FEATURE_BYTES = 512 << 20
"""Features of targets kept in memory at once, in bytes."""


def compute(
    missing: Mapping[str, Sequence[str]],
    encoder: Encoder,
    watch: Watch,
    unusable: Unusable | None = None,
) -> Iterator[tuple[str, str, Vectors]]:
    """The difference vectors of some pairs, as they are found: (target, image, (channels,)).

    Args:
        missing: for each target, the images to compare with it, no two the same.
        encoder: the networks.
        watch: progress and cancel.
        unusable: receives the pictures that cannot be used; pairs with them are left out.

    Raises:
        ImageError: an image that cannot be used, where there is no ``unusable``.
        Cancelled: the caller cancelled.
    """
    total, done = sum(map(len, missing.values())), 0
    for targets in _sharing_images(missing):
        share = _Share(encoder, unusable)
        for number, target in enumerate(targets, start=1):
            watch.report(done / total, f"Comparing image {done + 1} of {total}")
            share.add(target, missing[target])
            if number < len(targets) and share.bytes < FEATURE_BYTES:
                continue
            for found in share.compared():
                watch.report(done / total, f"Comparing image {done + 1} of {total}")
                done += len(found)
                yield from found
            share = _Share(encoder, unusable)


def _sharing_images(missing: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    """Groups of targets, such that targets of different groups share no image."""
    users: dict[str, list[str]] = defaultdict(list)
    for target, images in missing.items():
        for picture in (target, *images):
            users[picture].append(target)
    left = dict.fromkeys(missing)
    for first in missing:
        group = []
        reached = [first] if first in left else []
        left.pop(first, None)
        while reached:
            target = reached.pop()
            group.append(target)
            for picture in (target, *missing[target]):
                near = [each for each in users.pop(picture, ()) if each in left]
                for each in near:
                    left.pop(each, None)
                reached += near
        if group:
            yield group


class _Share:
    """Targets whose features are in memory together, and the images to compare with them."""

    def __init__(self, encoder: Encoder, unusable: Unusable | None) -> None:
        self.encoder, self.bytes, self.unusable = encoder, 0, unusable
        self.targets: dict[str, tuple[Tensor, _Features]] = {}
        self.wanted: dict[torch.Size, dict[str, list[str]]] = defaultdict(dict)

    def add(self, target: str, images: Sequence[str]) -> None:
        """Pass a target through the network."""
        try:
            picture = load_image(target)
            features = self.encoder.features(picture[None])
        except ImageError as error:
            self._leave_out(target, error)
            return
        self.targets[target] = picture, features
        self.bytes += sum(layer.nbytes for layer in features)
        for image in images:
            self.wanted[picture.shape].setdefault(image, []).append(target)

    def compared(self) -> Iterator[list[tuple[str, str, Vectors]]]:
        """Every pair's vector, a batch of images at a time."""
        for size, images in self.wanted.items():
            at_hand = [image for image in images if self._at_hand(image, size)]
            fresh = [image for image in images if not self._at_hand(image, size)]
            for image in at_hand:
                yield list(self._against([image], self.targets[image][1], images))
            step = self.encoder.batch_for(*size[1:])
            like = self.targets[next(iter(images.values()))[0]][0]
            for start in range(0, len(fresh), step):
                pictures = self._read(fresh[start : start + step], like)
                if pictures:
                    features = self.encoder.features(torch.stack([*pictures.values()]))
                    yield list(self._against([*pictures], features, images))

    def _read(self, images: Sequence[str], like: Tensor) -> dict[str, Tensor]:
        """The images that can be used, at the target's size."""
        found = {}
        for image in images:
            try:
                found[image] = resize_like(load_image(image), like)
            except ImageError as error:
                self._leave_out(image, error)
        return found

    def _leave_out(self, picture: str, error: ImageError) -> None:
        if self.unusable is None:
            raise error
        self.unusable[picture] = str(error)

    def _at_hand(self, image: str, size: torch.Size) -> bool:
        return image in self.targets and self.targets[image][0].shape == size

    def _against(
        self, batch: Sequence[str], features: _Features, targets_of: Mapping[str, Sequence[str]]
    ) -> Iterable[tuple[str, str, Vectors]]:
        """A batch of images, each compared with its own targets."""
        places: dict[str, list[int]] = defaultdict(list)
        for place, image in enumerate(batch):
            for target in targets_of[image]:
                places[target].append(place)
        for target, its in places.items():
            chosen = features if len(its) == len(batch) else [layer[its] for layer in features]
            vectors = self.encoder.differences(self.targets[target][1], chosen)
            for place, vector in zip(its, vectors, strict=True):
                yield target, batch[place], vector
