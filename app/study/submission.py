"""What a ranking board sends, and what stands then; all of it is in :mod:`clpips.types` too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from clpips.errors import StudyError

Outcome = Literal["saved", "duplicate", "conflict"]


@dataclass(frozen=True, slots=True)
class BoardRanking:
    """The ranking of a round that stands: candidate ids with their ranks.

    ``uuid`` names the submission it came from; ``revision`` is 1 for the first submission and
    grows by one with each edit; ``confidence`` is how sure the person said they were, in [0, 1],
    ``None`` where they did not say.
    """

    uuid: str
    round_id: int
    order: tuple[int, ...]
    ranks: tuple[int, ...]
    shown: tuple[int, ...]
    revision: int
    elapsed_ms: int
    submitted_at: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """What a board sends: candidate ids nearest first, with ranks, and what it was based on.

    ``replaces`` is the uuid of the submission that this one edits, ``None`` for the first;
    ``confidence`` is how sure the person is, in [0, 1], ``None`` where they did not say.
    """

    uuid: str
    round_id: int
    order: tuple[int, ...]
    ranks: tuple[int, ...]
    shown: tuple[int, ...]
    replaces: str | None = None
    elapsed_ms: int = 0
    input: Mapping[str, int] = field(default_factory=dict)
    confidence: float | None = None

    def __post_init__(self) -> None:
        if not 8 <= len(self.uuid) <= 64:
            raise StudyError(f"a submission's uuid must have 8 to 64 characters, got {self.uuid!r}")
        if len(self.order) != len(self.ranks):
            raise StudyError(
                f"one rank per image must be given, got {len(self.ranks)} for {len(self.order)}"
            )
        if sorted(self.order) != sorted(self.shown) or len(set(self.order)) != len(self.order):
            raise StudyError("a submission must rank each shown image exactly once")
        ranks, steps = list(self.ranks), sorted(set(self.ranks))
        dense = [1 + steps.index(rank) for rank in ranks]
        competition = [1 + ranks.index(rank) for rank in ranks]
        if not ranks or ranks != sorted(ranks) or ranks not in (dense, competition):
            raise StudyError(f"ranks must start at 1 and rise, with gaps after ties, got {ranks}")
        if self.confidence is not None and not 0 <= self.confidence <= 1:
            raise StudyError(f"confidence must lie in [0, 1], got {self.confidence!r}")


@dataclass(frozen=True, slots=True)
class SubmitResult:
    """What became of a submission, and the ranking that stands now."""

    outcome: Outcome
    ranking: BoardRanking
