"""How a fit's settings are selected from the rankings alone, by nested leave-one-target-out.

The targets are cut into at most ``GROUPS`` groups. Every setting in the grid is fitted with each
group left out and, for the held-out report, with each *pair* of groups left out; it is scored on
the rankings of a group that was left out. So for any target t:

- the settings for t's own held-out score come from fits that never saw t's group, scored on
  groups that are not t's;
- the settings of the final fit come from fits with one group left out.

The first setting of the grid is the default. Another one is taken only where it agrees better by
more than one standard error of the difference between groups (the one-standard-error rule, here
in favour of the default): with a handful of rankings the best of a grid is mostly luck.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
from scipy import stats

from clpips.metric.pooled import PooledPrior
from clpips.metric.ranking_problem import RankingProblem
from clpips.metric.settings import FitSettings
from clpips.metric.solver import Array
from clpips.progress import Watch

GROUPS = 6
MIN_GROUPS = 4
"""With fewer groups the default is used: there is too little data to select by."""
MIN_IMAGES = 3
SEARCH_TOLERANCE = 0.05
"""Relative duality gap during selection: the ranking of images settles long before the weights."""


@dataclass(frozen=True, slots=True)
class HyperParameters:
    """The settings that were selected, and what from.

    Args:
        settings: for a fit to all rankings.
        of_group: for the held-out score of each group's targets.
        groups: the group (from 0) of each target.
        grid: all that were tried, the default first.
        scores: mean held-out Spearman of each setting of the grid; empty where none was tried.
        starts: for each setting of the grid, the dual variables of its fits with one group left
            out, (comparisons, groups); empty where none was tried.
    """

    settings: FitSettings
    of_group: tuple[FitSettings, ...]
    groups: Mapping[str, int]
    grid: tuple[FitSettings, ...]
    scores: tuple[float, ...] = ()
    starts: tuple[Array, ...] = field(default=(), repr=False, compare=False)

    def for_target(self, target: str) -> FitSettings:
        """The settings under which a target's rankings are scored."""
        return self.of_group[self.groups[target]]

    def dual_start(self, settings: FitSettings, targets: Sequence[str]) -> Array | None:
        """(comparisons, targets) dual variables from which fits without these targets may start.

        They are the solutions without the target's whole group, so no ranking of the target had
        a part in them. A start from the fit to all rankings would leave a trace of the target:
        that cost 0.08 Spearman on real judgements.
        """
        if not self.starts:
            return None
        known: Array = self.starts[self.grid.index(settings)]
        return known[:, [self.groups[target] for target in targets]]

    def group_with(self, target: str) -> frozenset[str]:
        """The targets of one target's group."""
        own = self.groups[target]
        return frozenset(each for each, group in self.groups.items() if group == own)


def grid_of(settings: FitSettings, *, has_others: bool) -> tuple[FitSettings, ...]:
    """All combinations worth trying of what is ``None`` in some settings, the default first."""
    default = settings.filled(start="pooled" if has_others else "stock")
    tried = [default]
    if settings.shrinkage is None:
        tried += [replace(default, shrinkage=each) for each in (0.005, 0.1, 0.5)]
    if settings.margin is None:
        tried += [replace(default, margin=each) for each in (0.5, 2.0)]
    if settings.granularity is None:
        tried.append(replace(default, granularity="layer"))
    if settings.start is None and has_others:
        tried.append(replace(default, start="stock"))
    return tuple(dict.fromkeys(tried))


def grouped(targets: Sequence[str], order: Sequence[str] = ()) -> dict[str, int]:
    """Targets in groups of about the same size, in the order of ``order``, then their own."""
    known = [each for each in order if each in set(targets)]
    ordered = list(dict.fromkeys([*known, *targets]))
    count = min(GROUPS, len(ordered))
    return {target: number % count for number, target in enumerate(ordered)}


def select_hyperparameters(
    problem: RankingProblem, settings: FitSettings, prior: PooledPrior | None, watch: Watch
) -> HyperParameters:
    """Select what is ``None`` in some settings.

    Args:
        problem: the comparisons of one person, or pooled.
        settings: what is given, and ``None`` for what is to be selected.
        prior: pooled weights of all participants; ``None`` without others.
        watch: progress and cancel.
    """
    grid = grid_of(settings, has_others=prior is not None)
    groups = grouped(problem.targets, prior.targets if prior else ())
    count = max(groups.values()) + 1
    if len(grid) == 1 or count < MIN_GROUPS:
        return HyperParameters(grid[0], (grid[0],) * count, groups, grid)
    pairs = list(combinations(range(count), 2))
    scores, starts = _tried(problem, grid, groups, pairs, prior, watch)
    group_of = np.array([groups[each.ranking.target] for each in problem.observations])
    columns = {frozenset(pair): count + number for number, pair in enumerate(pairs)}
    of_group = tuple(
        grid[_best([_by_group(each, group_of, columns, own, count) for each in scores])]
        for own in range(count)
    )
    by_group = [_by_group(each, group_of, columns, None, count) for each in scores]
    means = tuple(float(each.mean()) for each in by_group)
    return HyperParameters(grid[_best(by_group)], of_group, groups, grid, means, starts)


