"""The job ``guide``: a participant's images measured by a metric, to show between rounds."""

from __future__ import annotations

from typing import Any

from app.jobs.rankings.interim_metric import (
    InterimMetric,
    difference_vectors,
    fit_interim_metric,
    stock_weights,
)
from app.store import Store
from app.study.types import Job, Study
from clpips.progress import Watch


def run(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
    """Measure all of a participant's images for one target so far.

    The same current metric measures them all, so that rounds can be compared.

    Returns:
        ``{"round_id", "metric", "n_rankings", "kept"}``.

    Raises:
        StudyError: there is no such round.
        WeightsError: the network's weights are not available.
        Cancelled: the job was cancelled.
    """
    asked = store.rounds.get(job.payload["round_id"])
    if job.study_id is None or job.participant_id is None:
        raise ValueError("a guide is for a participant of a study")
    study, person = store.studies.get(job.study_id), store.participants.get(job.participant_id)
    trial = store.rounds.of_trial(person.id, asked.trial_id)
    watch.report(0.0, "Measuring the images…")
    images = [each.image for one in trial.rounds for each in one.candidates]
    images = list(dict.fromkeys(images))
    found = difference_vectors(store, study, trial.target.image, images, watch.part(0.0, 0.7))
    current = _metric(store, study, person.id, person.guidance, watch.part(0.7, 0.3))
    away = dict(zip(images, (found @ current.weights).tolist(), strict=True))
    kept = store.guidance.add(asked.id, current.metric, current.n_rankings, away)
    return {
        "round_id": asked.id,
        "metric": current.metric,
        "n_rankings": current.n_rankings,
        "kept": kept,
    }


def _metric(
    store: Store, study: Study, participant_id: int, guidance: str, watch: Watch
) -> InterimMetric:
    if guidance == "personal":
        return fit_interim_metric(store, study, participant_id, watch)
    return InterimMetric("stock", stock_weights(study), 0)
