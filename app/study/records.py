"""The platform's own words beside :mod:`clpips.types`: what only the app needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from app.study.arms import Guidance
from app.study.submission import Submission
from app.study.types import Participant, Round, Study, Target, Trial
from clpips.features.names import Backbone
from clpips.types import Provenance

Phase = Literal[
    "consent", "instructions", "compose", "generating", "ranking", "ranked", "done", "declined"
]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one participant stands, read in one moment.

    Args:
        phase: what the screen should show. ``compose``: no round yet, or the latest one failed
            or was cancelled; ``ranked``: the latest round is ranked, and may be edited, followed
            by another, or left behind.
        trials: the trials of the study's own targets, in the order this participant meets them.
        trial: the current trial, in the last part the one whose target the board shows;
            ``None`` when all is done.
        rounds: every round of the current trial, oldest first, failed and cancelled ones too.
        round: the latest round, unless it failed or was cancelled; in the last part then, too.
        can_finish_trial: enough rounds are ranked and none is open.
        can_request_round: fewer rounds than the study allows, and none is open.
        completion_code: what the participant shows to be paid; only once all is stored.
        board: in the last part, which of its boards this is, from 1; ``None`` before and after.
        boards: how many boards the last part has; before it begins, how many it can have at most.
    """

    phase: Phase
    study: Study
    participant: Participant
    trials: tuple[Trial, ...]
    trial: Trial | None
    rounds: tuple[Round, ...]
    round: Round | None
    can_finish_trial: bool
    can_request_round: bool
    completion_code: str | None
    board: int | None
    boards: int

    @property
    def done_trials(self) -> int:
        """How many trials are finished."""
        return sum(trial.state == "done" for trial in self.trials)

    @property
    def ranked_rounds(self) -> tuple[Round, ...]:
        """The ranked rounds of the current trial, oldest first."""
        return tuple(each for each in self.rounds if each.state == "ranked")

    @property
    def setback(self) -> Round | None:
        """The latest round where it failed or was cancelled; its ``message`` says why."""
        latest = self.rounds[-1] if self.rounds else None
        return latest if latest and latest.state in ("failed", "cancelled") else None


@dataclass(frozen=True, slots=True)
class ParticipantProgress:
    """One line of the researcher's list: how far one participant is.

    ``trials`` counts the study's own targets; ``boards_done`` of at most ``boards`` were ranked
    in the last part, repeats and calibration boards. ``rounds`` and ``rankings`` count all.
    """

    participant: Participant
    phase: Phase
    done_trials: int
    trials: int
    rounds: int
    rankings: int
    last_activity: str
    boards_done: int
    boards: int


@dataclass(frozen=True, slots=True)
class StudyTally:
    """One line of the list of studies: how many of everything, over all participants.

    ``last_activity`` is when the latest ranking was stored; empty before the first.
    """

    study_id: int
    targets: int
    participants: int
    completed: int
    trials: int
    done_trials: int
    rankings: int
    last_activity: str


@dataclass(frozen=True, slots=True)
class StudyContents:
    """What a study holds, as it is said before the study is deleted.

    ``images`` are those of boards and targets; ``open_jobs`` still wait or run.
    """

    participants: int
    rankings: int
    images: int
    fits: int
    exports: int
    open_jobs: int


class Wait(NamedTuple):
    """How long somebody waited for one board, in seconds: in the queue, then for the images."""

    queued: float
    making: float


class TrialRounds(NamedTuple):
    """A target and a participant's rounds with it, oldest first."""

    target: Target
    rounds: tuple[Round, ...]


@dataclass(frozen=True, slots=True)
class Guide:
    """What a metric says of a participant's images of one target, to be shown between rounds.

    Args:
        round_id: the latest round that it knows.
        metric: ``stock`` or ``personal``.
        n_rankings: how many rankings the metric was fitted to; 0 for the stock metric.
        distances: of every image of the target so far, by content hash; smaller is nearer.
        shown_at: when the participant was first shown it; ``None`` before.
    """

    round_id: int
    metric: str
    n_rankings: int
    distances: Mapping[str, float]
    shown_at: str | None = None


