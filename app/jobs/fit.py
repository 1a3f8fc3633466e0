"""The job ``fit``: rankings → a personal or pooled metric, with its held-out report."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from app.jobs.compare import request_comparison
from app.jobs.comparison.inputs import sentence
from app.jobs.json_values import to_json
from app.jobs.rankings import fold_weights
from app.jobs.rankings.used import UsedRanking, current_rankings, latest, pooled_prior
from app.jobs.slug import slug
from app.jobs.unusable import Note, Unusable, notes, without
from app.jobs.unusable import sentence as unusable_sentence
from app.jobs.vectors import compute_missing, observations
from app.store import Store
from app.study.records import Fit
from app.study.types import Job, Participant, Study
from clpips.errors import StudyError
from clpips.evaluation.held_out import fit_and_hold_out
from clpips.features.lpips import Vectors
from clpips.metric.card import stored_settings
from clpips.metric.clpips import CLPIPS
from clpips.metric.fittable import ALL_EQUAL, ALL_TIED, nothing_to_learn
from clpips.metric.observations import Observation, by_participant
from clpips.metric.pooled import PooledPrior
from clpips.progress import Watch

VECTORS_SHARE = 0.5  # of the progress bar, where vectors are missing at all


@dataclass(frozen=True, slots=True)
class Group:
    """The rankings that one metric is fitted to.

    Args:
        participant: whose; ``None`` for all of them.
        used: the rankings.
        left_out: rankings with an image that cannot be used (:func:`app.jobs.unusable.notes`).
    """

    participant: Participant | None
    used: Sequence[UsedRanking]
    left_out: Sequence[Note]

    @property
    def name(self) -> str:
        """What screens and file names call it."""
        return "pooled" if self.participant is None else self.participant.label


@dataclass(frozen=True, slots=True)
class AllRankings:
    """Everybody's rankings, which the personal fits of one job share.

    Args:
        prior: their pooled weights, fitted once; ``None`` where only one person compares.
        observations: all of them.
        until: when the last one was submitted.
    """

    prior: PooledPrior | None
    observations: Sequence[Observation]
    until: str

    def to_dict(self) -> dict[str, Any] | None:
        """What a report says about them; ``None`` where nobody else took part."""
        if self.prior is None:
            return None
        people = len(by_participant(self.observations))
        return {"n_people": people, "n_rankings": len(self.observations), "until": self.until}


def run(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
    """Fit one participant's metric, each one's, or the pooled one; then request a comparison.

    Difference vectors that are missing are computed first. A person's fit is pulled towards
    the pooled weights where others took part. A job that is run again after a crash keeps the
    fits that it had finished.

    Returns:
        ``{"fits": [ids], "skipped": [{"participant": label, "reason": sentence}], "left_out"}``,
        with a sentence in ``left_out`` for each target with images that cannot be used.

    Raises:
        StudyError: no such study or scope, a participant of another study, or nobody could be
            fitted because every distance is equal.
        WeightsError: vectors are missing and the network's weights are not available.
        Cancelled: the job was cancelled; finished fits are kept.
    """
    study = store.studies.get(job.payload["study_id"])
    every = current_rankings(store, study.id)
    unusable: Unusable = {}
    computed = compute_missing(store, study, watch.part(0, VECTORS_SHARE), unusable)
    start = VECTORS_SHARE if computed else 0.0
    used = without(every, unusable)
    groups = _groups(store, study, job.payload, every, unusable)
    share = (1 - start) / max(len(groups), 1)
    kept = {
        fit.participant_id: fit.id for fit in store.fits.of_study(study.id) if fit.job_id == job.id
    }
    others = _all_rankings(store, study, used)
    fits, skipped = [], []
    for number, group in enumerate(groups):
        watch.report(start + share * number, f"Fitting {group.name}…")
        own = _own(group, others)
        reason = _cannot_fit(group, own)
        if reason is not None:
            skipped.append({"participant": group.name, "reason": reason})
            continue
        whose = None if group.participant is None else group.participant.id
        if whose not in kept:
            following = watch.part(start + share * number, share, prefix=f"{group.name}: ")
            kept[whose] = fit_group(store, study, group, others, job, following).id
        fits.append(kept[whose])
    if fits:
        request_comparison(store, study, fits)
    else:
        _fail_if_all_equal(skipped)
    return {
        "fits": fits,
        "skipped": skipped,
        "left_out": [unusable_sentence(note) for note in notes(every, unusable)],
    }


def _fail_if_all_equal(skipped: Sequence[Mapping[str, str]]) -> None:
    """A job that could fit nobody because every distance is equal has failed."""
    if any(one["reason"] == sentence(ALL_EQUAL) for one in skipped):
        raise StudyError(" ".join(f"{one['participant']}: {one['reason']}" for one in skipped))


def fit_group(
    store: Store, study: Study, group: Group, others: AllRankings, job: Job, watch: Watch
) -> Fit:
    """Fit one metric to rankings whose difference vectors are stored, and store it.

    Raises:
        StudyError: a difference vector is missing.
        InputError: no ranking makes a comparison.
        Cancelled: the job was cancelled; nothing was stored.
    """
    started = time.perf_counter()
    metric = CLPIPS(study.settings.backbone)
    is_pooled = group.participant is None
    own = _own(group, others)
    prior = None if is_pooled else others.prior
    held_out = fit_and_hold_out(metric, own, pooled=is_pooled, prior=prior, watch=watch)
    held_out_report = None if held_out is None else to_json(held_out.to_dict())
    true_layers = _true_layers(store, study, group.participant)
    report = {
        "held_out": held_out_report,
        "reason": None if held_out_report is not None else _only_one_target(),
        "layers": _layers(metric),
        "shares": _shares(metric, own, true_layers),
        "settings": stored_settings(metric.card_.settings),
        "blocks": [asdict(block) for block in metric.space.blocks],
        "everyone": None if is_pooled else others.to_dict(),
        "n_rankings": metric.card_.n_rankings,
        "n_comparisons": metric.card_.n_comparisons,
        "n_targets": metric.card_.n_targets,
        "seconds": time.perf_counter() - started,
        "backbone": metric.backbone,
        "participants": list(metric.card_.participants),
        "true_layers": true_layers,
        "used_until": latest(group.used),
        "left_out": list(group.left_out),
        "stopped_short": metric.card_.stopped_short,
    }
    participant_id = None if group.participant is None else group.participant.id
    path = store.settings.weights / _file_name(study, group, job)
    metric.save(path, held_out=held_out_report)
    if held_out is not None and held_out.folds is not None:
        fold_weights.keep(path, [one.target for one in held_out.targets], held_out.folds)
    scope = "pooled" if participant_id is None else "participant"
    return store.fits.add(
        study.id,
        participant_id,
        scope,
        metric.backbone,
        path.absolute(),
        to_json(report),
        job.id,
    )


def _groups(
    store: Store,
    study: Study,
    payload: Mapping[str, Any],
    every: Sequence[UsedRanking],
    unusable: Unusable,
) -> list[Group]:
    scope = payload.get("scope")
    if scope == "pooled":
        return [_group(None, every, unusable)]
    people = list(store.participants.of_study(study.id))
    if scope == "participant":
        wanted = payload.get("participant_id")
        people = [person for person in people if person.id == wanted]
        if not people:
            raise StudyError(f"a fit must be of a participant of the study, got number {wanted}")
    elif scope != "each":
        raise StudyError(f"scope must be one of ('participant', 'each', 'pooled'), got {scope!r}")
    return [
        _group(person, [one for one in every if one.ranking.participant == person.label], unusable)
        for person in people
    ]


def _group(whose: Participant | None, rankings: Sequence[UsedRanking], unusable: Unusable) -> Group:
    return Group(whose, without(rankings, unusable), notes(rankings, unusable))


def _all_rankings(store: Store, study: Study, used: Sequence[UsedRanking]) -> AllRankings:
    backbone = study.settings.backbone
    found = observations(store, [one.ranking for one in used], backbone)
    return AllRankings(pooled_prior(found, backbone), found, latest(used))


def _own(group: Group, others: AllRankings) -> list[Observation]:
    is_pooled = group.participant is None
    return [o for o in others.observations if is_pooled or o.ranking.participant == group.name]


def _cannot_fit(group: Group, own: Sequence[Observation]) -> str | None:
    if not own and group.left_out:
        return f"No ranking is left. {' '.join(map(unusable_sentence, group.left_out))}"
    if not own:
        return "There is no ranking yet."
    reason = nothing_to_learn(own)
    if reason == ALL_TIED:
        return "No ranking says that one image is nearer than another: all are ties."
    return None if reason is None else sentence(reason)


def _only_one_target() -> str:
    return (
        "Held-out agreement needs rankings of at least two targets; "
        "these are all of one, so nothing can be said about targets that were not fitted."
    )


def _layers(metric: CLPIPS) -> dict[str, Any]:
    stock = metric.space.by_block(metric.space.stock)
    return {
        "stock": [float(layer.sum()) for layer in stock],
        "personal": [float(layer.sum()) for layer in metric.layer_weights()],
        "names": [block.name for block in metric.space.blocks],
    }


def _shares(
    metric: CLPIPS, own: Sequence[Observation], true_layers: Sequence[float] | None
) -> dict[str, list[float] | None]:
    """How much of the mean distance each layer makes, by stock, personal and true weights.

    The sums in ``layers`` leave out how large the differences on each layer are; these do not.
    """
    by_block = metric.space.by_block
    mean = by_block(np.concatenate([one.vectors for one in own]).mean(axis=0))
    stock = by_block(metric.space.stock)

    def share(weights: Sequence[Vectors]) -> list[float]:
        made = np.array([layer @ its_mean for layer, its_mean in zip(weights, mean, strict=True)])
        return [float(each) for each in made / (made.sum() or 1.0)]

    true = None
    if true_layers is not None:  # every layer has its stock shape
        true = share([w * (t / w.sum()) for w, t in zip(stock, true_layers, strict=True)])
    return {"stock": share(stock), "personal": share(metric.layer_weights()), "true": true}


def _true_layers(store: Store, study: Study, participant: Participant | None) -> list[float] | None:
    true = None if participant is None else store.participants.true_weights(participant.id)
    if true is None or true.get("backbone") != study.settings.backbone:
        return None
    return [float(share) for share in true["layers"]]


def _file_name(study: Study, group: Group, job: Job) -> str:
    # Two labels may have one slug, so a person's number is in the name too.
    whose = "" if group.participant is None else f"-{group.participant.id}"
    return f"{study.id}-{slug(group.name)}{whose}-{job.id}.safetensors"
