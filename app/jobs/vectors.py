"""The job ``vectors``: the difference vectors of a study's candidates, computed once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch

from app.jobs.unusable import Unusable, check_none, named, reason_of
from app.store import Store
from app.study.types import Job, Study
from clpips.errors import InputError, StudyError
from clpips.features.base import Encoder
from clpips.features.names import Backbone
from clpips.features.registry import open_space, space_of
from clpips.io.images import load_image
from clpips.metric.observations import Observation, observe
from clpips.progress import Watch
from clpips.types import Ranking

BATCH = 8
THREADS = 1  # the web process runs on the same machine


def run(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
    """Compute a study's missing vectors, including those that appear meanwhile.

    Returns:
        ``{"n"}``, how many were computed; where an image cannot be used, also ``unusable``, its
        pairs, and ``left_out``, a sentence for each of their targets.

    Raises:
        WeightsError: the network's weights are not available.
        Cancelled: the job was cancelled; what was computed is kept.
    """
    study, total = store.studies.get(job.payload["study_id"]), 0
    unusable: Unusable = {}
    while computed := compute_missing(store, study, watch, unusable):
        total += computed
    if not unusable:
        return {"n": total}
    left_out = named(store, study, unusable)
    return {"n": total, "unusable": [list(pair) for pair in unusable], "left_out": left_out}


def compute_missing(store: Store, study: Study, watch: Watch, unusable: Unusable) -> int:
    """Compute and store the missing vectors of a study's candidates; returns how many.

    Args:
        store, study, watch: of the job.
        unusable: receives the pairs with an image that cannot be used; those that are in it
            already are not tried again.

    Raises:
        WeightsError, Cancelled: as :func:`run`.
    """
    backbone = study.settings.backbone
    missing = store.vectors.missing(study.id, backbone, checksum=checksum(backbone))
    pairs = [pair for pair in missing if pair not in unusable]
    return compute(store, pairs, backbone, watch, unusable)


def compute_all(
    store: Store, pairs: list[tuple[str, str]], backbone: Backbone, watch: Watch
) -> int:
    """:func:`compute` for work that needs every pair.

    Raises:
        ImageError: an image that cannot be used; the message names no path.
        WeightsError, Cancelled: as :func:`run`.
    """
    unusable: Unusable = {}
    computed = compute(store, pairs, backbone, watch, unusable)
    check_none(unusable)
    return computed


def compute(
    store: Store,
    pairs: list[tuple[str, str]],
    backbone: Backbone,
    watch: Watch,
    unusable: Unusable,
) -> int:
    """Compute and store the vectors of pairs of (target, image) hashes, target by target.

    The network is not loaded where there is nothing to compute.

    Args:
        store, watch: of the job.
        pairs: which ones.
        backbone: the feature space.
        unusable: receives the pairs with an image that cannot be used, and why.

    Returns:
        how many were computed.
    """
    by_target: dict[str, list[str]] = defaultdict(list)
    for target, image in pairs:
        by_target[target].append(image)
    done = computed = 0
    for target, images in by_target.items():
        watch.report(done / len(pairs), f"Comparing image {done + 1} of {len(pairs)}…")
        part = watch.part(done / len(pairs), len(images) / len(pairs))
        try:
            usable = images
            _of_target(store, target, usable, backbone, part)
        except InputError:
            usable = _usable(store, target, images, unusable)
            usable = _try_again(store, target, usable, backbone, part, unusable)
        computed += len(usable)
        done += len(images)
    return computed


def _of_target(
    store: Store, target: str, images: Sequence[str], backbone: Backbone, watch: Watch
) -> None:
    """Compute and store the vectors of one target's images."""
    frozen = network(backbone)
    found = frozen.difference_vectors(
        store.images.path(target),
        [store.images.path(image) for image in images],
        batch_size=BATCH,
        watch=watch,
    )
    store.vectors.add(
        (target, image, backbone, frozen.checksum, vector, resized)
        for image, vector, resized in zip(images, found.vectors, found.resized, strict=True)
    )


def _usable(store: Store, target: str, images: Sequence[str], unusable: Unusable) -> list[str]:
    """The images that can be read; the others, or all with their target, become unusable."""
    reason = _cannot_read(store, target)
    if reason is not None:
        unusable.update({(target, image): reason for image in images})
        return []
    reasons = {image: _cannot_read(store, image) for image in images}
    unusable.update({(target, image): why for image, why in reasons.items() if why is not None})
    return [image for image, why in reasons.items() if why is None]


def _try_again(
    store: Store,
    target: str,
    images: list[str],
    backbone: Backbone,
    watch: Watch,
    unusable: Unusable,
) -> list[str]:
    """Compute what can be read; a target that the network itself refuses is unusable."""
    if not images:
        return images
    try:
        _of_target(store, target, images, backbone, watch)
    except InputError as error:
        paths = [store.images.path(sha) for sha in (target, *images)]
        unusable.update({(target, image): reason_of(error, paths) for image in images})
        return []
    return images


def _cannot_read(store: Store, sha: str) -> str | None:
    path = store.images.path(sha)
    try:
        load_image(path)
    except InputError as error:
        return reason_of(error, [path])
    return None


def observations(
    store: Store, rankings: Sequence[Ranking], backbone: Backbone
) -> list[Observation]:
    """Rankings with their difference vectors, which must all be stored.

    Raises:
        StudyError: a difference vector is missing.
    """
    pairs = [(ranking.target, image) for ranking in rankings for image in ranking.images]
    known = store.vectors.of_pairs(pairs, backbone, checksum=checksum(backbone))
    absent = next((pair for pair in pairs if pair not in known), None)
    if absent is not None:
        raise StudyError(f"a fit needs every difference vector, got none for image {absent[1]!r}")
    return observe(rankings, lambda: network(backbone), known=known)


def requeue_if_stale(store: Store, study_id: int) -> None:
    """Queue the job once more if there are candidates that the job that just ended did not see.

    While it ran, a new request returned the running job. What it could not use is not asked for
    again.
    """
    study = store.studies.get(study_id)
    backbone = study.settings.backbone
    ended = store.jobs.latest(study_id, kinds=["vectors"], limit=1)
    known = {tuple(pair) for job in ended for pair in job.result.get("unusable") or ()}
    missing = store.vectors.missing(study_id, backbone, checksum=checksum(backbone))
    if not known.issuperset(missing):
        store.jobs.enqueue(
            "vectors", {"study_id": study_id}, study_id=study_id, key=f"vectors:{study_id}"
        )


def checksum(backbone: Backbone) -> str | None:
    """The checksum that vectors must carry; ``None`` for a network whose weights vary."""
    return space_of(backbone).checksum or None


@lru_cache(maxsize=3)
def network(backbone: Backbone) -> Encoder:
    """The frozen network, loaded on first use and kept.

    Raises:
        WeightsError: its weights could not be had.
    """
    torch.set_num_threads(THREADS)
    return open_space(backbone)
