"""NearID: do two views of one object stay closer than an impostor on the same background?

An identity has up to three views of one object (*positives*) and, for every view, a *distractor*:
another, similar object on that view's own background. With e() unit embeddings,

    m(i→j) = e(view i) · e(view j) − e(view i) · e(distractor i)

for every pair of views, in both directions: six margins for three views, two for two. A margin
is won if it is above 0; a tie is lost. **SSR** is the share of identities that win all their
margins, **PA** the share of margins that are won (Cvejic et al., "NearID", arXiv 2604.01973).

Missing views and distractors are NaN and keep their places, so that distractor i is never compared
with another view. (The released loader moves later slots forward; its training code does not.)
A margin with a number that is not finite is left out; an identity without any margin is left out
and counted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np

from clpips.errors import InputError
from clpips.stats.intervals import RESAMPLES, Interval, bootstrap_interval
from clpips.stats.shares import share_interval

Array: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

VIEWS = 3
DIRECTED = ((0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1))
"""The margins' (anchor, other view), counted from 0."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True)
class MarginSummary:
    """What some identities' margins come to. ``None`` where there is no margin to say it from.

    Args:
        ssr: share of identities that win all their margins, in [0, 1].
        n_identities: identities with a margin; pooled over sources, the sum over the sources,
            by which their SSR is weighted.
        pa: share of margins that are won, in [0, 1].
        n_margins: margins with finite numbers.
        pa_compat: PA as the released tables compute it: every identity's *mean* margin is one
            further trial. For comparison with published figures only.
        mean_margin: the mean of the signed margins.
        ssr_ci, pa_ci: 95 % intervals over identities (:func:`clpips.stats.shares.share_interval`).
        mean_margin_ci: 95 % interval, a bootstrap-t over identities.
        median_margin, std_margin: of the signed margins; the population's standard deviation.
        quantiles: the signed margins' quantiles, by their level.
        absolute: mean, median and sample standard deviation over identities of the mean
            *absolute* margin: what the released tables print as mean, median and std.
        n_left_out: identities without any margin; pooled, summed over the sources.
        n_distinct: identities with a margin in any source.
    """

    ssr: float | None
    n_identities: int
    pa: float | None
    n_margins: int
    pa_compat: float | None
    mean_margin: float | None
    ssr_ci: Interval | None
    pa_ci: Interval | None
    mean_margin_ci: Interval | None
    median_margin: float | None
    std_margin: float | None
    quantiles: dict[str, float] | None
    absolute: dict[str, float | None] | None
    n_left_out: int
    n_distinct: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        found = asdict(self)
        return {key: list(v) if isinstance(v, tuple) else v for key, v in found.items()}


def embedding_margins(positives: Array, distractors: Array) -> Array:
    """Directed margins of identities under an encoder.

    Args:
        positives: (identities, 3, d) unit embeddings by view; NaN where there is no view.
        distractors: (identities, 3, d), on the same backgrounds; NaN where there is none.

    Returns:
        (identities, 6) margins in [−2, 2], in the order of :data:`DIRECTED`; NaN without a term.

    Raises:
        InputError: other shapes.

    >>> e = np.eye(3)[None]  # three views that have nothing in common
    >>> embedding_margins(e, np.roll(e, 1, axis=1)).tolist()
    [[0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]
    """
    return directed_margins(view_cosines(positives), distractor_cosines(positives, distractors))


def view_cosines(positives: Array) -> Array:
    """(identities, 3, d) unit embeddings → (identities, 3, 3): how similar view j is to view i.

    A view's similarity to itself is in no margin and left NaN.

    Raises:
        InputError: another shape.
    """
    views, _ = _checked(positives, positives)
    found = np.full((len(views), VIEWS, VIEWS), np.nan)
    for i, j in DIRECTED:
        found[:, i, j] = _dots(views[:, i], views[:, j])
    return found


def distractor_cosines(positives: Array, distractors: Array) -> Array:
    """(identities, 3, d) twice → (identities, 3): how similar distractor i is to view i.

    Raises:
        InputError: other shapes.
    """
    views, others = _checked(positives, distractors)
    return np.stack([_dots(views[:, i], others[:, i]) for i in range(VIEWS)], axis=1)


def directed_margins(between: Array, cross: Array) -> Array:
    """Margins from similarities, or from distances with a minus sign.

    Args:
        between: (identities, 3, 3); [n, i, j] is how similar view j is to view i.
        cross: (identities, 3); [n, i] is how similar distractor i is to view i.

    Returns:
        (identities, 6) in the order of :data:`DIRECTED`; NaN where a term is missing or not
        finite.

    Raises:
        InputError: other shapes.
    """
    between, cross = np.asarray(between, np.float64), np.asarray(cross, np.float64)
    if between.shape != (len(between), VIEWS, VIEWS) or cross.shape != (len(between), VIEWS):
        raise InputError(
            f"similarities must be (identities, 3, 3) and (identities, 3), "
            f"got {between.shape} and {cross.shape}"
        )
    with np.errstate(invalid="ignore"):  # inf − inf
        margins = np.stack([between[:, i, j] - cross[:, i] for i, j in DIRECTED], axis=1)
    margins[~np.isfinite(margins)] = np.nan
    return margins


