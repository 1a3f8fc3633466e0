"""Which rankings a fit used, and the pooled prior of all participants' rankings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from app.store import Store
from app.study.records import Fit, RankedRound
from clpips.features.names import Backbone
from clpips.metric.fittable import nothing_to_learn
from clpips.metric.observations import Observation
from clpips.metric.pooled import PooledPrior
from clpips.types import Ranking


class UsedRanking(NamedTuple):
    """A ranking as :mod:`clpips` takes it, and the round that it comes from."""

    ranked: RankedRound
    ranking: Ranking


def current_rankings(
    store: Store, study_id: int, *, participant_id: int | None = None, until: str = ""
) -> list[UsedRanking]:
    """The current rankings of a study or of one participant, submitted up to a time.

    Args:
        store: where they are.
        study_id: the study.
        participant_id: only this participant's.
        until: the time; empty for all.
    """
    ranked = {
        (each.participant.label, str(each.trial.position + 1), str(each.round.number)): each
        for each in store.rounds.ranked(study_id, participant_id=participant_id)
        if not until or _submitted_at(each) <= until
    }
    rankings = store.rankings.of_study(study_id, participant_id=participant_id)
    return [
        UsedRanking(ranked[key], one)
        for one in rankings
        if (key := (one.participant, str(one.trial), str(one.round))) in ranked
    ]


def used_by(store: Store, fit: Fit) -> list[UsedRanking]:
    """The rankings that a fit used, without those that were edited since."""
    return current_rankings(
        store,
        fit.study_id,
        participant_id=fit.participant_id,
        until=fit.used_until or fit.created_at,
    )


def others_cutoff(fit: Fit) -> str:
    """The time up to which other participants' rankings counted in a fit."""
    others = fit.report.get("everyone")
    return str(others["until"]) if others else fit.created_at


def latest(used: Sequence[UsedRanking]) -> str:
    """When the last of the rankings was submitted; empty without any."""
    return max((_submitted_at(each.ranked) for each in used), default="")


def pooled_prior(observations: Sequence[Observation], backbone: Backbone) -> PooledPrior | None:
    """The prior of personal fits; ``None`` unless two participants' rankings compare images.

    Nor where every distance is equal, so that there is nothing to learn.
    """
    people = {o.ranking.participant for o in observations if len(set(o.ranking.ranks)) > 1}
    if len(people) < 2 or nothing_to_learn(observations) is not None:
        return None
    return PooledPrior(observations, backbone)


def _submitted_at(ranked: RankedRound) -> str:
    return ranked.round.ranking.submitted_at if ranked.round.ranking else ""
