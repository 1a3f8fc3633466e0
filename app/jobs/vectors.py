"""The job ``vectors``: the difference vectors of a study's candidates, computed once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch

from app.store import Store
from app.study.types import Job, Study
from clpips.errors import StudyError
from clpips.features.base import Encoder
from clpips.features.names import Backbone
from clpips.features.registry import open_space, space_of
from clpips.metric.observations import Observation, observe
from clpips.progress import Watch
from clpips.types import Ranking

BATCH = 8
THREADS = 1  # the web process runs on the same machine


def run(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
    """Compute a study's missing vectors, including those that appear meanwhile.

    Returns:
        ``{"n"}``, how many were computed.

    Raises:
        WeightsError: the network's weights are not available.
        ImageError: an image that cannot be read.
        Cancelled: the job was cancelled; what was computed is kept.
    """
    study, total = store.studies.get(job.payload["study_id"]), 0
    while computed := compute_missing(store, study, watch):
        total += computed
    return {"n": total}


def compute_missing(store: Store, study: Study, watch: Watch) -> int:
    """Compute and store the missing vectors of a study's candidates; returns how many.

    Raises:
        WeightsError, ImageError, Cancelled: as :func:`run`.
    """
    backbone = study.settings.backbone
    missing = store.vectors.missing(study.id, backbone, checksum=checksum(backbone))
    return compute(store, missing, backbone, watch)


def compute(store: Store, pairs: list[tuple[str, str]], backbone: Backbone, watch: Watch) -> int:
    """Compute and store the vectors of pairs of (target, image) hashes, target by target.

    The network is not loaded where there is nothing to compute.
    """
    by_target: dict[str, list[str]] = defaultdict(list)
    for target, image in pairs:
        by_target[target].append(image)
    done = 0
    for target, images in by_target.items():
        watch.report(done / len(pairs), f"Comparing image {done + 1} of {len(pairs)}…")
        frozen = network(backbone)
        found = frozen.difference_vectors(
            store.images.path(target),
            [store.images.path(image) for image in images],
            batch_size=BATCH,
            watch=watch.part(done / len(pairs), len(images) / len(pairs)),
        )
        store.vectors.add(
            (target, image, backbone, frozen.checksum, vector, resized)
            for image, vector, resized in zip(images, found.vectors, found.resized, strict=True)
        )
        done += len(images)
    return done


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

    While it ran, a new request returned the running job.
    """
    study = store.studies.get(study_id)
    backbone = study.settings.backbone
    if store.vectors.missing(study_id, backbone, checksum=checksum(backbone)):
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
