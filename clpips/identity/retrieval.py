"""Retrieval figures of many queries: mAP, CMC, MRR, their intervals, chance and ceiling.

Means are over queries within a class and over classes for the macro figures. Intervals redraw
identities, because the queries of one identity share its gallery images.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from clpips.identity.gallery import expected_precision
from clpips.identity.ranking import RankedQuery
from clpips.stats.intervals import bootstrap_interval, gain_interval
from clpips.stats.permutation import corrected, gain_p

RANKS = (1, 5, 10)
"""Ranks of the cumulative match characteristic."""


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """One method's figures in one class. Shares and similarities, no percentages.

    Args:
        map: mean average precision, in [0, 1].
        map_ci: its 95 % interval, identities redrawn; ``None`` for fewer than two identities or
            where all queries have the same AP.
        map_ties: (worst, best) mAP over all orders of images at equal distances.
        rank1, rank5, rank10: share of queries whose first hit is among so many.
        mrr: mean of 1 / rank of the first hit.
        n_queries, n_gallery: images of the class in the tables.
        n_left_out: of these, images that could not be compared. A gallery image leaves the
            ranking; a query stays with AP 0.
        n_without_match: queries without a gallery image of their identity; their AP is 0.
        n_identities: of the queries.
        chance_map: expected mAP of a random order.
        ceiling_map: mAP of the real references as queries; ``None`` without references.
        drift: ceiling − mAP.
        reference_similarity: mean similarity to the references, 1 − distance.
        gallery_similarity: mean similarity to gallery images of the same identity.
        clip_t: mean CLIP similarity of image and prompt.
    """

    map: float
    map_ci: tuple[float, float] | None
    map_ties: tuple[float, float]
    rank1: float
    rank5: float
    rank10: float
    mrr: float
    n_queries: int
    n_gallery: int
    n_left_out: int
    n_without_match: int
    n_identities: int
    chance_map: float
    ceiling_map: float | None
    drift: float | None
    reference_similarity: float | None
    gallery_similarity: float | None
    clip_t: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two methods on the identities that both have.

    Args:
        first, second: the methods.
        difference: first − second in mAP, the mean over identities.
        ci: its 95 % interval, identities redrawn.
        p: two-sided, of a sign-flip test over identities.
        p_corrected: Holm's correction over all pairs of methods.
        n_identities: that both methods have.
    """

    first: str
    second: str
    difference: float
    ci: tuple[float, float] | None
    p: float
    p_corrected: float
    n_identities: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def class_figures(
    ranked: Sequence[RankedQuery],
    *,
    n_gallery: int,
    n_gallery_missing: int,
    ceiling: Sequence[RankedQuery] = (),
    seed: int = 0,
) -> ClassFigures:
    """The figures of one method's queries in one class.

    Args:
        ranked: its queries, at least one.
        n_gallery: images of the class's gallery.
        n_gallery_missing: of these, images that could not be compared.
        ceiling: the class's real references, ranked against the same gallery.
        seed: of the interval.
    """
    found = _mean(one.result.ap for one in ranked) or 0.0
    top = _mean(one.result.ap for one in ceiling)
    within = {r: _mean(_is_within(one, r) for one in ranked) or 0.0 for r in RANKS}
    return ClassFigures(
        map=found,
        map_ci=bootstrap_interval(
            [_precisions(ranked)], clusters=[_identities(ranked)], bounds=(0.0, 1.0), seed=seed
        ),
        map_ties=(
            _mean(one.result.ap_ties[0] for one in ranked) or 0.0,
            _mean(one.result.ap_ties[1] for one in ranked) or 0.0,
        ),
        rank1=within[1],
        rank5=within[5],
        rank10=within[10],
        mrr=_mean(0.0 if (hit := one.result.first_hit) is None else 1 / hit for one in ranked)
        or 0.0,
        n_queries=len(ranked),
        n_gallery=n_gallery,
        n_left_out=n_gallery_missing + sum(one.is_missing for one in ranked),
        n_without_match=sum(not one.result.n_relevant for one in ranked),
        n_identities=len({one.query.identity for one in ranked}),
        chance_map=_mean(
            expected_precision(one.result.n_relevant, one.result.n_ranked) for one in ranked
        )
        or 0.0,
        ceiling_map=top,
        drift=None if top is None else top - found,
        reference_similarity=_mean(one.reference_similarity for one in ranked),
        gallery_similarity=_mean(one.gallery_similarity for one in ranked),
        clip_t=_mean(one.text_similarity for one in ranked),
    )