def summarised(margins: Array, *, seed: int = 0, resamples: int = RESAMPLES) -> MarginSummary:
    """One source's margins.

    Args:
        margins: (identities, margins of each), NaN where one is missing.
        seed, resamples: of the bootstrap.
    """
    return pooled({"": margins}, seed=seed, resamples=resamples)


def pooled(
    margins: Mapping[str, Array], *, seed: int = 0, resamples: int = RESAMPLES
) -> MarginSummary:
    """The margins of several sources together: SSR is weighted by identities, PA by margins.

    Args:
        margins: by source, (identities, margins of each); every source has the same identities
            in the same order, with NaN where it lacks one. Intervals redraw identities, with all
            their sources.
        seed, resamples: of the bootstrap.

    Raises:
        InputError: no source, or sources of different shapes.
    """
    if len({table.shape for table in margins.values()}) != 1:
        raise InputError("sources must have the same identities, and at least one source is needed")
    every = np.stack(list(margins.values()), axis=1)  # (identities, sources, margins)
    every = np.where(np.isfinite(every), every, np.nan)
    trials = np.isfinite(every).sum(axis=2)  # (identities, sources)
    wins = (every > 0).sum(axis=2)
    held = trials > 0
    complete = held & (wins == trials)
    means = _row_means(every, trials)
    n, n_margins = int(held.sum()), int(trials.sum())
    values = every[np.isfinite(every)]
    some = n_margins > 0
    return MarginSummary(
        ssr=_share(int(complete.sum()), n),
        n_identities=n,
        pa=_share(int(wins.sum()), n_margins),
        n_margins=n_margins,
        pa_compat=_share(int(wins.sum() + (means > 0).sum()), n_margins + n),
        mean_margin=float(values.mean()) if some else None,
        ssr_ci=share_interval(
            complete.sum(axis=1), held.sum(axis=1), seed=seed, resamples=resamples
        ),
        pa_ci=share_interval(wins.sum(axis=1), trials.sum(axis=1), seed=seed, resamples=resamples),
        mean_margin_ci=_mean_interval(every, seed, resamples),
        median_margin=float(np.median(values)) if some else None,
        std_margin=float(values.std()) if some else None,
        quantiles={f"{q:g}": float(np.quantile(values, q)) for q in QUANTILES} if some else None,
        absolute=_absolute(_row_means(np.abs(every), trials)) if some else None,
        n_left_out=int((~held).sum()),
        n_distinct=int(held.any(axis=1).sum()),
    )


def _checked(positives: Array, distractors: Array) -> tuple[Array, Array]:
    views, others = np.asarray(positives), np.asarray(distractors)
    if views.ndim != 3 or views.shape != others.shape or views.shape[1] != VIEWS:
        raise InputError(
            f"embeddings of views and distractors must be (identities, 3, d) alike, "
            f"got {views.shape} and {others.shape}"
        )
    return views, others


def _dots(a: Array, b: Array) -> Array:
    """(n, d) twice → (n,) in float64. Equal vectors give equal products, so that ties are ties."""
    with np.errstate(invalid="ignore"):
        return np.asarray((a.astype(np.float64) * b.astype(np.float64)).sum(axis=1))


def _row_means(every: Array, trials: np.ndarray[Any, Any]) -> Array:
    """(…, margins) → (…): the mean of each row's finite margins; NaN where there is none."""
    total = np.where(np.isfinite(every), every, 0.0).sum(axis=-1)
    return np.where(trials > 0, total / np.maximum(trials, 1), np.nan)


def _share(wins: int, trials: int) -> float | None:
    return wins / trials if trials else None


def _mean_interval(every: Array, seed: int, resamples: int) -> Interval | None:
    flat = every.reshape(len(every), -1)
    there = np.isfinite(flat)
    labels = np.nonzero(there)[0].tolist()
    return bootstrap_interval(
        [flat[there]],
        clusters=[labels],
        bounds=(-math.inf, math.inf),
        seed=seed,
        resamples=resamples,
    )


def _absolute(means: Array) -> dict[str, float | None]:
    values = means[np.isfinite(means)]
    return {
        "mean": float(values.mean()),
        "median": float(np.median(values)),
        "std": float(values.std(ddof=1)) if len(values) > 1 else None,
    }
