"""Blind pairs: two metrics rank the same new images, and the participant says which is right.

Both orders are compared from the nearest image on, up to the first place where they differ. There
each metric has one image that it ranks nearer than the other metric does. These two are shown
side by side in random order, without saying which metric prefers which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.jobs.rankings.interim_metric import difference_vectors, fit_interim_metric, stock_weights
from app.store import Store
from app.study.blind_pairs import ALIKE, PLACE, SIDE
from app.study.types import Study
from clpips.errors import StudyError
from clpips.generation.names import kind_of
from clpips.progress import Watch
from clpips.types import Provenance

LEAST_MADE = 8
"""Images generated for a blind pair; more if a round of the study has more."""

Made = Sequence[tuple[str, Provenance]]


def made_for(study: Study) -> int:
    """How many images a blind pair is chosen from; a pool has no more than its own."""
    if any(kind_of(maker) == "pool" for maker in study.settings.makers):
        return study.settings.candidates
    return max(LEAST_MADE, study.settings.made_per_round)


def pair(
    store: Store, study: Study, participant_id: int, target: str, made: Made, watch: Watch
) -> list[tuple[str, Provenance]]:
    """The two images of a blind pair; its provenance says which metric prefers each.

    Args:
        store: where images and rankings are.
        study: whose network compares.
        participant_id: whose metric meets the stock metric.
        target: hash of the target.
        made: hash and provenance of fresh images.
        watch: progress and cancel.

    Raises:
        StudyError: the person has no metric yet, or both orders are the same.
        WeightsError, Cancelled: as :func:`app.jobs.rankings.interim_metric.current_metric`.
    """
    watch.report(0.0, "Preparing the two images…")
    known = dict(made)  # an image that came out twice counts once
    images = list(known)
    found = difference_vectors(store, study, target, images, watch.part(0.0, 0.6))
    current = fit_interim_metric(store, study, participant_id, watch.part(0.6, 0.4))
    if current.metric != "personal":
        raise StudyError("a personal metric needs a ranking that is not all ties")
    personal, stock = found @ current.weights, found @ stock_weights(study)
    place, mine, theirs = first_difference(personal, stock)
    return [
        (images[which], _marked(known[images[which]], side, place, current.n_rankings))
        for which, side in ((mine, "personal"), (theirs, "stock"))
    ]


def first_difference(
    one: np.ndarray[tuple[int], np.dtype[np.float64]],
    other: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> tuple[int, int, int]:
    """Where two orders of the same images first differ.

    Args:
        one, other: (images,) distances.

    Returns:
        The place, from 1, and the image that each has there, by its index.

    Raises:
        StudyError: the orders are the same.
    """
    orders = np.argsort(one, kind="stable"), np.argsort(other, kind="stable")
    for place, (mine, theirs) in enumerate(zip(*orders, strict=True), start=1):
        if mine != theirs:
            return place, int(mine), int(theirs)
    raise StudyError(ALIKE)


def _marked(source: Provenance, side: str, place: int, n_rankings: int) -> Provenance:
    more = {SIDE: side, PLACE: place, "duel_rankings": n_rankings}
    return replace(source, options={**source.options, **more})
