"""Part-level identity (MTG): one part of an object was inpainted anew; how much, does it show?

A row has two pictures of one object, 1 and 2, and each again with a part inpainted, 1′ and 2′. The
margins are sim(1, 2) − sim(1, 1′) and sim(1, 2) − sim(2, 2′); SSR is the share of rows that win
both, PA the share of margins that are won. The *oracle* oⱼ = 1 − area of part j / area of object j
says how much of the object is left; **MO** is the mean (Fisher's z) of the correlations of four
similarities with the oracle, sim(1, 1′) and sim(2, 1′) with o₁, sim(2, 2′) and sim(1, 2′) with o₂;
**MO_pair** that of the two on the same background, (1, 1′) and (2, 2′). (Evaluation of NearID,
arXiv 2604.01973, on the data set of "Mind the Glitch".)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from clpips.errors import InputError, UndefinedStatistic
from clpips.identity.distractors import MarginSummary, summarised
from clpips.stats.intervals import RESAMPLES
from clpips.stats.pearson import fisher_mean, pearson

Array: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

ORIGINALS = "1_2"
SERIES: Mapping[str, int] = {"1_1p": 0, "2_2p": 1, "1_2p": 1, "2_1p": 0}
"""A similarity and which oracle it is correlated with; p marks the inpainted picture."""
SAME_BACKGROUND = ("1_1p", "2_2p")


@dataclass(frozen=True, slots=True)
class PartLevelSummary:
    """What a part-level set comes to.

    Args:
        margins: SSR, PA and the margins' distribution. PA has no extra trial here, so
            ``pa_compat`` is ``pa``.
        mo, mo_pair: mean correlation with the oracle, over four series and over two; in [−1, 1].
        correlations: Pearson's r of each series; ``None`` where it is undefined, which counts as
            0 in the means, as in the release.
        n_correlated: rows behind each r.
    """

    margins: MarginSummary
    mo: float
    mo_pair: float
    correlations: Mapping[str, float | None]
    n_correlated: Mapping[str, int]

    @property
    def n_undefined(self) -> int:
        """Series without a correlation."""
        return sum(r is None for r in self.correlations.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            **self.margins.to_dict(),
            "mo": self.mo,
            "mo_pair": self.mo_pair,
            "correlations": dict(self.correlations),
            "n_correlated": dict(self.n_correlated),
            "n_undefined": self.n_undefined,
        }


def oracle(object_share: float, part_share: float) -> float:
    """How much of an object is left: 1 − part / object.

    Args:
        object_share, part_share: how much of the picture the masks cover, in [0, 1].

    Returns:
        1 for no part, 0 for all of it, and for an empty object; negative for a part that is
        larger than its object.

    >>> oracle(0.5, 0.1), oracle(0.0, 0.1), oracle(0.25, 0.5)
    (0.8, 0.0, -1.0)
    """
    return 1 - part_share / object_share if object_share > 0 else 0.0


def part_margins(similarities: Mapping[str, Array]) -> Array:
    """(rows, 2): sim(1, 2) − sim(1, 1′) and sim(1, 2) − sim(2, 2′); NaN without a term.

    Args:
        similarities: ``1_2``, ``1_1p`` and ``2_2p``, each (rows,).
    """
    with np.errstate(invalid="ignore"):
        return np.stack(
            [similarities[ORIGINALS] - similarities[s] for s in SAME_BACKGROUND], axis=1
        )


def part_level(
    similarities: Mapping[str, Array],
    oracles: Array,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> PartLevelSummary:
    """SSR, PA, MO and MO_pair.

    Args:
        similarities: by series, ``1_2`` and those of :data:`SERIES`, each (rows,); NaN or
            infinite where there is none.
        oracles: (rows, 2).
        seed, resamples: of the intervals.

    Raises:
        InputError: a series is missing, or lengths differ.
    """
    wanted = (ORIGINALS, *SERIES)
    if any(similarities.get(name, np.zeros(0)).shape != (len(oracles),) for name in wanted):
        raise InputError(f"part-level similarities must be {wanted}, each of {len(oracles)} rows")
    found: dict[str, float | None] = {}
    counts: dict[str, int] = {}
    for name, which in SERIES.items():
        values = similarities[name]
        counts[name] = int((np.isfinite(values) & np.isfinite(oracles[:, which])).sum())
        try:
            found[name] = pearson(values, oracles[:, which])
        except UndefinedStatistic:
            found[name] = None
    margins = summarised(part_margins(similarities), seed=seed, resamples=resamples)
    return PartLevelSummary(
        replace(margins, pa_compat=margins.pa),
        fisher_mean([r or 0.0 for r in found.values()]),
        fisher_mean([found[name] or 0.0 for name in SAME_BACKGROUND]),
        found,
        counts,
    )
