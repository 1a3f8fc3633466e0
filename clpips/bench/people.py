"""Which metrics agree with people who ranked the same images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from clpips.bench.metrics.card import Values
from clpips.bench.runner import Scores
from clpips.errors import ImageError, UndefinedStatistic
from clpips.io.image_files import read_picture
from clpips.stats.correlation import MIN_IMAGES, spearman
from clpips.types import Ranking

PersonalDistance: TypeAlias = Callable[[str, str], float]
"""The files of a target and of an image → their distance."""
PERSONAL = "personal"
"""What the row of people's own metrics is called."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How metrics agree with people.

    Args:
        spearman: metric → participant → mean Spearman over their rankings, in [−1, 1]; 1 where
            the metric orders images as they did.
        n_rankings: of each participant, that counted.
        n_left_out: rankings that did not: fewer than three of their images were scored.
    """

    spearman: Mapping[str, Mapping[str, float]]
    n_rankings: Mapping[str, int]
    n_left_out: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "spearman": {name: dict(own) for name, own in self.spearman.items()},
            "n_rankings": dict(self.n_rankings),
            "n_left_out": self.n_left_out,
        }


def agreement_with_people(
    scores: Scores,
    rankings: Sequence[Ranking],
    personal: Mapping[str, PersonalDistance] | None = None,
) -> Agreement:
    """Each metric's Spearman with each participant, over their rankings of the scored images.

    An image is known by its pixels, whatever its file is called. Of a ranking count the images that
    were generated for samples with its target, if there are at least three.

    Args:
        scores: of the benchmark.
        rankings: of any participants; target and images are files.
        personal: the personal metric of some participants.
    """
    known = {
        (_pixels(one.sample.target.path), _pixels(one.path)): (method, one.sample.index)
        for method, own in scores.images.items()
        for one in own
    }
    found: dict[str, dict[str, list[float]]] = {}
    counts: dict[str, int] = {}
    for ranking in rankings:
        target = _pixels(ranking.target)
        places = [known.get((target, _pixels(image))) for image in ranking.images]
        there = [place for place in places if place is not None]
        if len(there) < MIN_IMAGES:
            continue
        counts[ranking.participant] = counts.get(ranking.participant, 0) + 1
        ranks = [r for r, place in zip(ranking.ranks, places, strict=True) if place is not None]
        images = [i for i, place in zip(ranking.images, places, strict=True) if place is not None]
        for name, distances in _distances(scores, there):
            _add(found, name, ranking.participant, ranks, distances)
        if personal and ranking.participant in personal:
            distance = personal[ranking.participant]
            own = np.array([distance(ranking.target, image) for image in images])
            _add(found, PERSONAL, ranking.participant, ranks, own)
    means = {
        name: {who: float(np.mean(values)) for who, values in own.items()}
        for name, own in found.items()
    }
    return Agreement(means, counts, len(rankings) - sum(counts.values()))


def _distances(scores: Scores, places: Sequence[tuple[str, int]]) -> Iterator[tuple[str, Values]]:
    """Each metric's values of some images, larger where they are worse."""
    for name, card in scores.cards.items():
        if card.direction != "none":
            values = np.array([scores.values[method][name][index] for method, index in places])
            yield name, values if card.direction == "lower" else -values


def _add(
    found: dict[str, dict[str, list[float]]],
    name: str,
    participant: str,
    ranks: Sequence[int],
    distances: Values,
) -> None:
    if not np.isfinite(distances).all():
        return
    try:
        agreement = spearman(ranks, distances)
    except UndefinedStatistic:  # all ranks or all distances are equal
        return
    found.setdefault(name, {}).setdefault(participant, []).append(agreement)


@lru_cache(maxsize=100_000)
def _pixels(path: str) -> bytes:
    """What equal pictures share; a file that is no picture is equal to itself alone."""
    try:
        picture = read_picture(Path(path).read_bytes(), path, min_side=1)
    except (ImageError, OSError):
        return path.encode()
    return hashlib.sha256(repr(picture.size).encode() + picture.tobytes()).digest()
