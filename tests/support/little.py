"""A little feature space, and rankings in it, for tests that fit many times."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from clpips.features.base import Block, Space
from clpips.metric.observations import Observation
from clpips.types import Ranking

CHANNELS = (3, 5, 4)
BLOCK = np.repeat(np.arange(3), CHANNELS)
STOCK = np.random.default_rng(5).random(12) + 0.1
SPACE = Space("little", tuple(Block(f"b{n}", size, "") for n, size in enumerate(CHANNELS)), STOCK)


@pytest.fixture
def exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    """All fits are carried to their one solution, whatever the path of the solver's steps."""
    monkeypatch.setattr("clpips.metric.hyperparameters.SEARCH_TOLERANCE", 1e-3)
    for name in (
        "clpips.metric.fit.HELD_OUT_TOLERANCE",
        "clpips.metric.pooled.HELD_OUT_TOLERANCE",
        "clpips.evaluation.baselines.HELD_OUT_TOLERANCE",
    ):
        monkeypatch.setattr(name, 1e-4)


def person(
    name: str, truth: np.ndarray, *, seed: int, targets: int = 8, images: int = 6, noise: float = 0
) -> list[Observation]:
    """One ranking of each target by some true weights; the same seed gives the same images."""
    rng = np.random.default_rng(seed)
    found = []
    for target in range(targets):
        vectors = rng.random((images, 12))
        distances = vectors @ truth
        distances = distances + noise * distances.std() * rng.normal(size=images)
        names = tuple(f"{seed}-{target}-{n}" for n in range(images))
        found.append(Observation(Ranking(name, f"t{target}", names, ranks_of(distances)), vectors))
    return found


def ranks_of(distances: np.ndarray) -> tuple[int, ...]:
    """1 for the smallest."""
    return tuple(int(rank) + 1 for rank in np.argsort(np.argsort(distances)))


def changed(observations: list[Observation], *targets: str) -> list[Observation]:
    """The same boards, those of some targets ranked the other way round."""
    return [
        Observation(_reversed(one.ranking), one.vectors) if one.ranking.target in targets else one
        for one in observations
    ]


def _reversed(ranking: Ranking) -> Ranking:
    worst = max(ranking.ranks)
    return replace(ranking, ranks=tuple(worst + 1 - rank for rank in ranking.ranks))
