"""Inputs of an explanation: a fit, its rankings, and weights fitted without each target."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch

from app.jobs.rankings import fold_weights
from app.jobs.rankings.used import current_rankings, others_cutoff, pooled_prior, used_by
from app.jobs.unusable import Note, Unusable, notes, sentence, without
from app.jobs.vectors import THREADS, compute_missing, observations
from app.store import Store
from app.study.records import Fit, RankedRound
from app.study.types import Study
from clpips.errors import StudyError
from clpips.evaluation.held_out import MIN_RANKINGS, MIN_TARGETS, held_out
from clpips.features.lpips import Vectors
from clpips.features.registry import space_of
from clpips.metric.clpips import CLPIPS
from clpips.metric.observations import Observation
from clpips.progress import Watch

DEPTHS = (
    ("early", "edges, colour, texture", 0.4),
    ("middle", "patterns and parts", 0.6),
    ("late", "whole shapes and objects", 1.0),
)


class Group(NamedTuple):
    """Neighbouring blocks: their name, what they respond to, the first, and the last plus one."""

    name: str
    what: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Case:
    """A fit with its rankings and the weights fitted without each target.

    Args:
        boards: the rankings' rounds, in the order of ``observations``.
        stock, personal: (channels,) weights.
        left_out: (channels, targets) weights fitted without each target.
        targets: content hashes, in the order of ``left_out``.
        unusable: what is not explained because of an image that cannot be used.
        painted: heat-maps by what they show; new ones are added.
    """

    store: Store
    fit: Fit
    boards: Sequence[RankedRound]
    observations: Sequence[Observation]
    stock: Vectors
    personal: Vectors
    left_out: Vectors
    targets: Sequence[str]
    unusable: Sequence[Note] = ()
    painted: dict[str, str] = field(default_factory=dict)

    def weights_for(self, observation: Observation) -> Vectors:
        """(channels,) the weights fitted without this ranking's target."""
        # Contiguous, so that sums round alike however the array was read.
        own = self.left_out[:, self.targets.index(observation.ranking.target)]
        return np.ascontiguousarray(own)


def open_case(store: Store, study: Study, fit: Fit, watch: Watch) -> Case:
    """Read what a fit was made from, and fit again with each target left out.

    Raises:
        StudyError: fewer than 5 rankings or 3 targets, or the fit's file is not here.
    """
    unusable: Unusable = {}
    compute_missing(store, study, watch.part(0.0, 0.5), unusable)
    every = used_by(store, fit)
    used = without(every, unusable)
    boards, rankings = [each.ranked for each in used], [each.ranking for each in used]
    targets = list(dict.fromkeys(ranking.target for ranking in rankings))
    if len(rankings) < MIN_RANKINGS or len(targets) < MIN_TARGETS:
        words = (
            f"an explanation needs at least {MIN_RANKINGS} rankings of {MIN_TARGETS} targets, "
            f"got {len(rankings)} of {len(targets)}"
        )
        raise StudyError(". ".join([words, *map(sentence, notes(every, unusable))]))
    if not fit.metric_path.is_file():
        raise StudyError("the file of this fit is missing: please fit again")
    observed = observations(store, rankings, fit.backbone)
    metric = CLPIPS.load(fit.metric_path)
    if not metric.weights.any():
        raise StudyError("all weights of this metric are 0, so there is nothing to explain")
    left_out = fold_weights.read(fit.metric_path, targets, len(metric.weights))
    if left_out is None:
        left_out = _left_out(store, fit, metric, observed, unusable, watch.part(0.5, 0.5))
        fold_weights.keep(fit.metric_path, targets, left_out)
    stock = stock_metric(fit.backbone).weights
    return Case(
        store,
        fit,
        boards,
        observed,
        stock,
        metric.weights,
        left_out,
        targets,
        notes(every, unusable),
        _painted_before(store, study),
    )


def blocks(backbone: str) -> tuple[list[str], tuple[int, ...]]:
    """Name and channels of each block of a feature space, first block first."""
    found = space_of(backbone).blocks
    return [block.name for block in found], tuple(block.channels for block in found)


def grouped(names: Sequence[str]) -> list[Group]:
    """Neighbouring layers of one network grouped by depth; other blocks stay single.

    What layers at a depth respond to is general knowledge about such networks (Zeiler and Fergus
    2014), not measured.
    """
    found: list[Group] = []
    for network, run in groupby(enumerate(names), key=lambda numbered: _network(numbered[1])):
        places = [place for place, _ in run]
        if network is None or len(places) < len(DEPTHS):
            found += [Group(names[place], "", place, place + 1) for place in places]
        else:
            found += _by_depth(network, places[0], len(places))
    return found


def _network(name: str) -> str | None:
    """The part of a block's name before ``layer 3``; ``None`` if the block is not a layer."""
    layer = re.fullmatch(r"(.*)layer \d+", name)
    return None if layer is None else layer[1]


def _by_depth(network: str, start: int, count: int) -> list[Group]:
    found, first = [], 0
    for depth, what, until in DEPTHS:
        last = max(round(until * count), first + 1)
        numbers = f"layers {first + 1}–{last}" if last > first + 1 else f"layer {last}"
        found.append(Group(f"{depth} {network}{numbers}", what, start + first, start + last))
        first = last
    return found


@lru_cache(maxsize=1)
def stock_metric(backbone: str) -> CLPIPS:
    """The stock metric whose network paints the heat-maps, loaded on first use and kept."""
    torch.set_num_threads(THREADS)
    return CLPIPS(backbone)


def _left_out(
    store: Store,
    fit: Fit,
    metric: CLPIPS,
    observed: Sequence[Observation],
    unusable: Unusable,
    watch: Watch,
) -> Vectors:
    """(channels, targets) weights fitted without each target, if the fit did not store them."""
    prior = None
    if fit.report.get("everyone") or metric.card_.settings.start == "pooled":
        # Others' rankings count up to the time of the fit, its own up to the last one it used.
        used_before = current_rankings(store, fit.study_id, until=others_cutoff(fit))
        rankings = [each.ranking for each in without(used_before, unusable)]
        prior = pooled_prior(observations(store, rankings, fit.backbone), fit.backbone)
    metric, is_pooled = CLPIPS(fit.backbone), fit.participant_id is None
    found = held_out(metric, observed, pooled=is_pooled, prior=prior, watch=watch).folds
    if found is None:
        raise StudyError("an explanation needs weights fitted without each target, got none")
    return found


def _painted_before(store: Store, study: Study) -> dict[str, str]:
    """Heat-maps of earlier jobs, by what they show."""
    found: dict[str, str] = {}
    for job in store.jobs.latest(study.id, kinds=["explain"], limit=500):
        found.update(job.result.get("painted", {}))
    return found
