"""The vocabulary: frozen values, each checked at birth.

Nothing here imports torch, Streamlit or a database. A value that exists is valid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, Literal, get_args

from clpips.boards import BoardRanking as BoardRanking  # the vocabulary is whole here
from clpips.boards import Outcome as Outcome
from clpips.boards import Submission as Submission
from clpips.boards import SubmitResult as SubmitResult
from clpips.errors import RankingError
from clpips.sentences import counted
from clpips.space_names import BACKBONES as BACKBONES
from clpips.space_names import LIBRARIES as LIBRARIES
from clpips.space_names import SPACES as SPACES
from clpips.space_names import Backbone as Backbone
from clpips.space_names import is_space_name as is_space_name
from clpips.study_arms import GUIDANCES as GUIDANCES
from clpips.study_arms import Guidance as Guidance
from clpips.study_arms import MakerArm as MakerArm
from clpips.study_settings import CHOICES as CHOICES
from clpips.study_settings import MAX_EXTRA as MAX_EXTRA
from clpips.study_settings import MAX_MADE as MAX_MADE
from clpips.study_settings import Choice as Choice
from clpips.study_settings import StudySettings as StudySettings

Granularity = Literal["channel", "layer"]
GRANULARITIES: tuple[Granularity, ...] = get_args(Granularity)


# --- rankings -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Comparison:
    """One ordered pair out of one ranking: ``nearer`` was ranked nearer to the target."""

    nearer: str
    farther: str


@dataclass(frozen=True, slots=True)
class Ranking:
    """One person's order of some images by how near they look to one target.

    Args:
        participant: who ranked.
        target: the image that was ranked against (a path or a content hash).
        images: the ranked images, no two the same.
        ranks: one whole number per image; 1 is nearest, ties share a number. Gaps are
            allowed (1, 2, 2, 4), so competition and dense ranking both fit.
        trial: the trial the ranking belongs to, where known.
        round: the round within the trial, where known.
        confidence: how sure the person was, in [0, 1], where asked.

    Raises:
        RankingError: unequal lengths, no image, a repeated image, or ranks that do not start at 1.
    """

    participant: str
    target: str
    images: tuple[str, ...]
    ranks: tuple[int, ...]
    trial: str | None = None
    round: str | None = None
    confidence: float | None = None

    def __post_init__(self) -> None:
        if not self.images:
            raise RankingError("a ranking must hold at least one image, got none")
        if len(self.images) != len(self.ranks):
            raise RankingError(
                "a ranking must give one rank per image, "
                f"got {counted(len(self.images), 'image')} and {counted(len(self.ranks), 'rank')}"
            )
        repeated = sorted({image for image in self.images if self.images.count(image) > 1})
        if repeated:
            raise RankingError(f"a ranking must not repeat an image, got {repeated[0]!r} twice")
        if any(isinstance(rank, bool) or not isinstance(rank, Integral) for rank in self.ranks):
            raise RankingError(f"ranks must be whole numbers, got {self.ranks!r}")
        # NumPy's whole numbers are welcome, and become Python's.
        object.__setattr__(self, "ranks", tuple(int(rank) for rank in self.ranks))
        if min(self.ranks) != 1:
            raise RankingError(f"ranks must start at 1, got {min(self.ranks)} as the smallest")
        if self.confidence is not None and not 0 <= self.confidence <= 1:
            raise RankingError(f"confidence must lie in [0, 1], got {self.confidence!r}")

    def comparisons(self) -> Iterator[Comparison]:
        """Every pair with different ranks, nearer first; ties make none."""
        for nearer, its_rank in zip(self.images, self.ranks, strict=True):
            for farther, other_rank in zip(self.images, self.ranks, strict=True):
                if its_rank < other_rank:
                    yield Comparison(nearer, farther)

    def nearest_first(self) -> tuple[str, ...]:
        """The images by rank; ties keep the order they came in."""
        order = sorted(range(len(self.images)), key=lambda index: self.ranks[index])
        return tuple(self.images[index] for index in order)


# --- generation -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Provenance:
    """Everything needed to make one image again.

    Args:
        maker: the maker's name, for example ``scenes``.
        maker_version: its version; the same version, prompt, seed and options give the same bytes.
        prompt: the prompt as it was given.
        seed: the seed of this one image.
        width, height: pixels.
        options: the maker's own settings, JSON-serialisable.
        not_understood: words of the prompt that the maker did not use.
        seconds: how long this image took to make.
    """

    maker: str
    maker_version: str
    prompt: str
    seed: int
    width: int
    height: int
    options: Mapping[str, Any] = field(default_factory=dict)
    not_understood: tuple[str, ...] = ()
    seconds: float = 0.0


# --- a study and its people -----------------------------------------------------------------


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


TrialState = Literal["waiting", "active", "done"]
RoundState = Literal["generating", "ranking", "ranked", "failed", "cancelled"]
RoundKind = Literal["own", "repeat", "calibration", "duel"]


@dataclass(frozen=True, slots=True)
class Trial:
    """One participant with one target."""

    id: int
    participant_id: int
    target: Target
    position: int
    state: TrialState


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


# --- the worker's jobs ----------------------------------------------------------------------

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
