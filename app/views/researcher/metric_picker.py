"""Whose metric a screen speaks of: one participant's, each one's, or the pooled one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from app.store import Store
from app.study.records import Fit
from app.study.types import Job, Participant, Study
from clpips.evaluation.metric_names import POOLED_METRIC


@dataclass(frozen=True, slots=True)
class FitScope:
    """A choice; ``scope`` is the job's word for it: ``participant``, ``each`` or ``pooled``."""

    scope: str
    participant: Participant | None = None

    @property
    def name(self) -> str:
        """What the list of choices calls it."""
        if self.participant is not None:
            return self.participant.label
        return (
            "Each participant" if self.scope == "each" else "Pooled: all participants in one metric"
        )

    @property
    def participant_id(self) -> int | None:
        """The participant's number, where there is one."""
        return None if self.participant is None else self.participant.id

    def payload(self, study: Study) -> dict[str, Any]:
        """The payload of the job that fits it."""
        return {
            "study_id": study.id,
            "scope": self.scope,
            "participant_id": self.participant_id,
        }

    def is_fitted_by(self, job: Job) -> bool:
        """Whether a job is one that fits exactly this."""
        asked = (job.payload.get("scope"), job.payload.get("participant_id"))
        return asked == (self.scope, self.participant_id)

    def is_refitted_by(self, job: Job) -> bool:
        """Whether a job fits any metric that this is about."""
        scope, whose = job.payload.get("scope"), job.payload.get("participant_id")
        if self.scope == "pooled" or scope == "pooled":
            return bool(scope == self.scope)
        return "each" in (scope, self.scope) or whose == self.participant_id


def choices(people: Sequence[Participant]) -> list[FitScope]:
    """Everything that can be fitted; with one person alone, they come first."""
    persons = [FitScope("participant", person) for person in people]
    if len(persons) == 1:
        return [*persons, FitScope("each"), FitScope("pooled")]
    return [FitScope("each"), *persons, FitScope("pooled")]


def choose_scope(store: Store, study: Study) -> FitScope | None:
    """The list of choices; ``None`` while nobody has joined."""
    people = store.participants.of_study(study.id)
    if not people:
        return None
    return st.selectbox(
        "Rankings from",
        choices(people),
        format_func=lambda scope: scope.name,
        key="whose-fit",
        bind="query-params",
    )


def choose_metric(fits: Sequence[Fit], people: Sequence[Participant], *, key: str) -> Fit | None:
    """A choice among the newest metric of each participant and the pooled one.

    Returns:
        Its fit; ``None`` if nothing has been fitted.
    """
    known = metric_names(newest(fits), people)
    if not known:
        return None
    name = st.selectbox("Metric", list(known), key=key)
    return known.get(name)


def newest(fits: Sequence[Fit]) -> dict[int | None, Fit]:
    """The newest fit of each participant and of all (``None``), of fits newest first."""
    return {fit.participant_id: fit for fit in reversed(fits)}


def metric_names(fits: dict[int | None, Fit], people: Sequence[Participant]) -> dict[str, Fit]:
    """The metrics by the names that lists show, participants first."""
    named = {person.label: fits[person.id] for person in people if person.id in fits}
    if None in fits:
        named[POOLED_METRIC] = fits[None]
    return named


def newer_rankings(store: Store, fit: Fit) -> int:
    """How many rankings were submitted or edited after a fit had read them."""
    return store.rankings.count(
        fit.study_id, participant_id=fit.participant_id, after=fit.used_until or fit.created_at
    )
