"""Other galleries from the same images: larger, smaller, by chance or by k-means.

The ablations of arXiv 2512.19026, as its released code does them, except that every draw here is
seeded; what they need are tables of images and, for k-means, their embeddings.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np

from clpips.errors import InputError
from clpips.identity.datasets.split import Identity, by_identity, drawn
from clpips.io.image_tables import ImageRow

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
GallerySize: TypeAlias = tuple[int | None, int | None]
"""Subjects per species, images per subject; ``None`` for all."""
SIZES: tuple[GallerySize, ...] = (
    (10, 10),
    (15, 10),
    (25, 10),
    (100, 10),
    (10, 1),
    (10, 5),
    (10, 20),
)
"""The released ablation."""
SIZE_SEED = 101
"""Of the draws of a gallery of another size."""
EXTRA_IMAGES, EXTRA_SEED = 15, 42
"""At most so many extra images of an identity join the pool, drawn with this seed."""


@dataclass(frozen=True, slots=True)
class GalleryChoice:
    """How a gallery's images are chosen.

    Args:
        by: ``random`` or ``kmeans``.
        images: of each identity, at most.
        seed: the release's, which depends on ``by``, where it is ``None``.
    """

    by: str
    images: int = 10
    seed: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def resized_gallery(
    gallery: Sequence[ImageRow],
    extra: Sequence[ImageRow],
    queried: Collection[Identity],
    *,
    subjects: int | None = None,
    images: int | None = None,
    seed: int = SIZE_SEED,
) -> list[ImageRow]:
    """A gallery with another number of identities, and of images of each.

    The pool of an identity is a sample of its extra images (:data:`EXTRA_IMAGES`, a new stream of
    :data:`EXTRA_SEED` for each identity), then its gallery images. Every queried identity stays.
    Where only identities are added, those of the gallery keep the images that they have there.
    Identities without queries are drawn from those of the same species in the order of their names;
    the release draws them without a seed.

    Args:
        gallery: the gallery's rows.
        extra: further images; only identities of species that are queried are used.
        queried: species and name of every identity that has queries.
        subjects: identities of each species, those queried included; all of them by default. A
            number that is no larger than that of the queried ones leaves these alone.
        images: at most so many of each identity; all by default.
        seed: of both draws: a new stream per species for identities and per identity for images.

    Returns:
        rows by species as queried, and by name.

    Raises:
        InputError: a number below 1.
    """
    for what, number in (("subjects", subjects), ("images", images)):
        if number is not None and number < 1:
            raise InputError(f"{what} must be at least 1, got {number}")
    pools = _pools(gallery, extra, joined=images is not None)
    found: list[ImageRow] = []
    for identity in _subjects(pools, queried, subjects, seed):
        pool = pools[identity]
        if images is not None:
            stream = np.random.RandomState(seed)
            pool = drawn(pool, min(images, len(pool)), stream)
        found += pool
    return found


def _pools(
    gallery: Sequence[ImageRow], extra: Sequence[ImageRow], *, joined: bool
) -> dict[Identity, list[ImageRow]]:
    """All images that an identity's gallery may come from; with its extra ones if ``joined``."""
    pools: dict[Identity, list[ImageRow]] = {}
    for identity, rows in by_identity(extra).items():
        stream = np.random.RandomState(EXTRA_SEED)
        pools[identity] = drawn(rows, min(EXTRA_IMAGES, len(rows)), stream)
    for identity, rows in by_identity(gallery).items():
        pools[identity] = (pools.get(identity, []) if joined else []) + rows
    return pools


def _subjects(
    pools: Collection[Identity], queried: Collection[Identity], subjects: int | None, seed: int
) -> list[Identity]:
    """The identities of the gallery: those queried, and others of the same species."""
    found: list[Identity] = []
    for species in dict.fromkeys(each for each, _ in queried):
        own = {each for each in queried if each[0] == species}
        others = sorted(each for each in pools if each[0] == species and each not in own)
        if subjects is not None:
            more = min(max(subjects - len(own), 0), len(others))
            places = np.random.RandomState(seed).choice(len(others), more, replace=False)
            others = [others[place] for place in places] if others else []
        found += sorted([*(each for each in own if each in pools), *others])
    return found


def random_gallery(
    gallery: Sequence[ImageRow],
    order: Sequence[Identity],
    *,
    images: int = 10,
    seed: int = 101,
) -> list[ImageRow]:
    """So many images of each identity by chance, equal to the release.

    Args:
        gallery: the gallery's rows.
        order: the identities in the order of the reference table; one stream of Python's
            ``random.Random`` serves them all, so that the order matters.
        images: at most so many of each identity.
        seed: of the stream.

    Returns:
        the rows of these identities that were chosen, in the gallery's order.
    """
    _check_images(images)
    stream = random.Random(seed)
    own = _places(gallery, order)
    chosen = [place for places in own for place in stream.sample(places, min(images, len(places)))]
    return [gallery[place] for place in sorted(chosen)]


def representative_gallery(
    gallery: Sequence[ImageRow],
    embeddings: Array,
    order: Sequence[Identity],
    *,
    images: int = 10,
    seed: int = 42,
) -> list[ImageRow]:
    """The images nearest to the centres of k-means clusters of each identity's embeddings.

    Equal to the release where the embeddings are (there MiewID's, not normalised). Where an
    identity has fewer different embeddings than images are wanted, it gets as many as there are.

    Args:
        gallery: the gallery's rows.
        embeddings: (n, d) one row for each of the gallery's; rows that are not finite are not
            chosen.
        order: the identities; their order does not matter.
        images: K, clusters of each identity.
        seed: of scikit-learn's ``KMeans``.

    Returns:
        the rows of these identities that were chosen, in the gallery's order.

    Raises:
        InputError: not one embedding for each row, or fewer images than 1.
    """
    _check_images(images)
    if embeddings.ndim != 2 or len(embeddings) != len(gallery):
        raise InputError(
            f"embeddings must have one row for each of {len(gallery)} images, got the shape "
            f"{embeddings.shape}"
        )
    finite = np.asarray(np.isfinite(embeddings).all(axis=1))
    chosen: list[int] = []
    for places in _places(gallery, order):
        own = [place for place in places if finite[place]]
        chosen += [own[at] for at in _representatives(embeddings[own], images, seed)]
    return [gallery[place] for place in sorted(chosen)]


def _representatives(embeddings: Array, clusters: int, seed: int) -> list[int]:
    """The row nearest to the centre of each cluster."""
    from sklearn.cluster import KMeans

    different = len(np.unique(embeddings, axis=0)) if len(embeddings) else 0
    if different == 0:
        return []
    means = KMeans(min(clusters, different), random_state=seed, n_init="auto", max_iter=300)
    cluster_of = means.fit_predict(embeddings)
    found = []
    for cluster, centre in enumerate(means.cluster_centers_):
        own = np.flatnonzero(cluster_of == cluster)
        if own.size:
            distances = np.linalg.norm(embeddings[own] - centre, axis=1)
            found.append(int(own[np.argmin(distances)]))
    return found


def _places(gallery: Sequence[ImageRow], order: Sequence[Identity]) -> list[list[int]]:
    """Where each identity's images are in the gallery."""
    places: dict[Identity, list[int]] = {identity: [] for identity in order}
    for place, row in enumerate(gallery):
        if row.identity in places:
            places[row.identity].append(place)
    return list(places.values())


def _check_images(images: int) -> None:
    if images < 1:
        raise InputError(f"images must be at least 1, got {images}")
