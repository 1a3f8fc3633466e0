"""Rankings that no fit can learn from, and why."""

from __future__ import annotations

from collections.abc import Sequence

from clpips.metric.observations import Observation

ALL_TIED = "all images of every ranking are tied"
ALL_EQUAL = (
    "every distance is equal: the images of each ranking look the same to the network, so no "
    "weights can put them in an order"
)
SAME = 1e-9
"""Difference vectors closer than this, as a share of the largest entry, are equal."""
NOTHING = 1e-12
"""So are vectors as small as this, which rounding leaves of an image compared with itself."""


def nothing_to_learn(observations: Sequence[Observation]) -> str | None:
    """Why no weights can be learnt from some rankings; ``None`` where they can."""
    comparing = [one for one in observations if len(set(one.ranking.ranks)) > 1]
    if not comparing:
        return ALL_TIED
    return ALL_EQUAL if all(_has_equal_vectors(one) for one in comparing) else None


def _has_equal_vectors(observation: Observation) -> bool:
    vectors = observation.vectors
    apart = vectors.max(axis=0) - vectors.min(axis=0)
    return bool(apart.max() <= SAME * vectors.max() + NOTHING)