def _tried(
    problem: RankingProblem,
    grid: Sequence[FitSettings],
    groups: Mapping[str, int],
    pairs: Sequence[tuple[int, int]],
    prior: PooledPrior | None,
    watch: Watch,
) -> tuple[list[Array], tuple[Array, ...]]:
    """Every setting of the grid, fitted without each group and without each pair of groups.

    Returns:
        for each setting, its scores (observations, groups + pairs), and the dual variables of
        its fits without one group (comparisons, groups).
    """
    count = max(groups.values()) + 1
    members = [frozenset(t for t, g in groups.items() if g == each) for each in range(count)]
    left_out = [*members, *(members[one] | members[other] for one, other in pairs)]
    kept = _scored_images(problem, groups, left_out)
    means = None if prior is None else prior.weights(left_out, watch)
    scores, starts, default = list[Array](), list[Array](), None
    for number, settings in enumerate(grid):
        watch.report(number / len(grid), "Selecting hyper-parameters")
        found = problem.solve(
            left_out,
            settings,
            prior_means=means if settings.start == "pooled" else None,
            # The same rankings are left out of the default's fits; alpha grows with shrinkage.
            start=None if default is None else default * _shrinkage_ratio(settings, grid[0]),
            tolerance=SEARCH_TOLERANCE,
        )
        default = found.alpha if default is None else default
        starts.append(found.alpha[:, :count].copy())
        scores.append(_scores(problem, problem.channel_weights(found), kept))
    return scores, tuple(starts)


def _shrinkage_ratio(settings: FitSettings, default: FitSettings) -> np.float32:
    return np.float32(settings.margin_and_shrinkage()[1] / default.margin_and_shrinkage()[1])


def _by_group(
    scores: Array,
    group_of: Array,
    columns: Mapping[frozenset[int], int],
    own: int | None,
    count: int,
) -> Array:
    """Mean score of each group's rankings by fits without it, and without ``own`` if given."""
    found = []
    for group in range(count):
        if group == own:
            continue
        column = group if own is None else columns[frozenset((group, own))]
        values = scores[group_of == group, column]
        values = values[np.isfinite(values)]
        found.append(values.mean() if len(values) else np.nan)
    return np.array(found)


def _best(by_group: Sequence[Array]) -> int:
    """Which setting to take; the default unless another is better by a standard error."""
    differences = [each - by_group[0] for each in by_group]
    kept = np.isfinite(differences[0])
    if kept.sum() < MIN_GROUPS - 1:
        return 0
    means = np.array([each[kept].mean() for each in differences])
    errors = np.array([each[kept].std(ddof=1) / np.sqrt(kept.sum()) for each in differences])
    lead = np.where(means > errors, means, 0.0)
    return int(lead.argmax())


def _scored_images(
    problem: RankingProblem, groups: Mapping[str, int], left_out: Sequence[frozenset[str]]
) -> list[Array]:
    """For each ranking, (images, problems): which images its score may count.

    A score serves to select the settings for targets of *another* left-out group, so those targets
    must not appear in it as candidates either.
    """
    found = []
    for each in problem.observations:
        own = groups[each.ranking.target]
        others = [[target for target in some if groups[target] != own] for some in left_out]
        dropped = [[image in some for some in others] for image in each.ranking.images]
        found.append(~np.array(dropped))
    return found


def _scores(problem: RankingProblem, weights: Array, kept: Sequence[Array]) -> Array:
    """(observations, problems) Spearman of each ranking's kept images; NaN where it has none."""
    distances = problem.distances(weights)  # centred per ranking, which keeps the order
    found = np.full((len(problem.observations), weights.shape[1]), np.nan)
    start = 0
    for number, (each, own) in enumerate(zip(problem.observations, kept, strict=True)):
        ranks = np.asarray(each.ranking.ranks, dtype=np.float64)
        ours = distances[start : start + len(ranks)]
        start += len(ranks)
        if own.all():
            found[number] = _spearman_by_column(ranks, ours)
            continue
        masks, which = np.unique(own, axis=1, return_inverse=True)
        for column, mask in enumerate(masks.T):
            there = which.ravel() == column
            found[number, there] = _spearman_by_column(ranks[mask], ours[mask][:, there])
    return found


def _spearman_by_column(human: Array, distances: Array) -> Array:
    """Human ranks (images,) against distances (images, columns): Spearman of each; NaN if none."""
    found = np.full(distances.shape[1], np.nan)
    if len(human) < MIN_IMAGES or np.ptp(human) == 0:
        return found
    ranks = stats.rankdata(human)
    theirs = distances.argsort(axis=0).argsort(axis=0).astype(float)
    tied = (np.diff(np.sort(distances, axis=0), axis=0) == 0).any(axis=0)
    if tied.any():  # identical pictures: they share a rank, whatever their order in the file
        theirs[:, tied] = stats.rankdata(distances[:, tied], axis=0)
    ranks = ranks - ranks.mean()
    theirs -= theirs.mean(axis=0)
    lengths = np.sqrt((ranks**2).sum() * (theirs**2).sum(axis=0))
    known = lengths > 0
    found[known] = (ranks @ theirs)[known] / lengths[known]
    return found