@dataclass(frozen=True, slots=True)
class BlindPair:
    """One pair of a blind comparison of two metrics, and its result so far.

    Args:
        participant: their label.
        target: content hash of the target.
        personal, stock: content hash of the image that each metric ranks nearer than the other
            does; empty before there are images.
        place: at which place of the two orders they first differ, from 1; 0 before.
        winner: whose image the person ranked nearer, ``tie`` where both share a rank; ``None``
            without an answer.
        state: of the round; a failed one says why in ``message``.
    """

    participant: str
    target: str
    personal: str
    stock: str
    place: int
    winner: Literal["personal", "stock", "tie"] | None
    state: str
    message: str


class ArmImage(NamedTuple):
    """One image: the arm that made it, in how many seconds, and its rank if there is one."""

    arm: str
    seconds: float
    rank: int | None


class ArmBoard(NamedTuple):
    """The images of one round whose maker was drawn at random, and whose round it is."""

    participant: str
    images: tuple[ArmImage, ...]


class GuidanceCount(NamedTuple):
    """How far those are who are shown one metric, or none, between rounds.

    ``rounds`` are ranked ones, on the ``targets`` that are finished.
    """

    guidance: Guidance
    began: int
    completed: int
    targets: int
    rounds: int


class Cost(NamedTuple):
    """What images cost: ``amount`` in ``currency`` for so many of them.

    ``currency`` and ``amount`` are ``None`` for those whose cost nobody knows.
    """

    currency: str | None
    amount: float | None
    images: int


class CalibrationBoard(NamedTuple):
    """A target and the images that everybody ranks against it: hash and provenance of each."""

    name: str
    target: str
    made: tuple[tuple[str, Provenance], ...]


class RankedRound(NamedTuple):
    """One ranked round with everything a screen says about it; also a plain triple."""

    participant: Participant
    trial: Trial
    round: Round


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call of submit, kept whatever became of it.

    ``message`` is the sentence of a refusal; empty otherwise.
    """

    uuid: str
    round_id: int
    participant_id: int
    payload: Mapping[str, Any]
    outcome: Literal["saved", "duplicate", "conflict", "refused"]
    message: str
    at: str


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted metric: whose, where its file is, and the report beside it.

    ``scope`` is ``participant`` for one person's rankings, ``pooled`` for everybody's;
    ``metric_path`` is absolute.
    """

    id: int
    study_id: int
    participant_id: int | None
    scope: str
    backbone: Backbone
    metric_path: Path
    report: Mapping[str, Any]
    job_id: int | None
    created_at: str

    @property
    def used_until(self) -> str:
        """When the newest of its rankings was submitted; ``""`` where its report does not say."""
        # Reports made before 2026-11 say it in a sentence.
        _, _, before = str(self.report.get("history", "")).partition("rankings used up to ")
        return str(self.report.get("used_until", before))


@dataclass(frozen=True, slots=True)
class Export:
    """A file made for download; ``path`` is absolute, ``bytes`` its size."""

    id: int
    study_id: int
    name: str
    path: Path
    media_type: str
    bytes: int
    sha256: str
    fit_id: int | None
    created_at: str


def submission_payload(submission: Submission) -> dict[str, Any]:
    """A submission as plain JSON values, as the attempt table keeps it."""
    return {
        "uuid": submission.uuid,
        "round": submission.round_id,
        "order": list(submission.order),
        "ranks": list(submission.ranks),
        "shown": list(submission.shown),
        "replaces": submission.replaces,
        "elapsed_ms": submission.elapsed_ms,
        "input": dict(submission.input),
        "confidence": submission.confidence,
    }


__all__ = [
    "ArmBoard",
    "ArmImage",
    "Attempt",
    "BlindPair",
    "CalibrationBoard",
    "Export",
    "Fit",
    "GuidanceCount",
    "Guide",
    "ParticipantProgress",
    "Phase",
    "RankedRound",
    "Standing",
    "StudyContents",
    "StudyTally",
    "Wait",
    "submission_payload",
]
