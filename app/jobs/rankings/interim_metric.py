"""A participant's interim metric, while they are still taking part.

It is refitted on each request to everything that the participant has ranked so far, and shrunk
towards the weights of those who have completed the study. It is not stored: the metrics that
researchers fit and export come from the job ``fit``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from app.jobs.rankings.used import UsedRanking, current_rankings, pooled_prior
from app.jobs.vectors import checksum, compute_all, observations
from app.store import Store
from app.study.types import Study
from clpips.features.lpips import Vectors
from clpips.metric.clpips import CLPIPS
from clpips.metric.fittable import nothing_to_learn
from clpips.metric.pooled import PooledPrior
from clpips.progress import Watch
from clpips.types import Ranking


@dataclass(frozen=True, slots=True)
class InterimMetric:
    """Weights for one participant.

    Args:
        metric: ``personal``, or ``stock`` before any of their rankings compares two images
            that differ.
        weights: (channels,) in the space of the study.
        n_rankings: how many of their rankings it was fitted to.
    """

    metric: str
    weights: Vectors
    n_rankings: int


def fit_interim_metric(
    store: Store, study: Study, participant_id: int, watch: Watch
) -> InterimMetric:
    """Fit a participant's metric to everything that they have ranked so far.

    Raises:
        WeightsError: difference vectors are missing and the network's weights are not available.
        Cancelled: the job was cancelled.
    """
    metric = CLPIPS(study.settings.backbone)
    own = _comparing(current_rankings(store, study.id, participant_id=participant_id))
    if not own:
        return InterimMetric("stock", metric.weights, 0)
    rankings = [each.ranking for each in own]
    compute_all(
        store, _missing(store, rankings, metric.backbone), metric.backbone, watch.part(0.0, 0.5)
    )
    observed = observations(store, rankings, metric.backbone)
    if nothing_to_learn(observed) is not None:
        return InterimMetric("stock", metric.weights, 0)
    others = _others(store, study, participant_id)
    metric.fit(observed, prior=others, watch=watch.part(0.5, 0.5))
    return InterimMetric("personal", metric.weights, len(own))


def stock_weights(study: Study) -> Vectors:
    """(channels,) the unfitted weights of a study's space."""
    return CLPIPS(study.settings.backbone).weights


def difference_vectors(
    store: Store, study: Study, target: str, images: Sequence[str], watch: Watch
) -> Vectors:
    """(images, channels) difference vectors to a target; missing ones are computed and stored.

    Raises:
        WeightsError, ImageError, Cancelled: as :func:`app.jobs.vectors.compute_all`.
    """
    backbone = study.settings.backbone
    ranking = Ranking("", target, tuple(dict.fromkeys(images)), (1,) * len(set(images)))
    compute_all(store, _missing(store, [ranking], backbone), backbone, watch)
    pairs = [(target, image) for image in images]
    known = store.vectors.of_pairs(pairs, backbone, checksum=checksum(backbone))
    return np.stack([known[pair] for pair in pairs])


def _comparing(used: Sequence[UsedRanking]) -> list[UsedRanking]:
    return [each for each in used if len(set(each.ranking.ranks)) > 1]


def _missing(store: Store, rankings: Sequence[Ranking], backbone: str) -> list[tuple[str, str]]:
    pairs = [(each.target, image) for each in rankings for image in each.images]
    known = store.vectors.of_pairs(pairs, backbone, checksum=checksum(backbone))
    return [pair for pair in dict.fromkeys(pairs) if pair not in known]


def _others(store: Store, study: Study, participant_id: int) -> PooledPrior | None:
    """What those who completed the study have in common; ``None`` before two have."""
    done = tuple(
        person.id
        for person in store.participants.of_study(study.id)
        if person.completed_at is not None and person.id != participant_id
    )
    return (
        _pooled_prior_of(store, study.id, study.settings.backbone, done) if len(done) > 1 else None
    )


@lru_cache(maxsize=4)
def _pooled_prior_of(
    store: Store, study_id: int, backbone: str, people: tuple[int, ...]
) -> PooledPrior | None:
    """Their pooled weights, fitted once as long as nobody else completes the study."""
    used = [
        each
        for each in _comparing(current_rankings(store, study_id))
        if each.ranked.participant.id in people
    ]
    rankings = [each.ranking for each in used]
    compute_all(store, _missing(store, rankings, backbone), backbone, Watch())
    return pooled_prior(observations(store, rankings, backbone), backbone)
