"""Which rankings a fit was made from, and what they are together with everybody else's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from app.store import Store
from app.study.records import Fit, RankedRound
from clpips.features.names import Backbone
from clpips.metric.observations import Observation
from clpips.metric.pooled import PooledPrior
from clpips.types import Ranking

USED_UP_TO = "rankings used up to "


class Used(NamedTuple):
    """A ranking as the science takes it, and the round that it comes from."""

    ranked: RankedRound
    ranking: Ranking


def standing_rankings(
    store: Store, study_id: int, *, participant_id: int | None = None, until: str = ""
) -> list[Used]:
    """The rankings of a study or of one person that were submitted up to a moment, and stand.

    Args:
        store: where they are.
        study_id: the study.
        participant_id: only this person's.
        until: the moment; empty takes all.
    """
    ranked = {
        (each.participant.label, str(each.trial.position + 1), str(each.round.number)): each
        for each in store.rounds.ranked(study_id, participant_id=participant_id)
        if not until or _moment(each) <= until
    }
    rankings = store.rankings.of_study(study_id, participant_id=participant_id)
    return [
        Used(ranked[key], one)
        for one in rankings
        if (key := (one.participant, str(one.trial), str(one.round))) in ranked
    ]


def used_by(store: Store, fit: Fit) -> list[Used]:
    """The rankings that a fit was made from; those that were edited since are not among them."""
    until = str(fit.report.get("history", "")).removeprefix(USED_UP_TO)
    return standing_rankings(
        store, fit.study_id, participant_id=fit.participant_id, until=until or fit.created_at
    )


def everybody_until(fit: Fit) -> str:
    """Up to when the others' rankings counted in a fit."""
    told = fit.report.get("everyone")
    return str(told["until"]) if told else fit.created_at


def latest(used: Sequence[Used]) -> str:
    """When the last of some rankings was submitted; empty without any."""
    return max((_moment(each.ranked) for each in used), default="")


def pooled_prior(observations: Sequence[Observation], backbone: Backbone) -> PooledPrior | None:
    """The prior of a personal fit: ``None`` unless two people's rankings compare images."""
    people = {o.ranking.participant for o in observations if len(set(o.ranking.ranks)) > 1}
    return PooledPrior(observations, backbone) if len(people) > 1 else None


def _moment(ranked: RankedRound) -> str:
    return ranked.round.ranking.submitted_at if ranked.round.ranking else ""
