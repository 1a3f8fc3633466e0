"""Rankings whose images can be used: one bad image does not fail a whole command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from clpips.errors import ImageError
from clpips.features.batching import Unusable
from clpips.features.cache import default_cache
from clpips.metric.clpips import CLPIPS
from clpips.metric.observations import Observation
from clpips.progress import Watch
from clpips.text import counted
from clpips.types import Ranking


@dataclass(frozen=True, slots=True)
class LeftOutImage:
    """A picture that cannot be used.

    Args:
        image: its path.
        reason: why, in one sentence.
        targets: the targets of the rankings that are left out because of it.
        n_rankings: how many they are.
    """

    image: str
    reason: str
    targets: tuple[str, ...]
    n_rankings: int

    @property
    def sentence(self) -> str:
        """What is left out, for a person at a terminal."""
        of = "this target" if self.targets == (self.image,) else f"target {', '.join(self.targets)}"
        return f"left out: {counted(self.n_rankings, 'ranking')} of {of}; {self.reason}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def observe_usable(
    metric: CLPIPS, rankings: Sequence[Ranking], watch: Watch
) -> tuple[list[Observation], list[LeftOutImage]]:
    """The rankings whose images can all be used, and what is left out.

    Raises:
        ImageError: no ranking is left.
    """
    unusable: Unusable = {}
    found = metric.observe(rankings, cache=default_cache(), watch=watch, unusable=unusable)
    if rankings and not found:
        raise ImageError(next(iter(unusable.values())))
    kept = {id(one.ranking) for one in found}
    lost = [one for one in rankings if id(one) not in kept]
    left_out = []
    for image, reason in unusable.items():
        own = [one for one in lost if image in (one.target, *one.images)]
        targets = tuple(dict.fromkeys(one.target for one in own))
        left_out.append(LeftOutImage(image, reason, targets, len(own)))
    return found, left_out
