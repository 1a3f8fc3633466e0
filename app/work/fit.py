"""The job ``fit``: rankings → a personal or pooled metric, with its held-out report."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pingouin  # noqa: F401 # the report needs it; loading it must not count as fitting

from app.records import Fit
from app.steps import part
from app.store import Store
from app.work import folds
from app.work.names import slug
from app.work.plain import plain
from app.work.vectors import checksum, compute_missing
from clpips.errors import StudyError
from clpips.evaluation import fit_and_hold_out
from clpips.features import Vectors
from clpips.metric import CLPIPS
from clpips.observations import Observation
from clpips.types import Job, Participant, Ranking, Study
from clpips.watch import Watch

VECTORS_SHARE = 0.5  # of the progress bar, where vectors are missing at all


@dataclass(frozen=True, slots=True)
class Group:
    """Whose rankings one metric is fitted to; ``participant`` is ``None`` for everybody's."""

    participant: Participant | None
    rankings: Sequence[Ranking]

    @property
    def name(self) -> str:
        """What screens and file names call it."""
        return "pooled" if self.participant is None else self.participant.label


def run(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
    """Fit one person's metric, everybody's one by one, or the pooled one.

    Difference vectors that are missing are computed first. A job that is run again after a
    crash keeps the fits that it had finished.

    Returns:
        ``{"fits": [ids], "skipped": [{"participant": label, "reason": sentence}]}``.

    Raises:
        StudyError: no such study or scope, or a participant of another study.
        WeightsError: vectors are missing and the network's weights could not be had.
        Cancelled: somebody asked to stop; finished fits stay.
    """
    study = store.study(job.payload["study_id"])
    groups = _groups(store, study, job.payload)
    start = VECTORS_SHARE if compute_missing(store, study, part(watch, 0, VECTORS_SHARE)) else 0.0
    share = (1 - start) / max(len(groups), 1)
    kept = {fit.participant_id: fit.id for fit in store.fits(study.id) if fit.job_id == job.id}
    fits, skipped = [], []
    for number, group in enumerate(groups):
        watch.report(start + share * number, f"Fitting {group.name}…")
        reason = _cannot_fit(group)
        if reason is not None:
            skipped.append({"participant": group.name, "reason": reason})
            continue
        whose = None if group.participant is None else group.participant.id
        if whose not in kept:
            following = part(watch, start + share * number, share, prefix=f"{group.name}: ")
            kept[whose] = fit_group(store, study, group, job, following).id
        fits.append(kept[whose])
    return {"fits": fits, "skipped": skipped}


def fit_group(store: Store, study: Study, group: Group, job: Job, watch: Watch) -> Fit:
    """Fit one metric to rankings whose difference vectors are at hand, and keep it.

    Raises:
        StudyError: a difference vector is missing.
        InputError: no ranking makes a comparison.
        Cancelled: the watch asked to stop; nothing was kept.
    """
    started = time.perf_counter()
    metric = CLPIPS(study.settings.backbone)
    observations = _observations(store, study, group.rankings)
    held_out = fit_and_hold_out(metric, observations, watch=watch)
    told = None if held_out is None else plain(held_out.to_dict())
    true_layers = _true_layers(store, study, group.participant)
    report = {
        "held_out": told,
        "reason": None if told is not None else _only_one_target(),
        "layers": _layers(metric),
        "shares": _shares(metric, observations, true_layers),
        "n_rankings": metric.card_.n_rankings,
        "n_comparisons": metric.card_.n_comparisons,
        "n_targets": metric.card_.n_targets,
        "seconds": time.perf_counter() - started,
        "backbone": metric.backbone,
        "participants": list(metric.card_.participants),
        "true_layers": true_layers,
        "history": f"rankings used up to {_latest(store, study, group)}",
    }
    participant_id = None if group.participant is None else group.participant.id
    path = store.settings.weights / _file_name(study, group, job)
    metric.save(path, held_out=told)
    if held_out is not None and held_out.folds is not None:
        folds.keep(path, [one.target for one in held_out.targets], held_out.folds)
    scope = "pooled" if participant_id is None else "participant"
    return store.add_fit(
        study.id, participant_id, scope, metric.backbone, path.absolute(), plain(report), job.id
    )


def _groups(store: Store, study: Study, payload: Mapping[str, Any]) -> list[Group]:
    scope = payload.get("scope")
    rankings = store.study_rankings(study.id)
    if scope == "pooled":
        return [Group(None, rankings)]
    people = list(store.participants(study.id))
    if scope == "participant":
        wanted = payload.get("participant_id")
        people = [person for person in people if person.id == wanted]
        if not people:
            raise StudyError(f"a fit must be of a participant of the study, got number {wanted}")
    elif scope != "each":
        raise StudyError(f"scope must be one of ('participant', 'each', 'pooled'), got {scope!r}")
    return [
        Group(person, [one for one in rankings if one.participant == person.label])
        for person in people
    ]


def _cannot_fit(group: Group) -> str | None:
    if not group.rankings:
        return "There is no ranking yet."
    if not any(len(set(ranking.ranks)) > 1 for ranking in group.rankings):
        return "No ranking says that one image is nearer than another: all are ties."
    return None


def _only_one_target() -> str:
    return (
        "Held-out agreement needs rankings of at least two targets; "
        "these are all of one, so nothing can be said about targets that were not fitted."
    )


def _observations(store: Store, study: Study, rankings: Sequence[Ranking]) -> list[Observation]:
    backbone = study.settings.backbone
    pairs = [(ranking.target, image) for ranking in rankings for image in ranking.images]
    known = store.difference_vectors(pairs, backbone, checksum=checksum(backbone))
    absent = next((pair for pair in pairs if pair not in known), None)
    if absent is not None:
        raise StudyError(f"a fit needs every difference vector, got none for image {absent[1]!r}")
    return [
        Observation(r, np.stack([known[r.target, image] for image in r.images])) for r in rankings
    ]


def _layers(metric: CLPIPS) -> dict[str, Any]:
    stock = metric.space.by_block(metric.space.stock)
    return {
        "stock": [float(layer.sum()) for layer in stock],
        "personal": [float(layer.sum()) for layer in metric.layer_weights()],
        "names": [block.name for block in metric.space.blocks],
    }


def _shares(
    metric: CLPIPS, observations: Sequence[Observation], true_layers: Sequence[float] | None
) -> dict[str, list[float] | None]:
    """How much of the mean distance each layer makes, by stock, personal and true weights.

    The sums in ``layers`` leave out how large the differences on each layer are; these do not.
    """
    by_block = metric.space.by_block
    mean = by_block(np.concatenate([one.vectors for one in observations]).mean(axis=0))
    stock = by_block(metric.space.stock)

    def share(weights: Sequence[Vectors]) -> list[float]:
        made = np.array([layer @ its_mean for layer, its_mean in zip(weights, mean, strict=True)])
        return [float(each) for each in made / (made.sum() or 1.0)]

    true = None
    if true_layers is not None:  # every layer has its stock shape
        true = share([w * (t / w.sum()) for w, t in zip(stock, true_layers, strict=True)])
    return {"stock": share(stock), "personal": share(metric.layer_weights()), "true": true}


def _true_layers(store: Store, study: Study, participant: Participant | None) -> list[float] | None:
    true = None if participant is None else store.true_weights(participant.id)
    if true is None or true.get("backbone") != study.settings.backbone:
        return None
    return [float(share) for share in true["layers"]]


def _latest(store: Store, study: Study, group: Group) -> str:
    whose = None if group.participant is None else group.participant.id
    ranked = store.ranked_rounds(study.id, participant_id=whose)
    return max(each.round.ranking.submitted_at for each in ranked if each.round.ranking)


def _file_name(study: Study, group: Group, job: Job) -> str:
    # Two labels may have one slug, so a person's number is in the name too.
    whose = "" if group.participant is None else f"-{group.participant.id}"
    return f"{study.id}-{slug(group.name)}{whose}-{job.id}.safetensors"
