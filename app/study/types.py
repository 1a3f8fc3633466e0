"""The vocabulary of studies: frozen values that the store hands out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.study.arms import Guidance
from app.study.recruitment import Recruitment
from app.study.settings import StudySettings
from app.study.submission import BoardRanking
from clpips.types import Provenance


@dataclass(frozen=True, slots=True)
class Study:
    """A study: its settings and whether people may join."""

    id: int
    title: str
    settings: StudySettings
    join_code: str
    is_open: bool
    simulated: bool
    created_at: str


TargetKind = Literal["own", "calibration"]


@dataclass(frozen=True, slots=True)
class Target:
    """One image that candidates are ranked against; ``image`` is its content hash.

    Participants try to regenerate a study's ``own`` targets; those for ``calibration`` come
    with candidates that are the same for everybody.
    """

    id: int
    study_id: int
    position: int
    name: str
    image: str
    kind: TargetKind = "own"


@dataclass(frozen=True, slots=True)
class Participant:
    """One person (or simulated person) in one study.

    ``guidance`` says which metric they are shown between rounds; it is drawn when they begin.
    ``recruitment`` is what the recruiter's link said of them, ``declined_at`` when they decided
    not to take part.
    """

    id: int
    study_id: int
    label: str
    simulated: bool
    created_at: str
    consented_at: str | None
    started_at: str | None
    completed_at: str | None
    completion_code: str | None
    guidance: Guidance = "none"
    recruitment: Recruitment = ()
    declined_at: str | None = None


TrialState = Literal["waiting", "active", "done"]


RoundState = Literal["generating", "ranking", "ranked", "failed", "cancelled"]


RoundKind = Literal["own", "repeat", "calibration", "duel"]


@dataclass(frozen=True, slots=True)
class Trial:
    """One participant with one target.

    ``writing`` is the number of the round whose prompt is being written since *Next round* was
    pressed; a round that has been requested since makes it void.
    """

    id: int
    participant_id: int
    target: Target
    position: int
    state: TrialState
    writing: int | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One image made for a round; ``position`` is where the board shows it (0 first)."""

    id: int
    round_id: int
    position: int
    image: str
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Round:
    """One prompt, its candidates in shown order, and the ranking where there is one.

    A ``repeat`` shows the images of an earlier round of the same person, whose id is
    ``repeats``, in another order; a ``calibration`` board has no prompt of theirs; a ``duel`` has
    two fresh images, one that each of two metrics prefers. ``arm`` names what made the images where
    a study's rounds have one arm each. ``start`` is
    the hash of the image that the candidates started from, where there was one, and ``strength``
    how far they were to leave it, in (0, 1].
    """

    id: int
    trial_id: int
    number: int
    prompt: str
    seed: int
    state: RoundState
    candidates: tuple[Candidate, ...]
    ranking: BoardRanking | None
    progress: float
    message: str
    kind: RoundKind = "own"
    repeats: int | None = None
    start: str | None = None
    strength: float | None = None
    arm: str | None = None


JobKind = Literal[
    "generate",
    "regenerate",
    "guide",
    "vectors",
    "fit",
    "compare",
    "export",
    "explain",
    "selftest",
    "simulate",
    "backup",
    "identity",
]


JobState = Literal["queued", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work for the worker, a row in the store with a lease."""

    id: int
    kind: JobKind
    payload: Mapping[str, Any]
    state: JobState
    progress: float
    message: str
    result: Mapping[str, Any]
    attempts: int
    study_id: int | None
    participant_id: int | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    cancel_requested: bool