AVERAGED = (
    "map", "rank1", "rank5", "rank10", "mrr", "chance_map", "ceiling_map", "drift",
    "reference_similarity", "gallery_similarity", "clip_t",
)  # fmt: skip
SUMMED = (
    "n_queries", "n_gallery", "n_left_out", "n_without_match", "n_identities",
)  # fmt: skip


def macro_figures(
    classes: Mapping[str, ClassFigures],
    ranked: Mapping[str, Sequence[RankedQuery]],
    *,
    seed: int = 0,
) -> ClassFigures:
    """The unweighted mean over classes (our own default: the paper prints classes only).

    Counts are sums. A figure that a class lacks is the mean over those that have it.

    Args:
        classes: each class's figures.
        ranked: each class's queries, for the interval.
        seed: of the interval.
    """
    figures = list(classes.values())
    values: dict[str, Any] = {
        name: _mean(getattr(one, name) for one in figures) for name in AVERAGED
    }
    values |= {name: sum(getattr(one, name) for one in figures) for name in SUMMED}
    groups = [ranked[name] for name in classes]
    return ClassFigures(
        **values,
        map_ci=bootstrap_interval(
            [_precisions(group) for group in groups],
            clusters=[_identities(group) for group in groups],
            bounds=(0.0, 1.0),
            seed=seed,
        ),
        map_ties=(
            float(np.mean([one.map_ties[0] for one in figures])),
            float(np.mean([one.map_ties[1] for one in figures])),
        ),
    )


def compare_methods(
    ranked: Mapping[str, Sequence[RankedQuery]], *, seed: int = 0
) -> list[Comparison]:
    """Every pair of methods, over the identities that both generated.

    Args:
        ranked: each method's queries, of all classes.
        seed: of the tests and intervals.
    """
    means = {method: _by_identity(queries) for method, queries in ranked.items()}
    found = []
    for first, second in itertools.combinations(means, 2):
        shared = [one for one in means[first] if one in means[second]]
        if not shared:
            continue
        gains = [np.array([means[first][one] - means[second][one]]) for one in shared]
        difference, interval = gain_interval(gains, seed=seed, bounds=(-1.0, 1.0))
        p = gain_p(gains, seed=seed, alternative="two-sided").p
        found.append((first, second, difference or 0.0, interval, p, len(shared)))
    adjusted = corrected([p for *_, p, _ in found])
    return [
        Comparison(first, second, difference, interval, p, p if holm is None else holm, count)
        for (first, second, difference, interval, p, count), holm in zip(
            found, adjusted, strict=True
        )
    ]


def _by_identity(ranked: Sequence[RankedQuery]) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], list[float]] = {}
    for one in ranked:
        found.setdefault(one.query.identity, []).append(one.result.ap)
    return {identity: float(np.mean(values)) for identity, values in found.items()}


def _is_within(one: RankedQuery, rank: int) -> bool:
    return one.result.first_hit is not None and one.result.first_hit <= rank


def _precisions(ranked: Sequence[RankedQuery]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([one.result.ap for one in ranked])


def _identities(ranked: Sequence[RankedQuery]) -> list[str]:
    return ["\n".join(one.query.identity) for one in ranked]


def _mean(values: Any) -> float | None:
    there = [float(value) for value in values if value is not None]
    return float(np.mean(there)) if there else None
