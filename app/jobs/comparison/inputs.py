"""Inputs of a comparison: statistics that may be undefined, and the rankings of a study.

A statistic that is undefined for some rankings is left out, with one sentence that says why.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias, TypeVar

from app.jobs.rankings.used import current_rankings, pooled_prior
from app.jobs.unusable import Unusable, without
from app.jobs.vectors import observations
from app.store import Store
from clpips.errors import Cancelled, ClpipsError
from clpips.features.names import Backbone
from clpips.metric.pooled import PooledPrior
from clpips.text import without_paths
from clpips.types import Ranking

WIDE: Backbone = "wide"

Values: TypeAlias = dict[str, Any]
T = TypeVar("T")
log = logging.getLogger("clpips.worker")


class LeftOut(dict[str, str]):
    """The missing statistics, each with a sentence that says why."""

    def unless(self, key: str, statistic: Callable[[], T]) -> T | None:
        """A statistic, or ``None`` with the reason kept under ``key``.

        Raises:
            Cancelled: the job was cancelled.
        """
        try:
            return statistic()
        except Cancelled:
            raise
        except ClpipsError as error:
            self[key] = sentence(without_paths(error))
        except Exception as error:  # the rest of the comparison still stands
            log.exception("a part of a comparison failed: %s", key)
            self[key] = (
                f"It could not be computed because of an unexpected error ({type(error).__name__})."
            )
        return None


@dataclass(frozen=True)
class StudyRankings:
    """All rankings of a study up to a time, and the pooled priors that its fits share.

    Args:
        store: where the rankings and their difference vectors are.
        study_id: the study.
        until: only rankings submitted up to this time count.
        unusable: pairs with an image that cannot be used; rankings with them do not count.
    """

    store: Store
    study_id: int
    until: str
    unusable: Unusable = field(default_factory=dict)
    _priors: dict[Backbone, PooledPrior | None] = field(default_factory=dict)

    @cached_property
    def rankings(self) -> list[Ranking]:
        """The current rankings."""
        used = current_rankings(self.store, self.study_id, until=self.until)
        return [one.ranking for one in without(used, self.unusable)]

    def pooled_prior(self, backbone: Backbone) -> PooledPrior | None:
        """The prior of personal fits in a feature space, fitted once."""
        if backbone not in self._priors:
            found = observations(self.store, self.rankings, backbone)
            self._priors[backbone] = pooled_prior(found, backbone)
        return self._priors[backbone]


def sentence(words: str) -> str:
    """An error's words as a sentence.

    >>> sentence("a curve needs two targets, got 1")
    'A curve needs two targets, got 1.'
    """
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "!", "?")) else ".")
