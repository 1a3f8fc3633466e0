"""How a fit's settings are chosen from the rankings alone, by nested leave-one-target-out.

The targets are cut into at most ``GROUPS`` groups. Every setting in the grid is fitted with each
group left out and, for the honest report, with each *pair* of groups left out; it is scored on
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

from clpips.features.lpips import Vectors
from clpips.metric.fit import HELD_OUT_TOLERANCE, FitSettings, RankingFit
from clpips.metric.pooled import Everyone
from clpips.metric.solver import Array, Solution
from clpips.progress import Watch

GROUPS = 6
MIN_GROUPS = 4
"""With fewer there is nothing to choose by: the default is taken."""
MIN_IMAGES = 3
SEARCH_TOLERANCE = 0.05
"""Relative duality gap while choosing: ranks settle long before the last digits do."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, from what.

    Args:
        settings: for a fit to all rankings.
        of_group: for the held-out score of each group's targets.
        groups: the group (from 0) of each target.
        grid: all that could have been chosen, the default first.
        scores: mean held-out Spearman of each setting of the grid; empty where nothing was
            chosen.
        starts: for each setting of the grid, the dual variables of its fits with one group left
            out, (comparisons, groups); empty where nothing was chosen.
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

    def start(self, settings: FitSettings, targets: Sequence[str]) -> Array | None:
        """(comparisons, targets) where fits without these targets may start from.

        They are the ends of fits without the target's whole group, so nothing in them has seen
        the target. A start from all rankings' fit would leave the rest leaning against it: that
        cost 0.08 Spearman on real judgements.
        """
        if not self.starts:
            return None
        known: Array = self.starts[self.grid.index(settings)]
        return known[:, [self.groups[target] for target in targets]]

    def group_with(self, target: str) -> frozenset[str]:
        """The targets of one target's group."""
        own = self.groups[target]
        return frozenset(each for each, group in self.groups.items() if group == own)


@dataclass(frozen=True, slots=True)
class Plan:
    """A fit that was made: the settings that were chosen, and the weights they gave.

    Args:
        fit: the comparisons.
        everyone: the pooled weights to start from, where there are others.
        choice: the settings.
        solution: of all rankings.
    """

    fit: RankingFit
    everyone: Everyone | None
    choice: Choice
    solution: Solution

    @property
    def weights(self) -> Vectors:
        """(channels,) the weights that all rankings gave."""
        weights: Vectors = self.fit.channel_weights(self.solution)[:, 0]
        return weights

    def folds(self, watch: Watch) -> Vectors:
        """(channels, targets) weights fitted with each target left out.

        A target's settings were chosen without its group's rankings, and everyone's weights
        under them were fitted without anybody's rankings of its group.
        """
        targets, fit = self.fit.targets, self.fit
        folds = np.zeros((len(fit.stock), len(targets)))
        chosen = [self.choice.for_target(target) for target in targets]
        for settings in dict.fromkeys(chosen):
            own = [number for number, each in enumerate(chosen) if each == settings]
            means = None
            if settings.start == "everyone" and self.everyone is not None:
                left_out = [self.choice.group_with(targets[number]) for number in own]
                means = self.everyone.weights(left_out, watch)
            solution = fit.solve(
                [frozenset([targets[number]]) for number in own],
                settings,
                means=means,
                alpha=self.choice.start(settings, [targets[number] for number in own]),
                tolerance=HELD_OUT_TOLERANCE,
                check=lambda share: watch.report(share, "Fitting with each target left out"),
            )
            folds[:, own] = fit.channel_weights(solution)
        return folds

    def pooled_folds(self, watch: Watch) -> Vectors | None:
        """(channels, targets) everyone's weights without each target's group, if there are any."""
        if self.everyone is None:
            return None
        left_out = [self.choice.group_with(target) for target in self.fit.targets]
        return self.everyone.weights(left_out, watch)


def plan_of(fit: RankingFit, everyone: Everyone | None, watch: Watch) -> Plan:
    """Choose the settings and fit all rankings."""
    choice = choose(fit, everyone, watch)
    means = None
    if choice.settings.start == "everyone" and everyone is not None:
        means = everyone.weights([frozenset()], watch)
    solution = fit.solve(
        [frozenset()],
        choice.settings,
        means=means,
        check=lambda share: watch.report(share, "Fitting weights"),
    )
    return Plan(fit, everyone, choice, solution)


def grid_of(settings: FitSettings, *, has_others: bool) -> tuple[FitSettings, ...]:
    """All combinations worth trying of what is ``None`` in some settings, the default first."""
    default = settings.filled(start="everyone" if has_others else "stock")
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


def choose(fit: RankingFit, everyone: Everyone | None, watch: Watch) -> Choice:
    """Choose what is ``None`` in a fit's settings.

    Args:
        fit: the comparisons of one person, or pooled.
        everyone: where weights fitted to all participants come from; ``None`` without others.
        watch: progress and cancel.
    """
    grid = grid_of(fit.settings, has_others=everyone is not None)
    groups = grouped(fit.targets, everyone.targets if everyone else ())
    count = max(groups.values()) + 1
    if len(grid) == 1 or count < MIN_GROUPS:
        return Choice(grid[0], (grid[0],) * count, groups, grid)
    members = [frozenset(t for t, g in groups.items() if g == each) for each in range(count)]
    pairs = list(combinations(range(count), 2))
    left_out = [*members, *(members[one] | members[other] for one, other in pairs)]
    means = None if everyone is None else everyone.weights(left_out, watch)
    group_of = np.array([groups[each.ranking.target] for each in fit.observations])
    scored, starts, near = [], [], None
    for number, settings in enumerate(grid):
        watch.report(number / len(grid), "Choosing how strongly to fit")
        found = fit.solve(
            left_out,
            settings,
            means=means if settings.start == "everyone" else None,
            # The same rankings are left out of the default's fits; alpha grows with shrinkage.
            alpha=None if near is None else near * _ratio(settings, grid[0]),
            tolerance=SEARCH_TOLERANCE,
        )
        near = found.alpha if near is None else near
        starts.append(found.alpha[:, :count].copy())
        scored.append(_scores(fit, fit.channel_weights(found)))
    columns = {frozenset(pair): count + number for number, pair in enumerate(pairs)}
    of_group = tuple(
        grid[_best([_by_group(each, group_of, columns, own, count) for each in scored])]
        for own in range(count)
    )
    every = [_by_group(each, group_of, columns, None, count) for each in scored]
    means_of = tuple(float(each.mean()) for each in every)
    return Choice(grid[_best(every)], of_group, groups, grid, means_of, tuple(starts))


def _ratio(settings: FitSettings, default: FitSettings) -> np.float32:
    assert settings.shrinkage is not None and default.shrinkage is not None
    return np.float32(settings.shrinkage / default.shrinkage)


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
        if len(values):
            found.append(values.mean())
        else:
            found.append(np.nan)
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


def _scores(fit: RankingFit, weights: Array) -> Array:
    """(observations, problems) Spearman of each ranking; NaN where it has none."""
    distances = fit.distances(weights)  # centred per ranking, which keeps the order
    found = np.full((len(fit.observations), weights.shape[1]), np.nan)
    start = 0
    for number, each in enumerate(fit.observations):
        ranks = stats.rankdata(each.ranking.ranks)
        ours = distances[start : start + len(ranks)]
        start += len(ranks)
        if len(ranks) < MIN_IMAGES or np.ptp(ranks) == 0:
            continue
        theirs = ours.argsort(axis=0).argsort(axis=0).astype(float)
        tied = (np.diff(np.sort(ours, axis=0), axis=0) == 0).any(axis=0)
        if tied.any():  # identical pictures: they share a rank, whatever their order in the file
            theirs[:, tied] = stats.rankdata(ours[:, tied], axis=0)
        ranks = ranks - ranks.mean()
        theirs -= theirs.mean(axis=0)
        lengths = np.sqrt((ranks**2).sum() * (theirs**2).sum(axis=0))
        known = lengths > 0
        found[number, known] = (ranks @ theirs)[known] / lengths[known]
    return found
