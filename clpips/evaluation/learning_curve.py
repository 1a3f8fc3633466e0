"""How held-out agreement grows with rankings, and what it will be with more of them.

A point of the curve is the held-out agreement with that many rankings: weights are refitted to
random subsets of the targets with one target left out each time, and score the target that was
left out. Every target is scored equally often at every size, so points differ by the number of
rankings only, not by the difficulty of the boards. With no ranking the metric is stock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from clpips.errors import InputError, UndefinedStatistic
from clpips.metric.fit import FittedWeights
from clpips.metric.ranking_problem import RankingProblem
from clpips.metric.settings import FitSettings
from clpips.metric.solver import Array
from clpips.progress import Watch
from clpips.stats.cluster_robust import Clustered
from clpips.stats.correlation import MIN_IMAGES, spearman

REPEATS = 3
POINTS = 6
AT_ONCE = 64
"""Fits solved side by side."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Held-out agreement with a given number of rankings.

    Args:
        n_rankings: rankings that the report is about, on average over subsets; 0 is stock.
        n_targets: their targets.
        spearman: mean over rankings, in [−1, 1].
        gain: spearman − stock's, on the same rankings.
        gain_error: standard error of the gain over targets.
    """

    n_rankings: float
    n_targets: int
    spearman: float
    gain: float
    gain_error: float


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """Held-out agreement against number of rankings.

    Args:
        points: from stock (0 rankings) to all rankings.
        n_rankings: rankings that count.
        n_targets: their targets.
        targets: (rankings,) the target of each.
        values: (points, rankings) each ranking's Spearman at each size.
        repeats: random orders of the targets that were cut into subsets.
        seed: of those orders.
    """

    points: tuple[CurvePoint, ...]
    n_rankings: int
    n_targets: int
    repeats: int
    seed: int
    targets: tuple[str, ...] = field(repr=False)
    values: Array = field(repr=False, compare=False)

    @property
    def sentence(self) -> str:
        """The result in plain words."""
        first, last = self.points[0], self.points[-1]
        return (
            f"Held-out agreement goes from {first.spearman:.2f} with stock LPIPS "
            f"to {last.spearman:.2f} with {self.n_rankings} rankings."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "points": [asdict(point) for point in self.points],
            "n_rankings": self.n_rankings,
            "n_targets": self.n_targets,
            "repeats": self.repeats,
            "seed": self.seed,
            "sentence": self.sentence,
        }


def learning_curve(
    fitted: FittedWeights,
    *,
    sizes: Sequence[int] | None = None,
    repeats: int = REPEATS,
    seed: int = 0,
    watch: Watch | None = None,
) -> LearningCurve:
    """Held-out agreement of fits to random subsets of the targets.

    Args:
        fitted: one person's fit. Each target is scored under the settings that were selected
            without that target's rankings, at every size.
        sizes: numbers of targets, from 2 on; all targets are added. By default about six,
            growing by a common factor.
        repeats: random orders of the targets; in each every target is scored once per size.
        seed: of the orders.
        watch: progress and cancel.

    Raises:
        UndefinedStatistic: fewer than two targets with a ranking that counts.
        InputError: a size below 2 or above the number of targets, or no repeat.
        Cancelled: the caller cancelled.
    """
    if repeats < 1:
        raise InputError(f"a learning curve needs at least one repeat, got {repeats}")
    problem, boards = fitted.problem, _boards(fitted.problem)
    every = len(boards)
    if every < 2:
        raise UndefinedStatistic(
            f"a learning curve needs rankings of at least two targets, got {every}"
        )
    chosen = _sizes(every) if sizes is None else sorted({*sizes, every})
    if chosen[0] < 2 or chosen[-1] > every:
        raise InputError(f"sizes must lie between 2 and {every} targets, got {list(sizes or ())}")
    folds = _folds(every, chosen, repeats, np.random.default_rng(seed))
    counted = [number for board in boards.values() for number in board]
    stock = [_spearman(problem, number, problem.stock) for number in counted]
    learnt = _mean_spearmans(fitted, boards, folds, len(chosen), watch or Watch())
    values = np.concatenate([[stock], learnt])
    labels = tuple(target for target, board in boards.items() for _ in board)
    return _curve(values, labels, [0, *chosen], repeats=repeats, seed=seed)


def _boards(problem: RankingProblem) -> dict[str, list[int]]:
    """The observations that have a Spearman, by target."""
    found: dict[str, list[int]] = {}
    for number, one in enumerate(problem.observations):
        stock = one.vectors @ problem.stock
        if len(stock) >= MIN_IMAGES and np.ptp(one.ranking.ranks) > 0 and np.ptp(stock) > 0:
            found.setdefault(one.ranking.target, []).append(number)
    return found


def _sizes(targets: int) -> list[int]:
    return sorted({round(size) for size in np.geomspace(2, targets, min(POINTS, targets))})


@dataclass(frozen=True, slots=True)
class _Fold:
    """Train on some targets and score another; all by position."""

    size: int
    trained: tuple[int, ...]
    scored: int


def _folds(
    targets: int, sizes: Sequence[int], repeats: int, generator: np.random.Generator
) -> list[_Fold]:
    """For each size and repeat a random order of the targets cut into subsets of that size.

    The last subset is filled up from the front of the order, and only its own part is scored.
    """
    folds = []
    for index, size in enumerate(sizes):
        for _ in range(repeats if size < targets else 1):
            order = generator.permutation(targets).tolist()
            for start in range(0, targets, size):
                own = order[start : start + size]
                subset = own + order[: size - len(own)]
                folds += [
                    _Fold(index, tuple(other for other in subset if other != one), one)
                    for one in own
                ]
    return folds


def _mean_spearmans(
    fitted: FittedWeights,
    boards: Mapping[str, Sequence[int]],
    folds: Sequence[_Fold],
    n_sizes: int,
    watch: Watch,
) -> Array:
    """(sizes, rankings) each ranking's Spearman at each size, as the mean over repeats."""
    targets = list(boards)
    often = np.bincount([fold.size for fold in folds]) / len(targets)
    starts = np.cumsum([0, *map(len, boards.values())])
    values, done = np.zeros((n_sizes, int(starts[-1]))), 0
    for settings, batch in _batches(fitted, targets, folds):
        part = watch.part(done / len(folds), len(batch) / len(folds))
        weights = _fold_weights(fitted, targets, batch, settings, part)
        done += len(batch)
        for column, fold in enumerate(batch):
            for place, number in enumerate(boards[targets[fold.scored]]):
                found = _spearman(fitted.problem, number, weights[:, column])
                values[fold.size, starts[fold.scored] + place] += found / often[fold.size]
    return values


def _batches(
    fitted: FittedWeights, targets: Sequence[str], folds: Sequence[_Fold]
) -> Iterator[tuple[FitSettings, list[_Fold]]]:
    """Folds of the same settings, ``AT_ONCE`` at a time."""
    by_settings: dict[FitSettings, list[_Fold]] = {}
    for fold in folds:
        settings = fitted.hyperparameters.for_target(targets[fold.scored])
        by_settings.setdefault(settings, []).append(fold)
    for settings, own in by_settings.items():
        for first in range(0, len(own), AT_ONCE):
            yield settings, own[first : first + AT_ONCE]


def _fold_weights(
    fitted: FittedWeights,
    targets: Sequence[str],
    folds: Sequence[_Fold],
    settings: FitSettings,
    watch: Watch,
) -> Array:
    """(channels, folds) weights fitted to each fold's targets alone, as the report fits them."""
    every = frozenset(fitted.problem.targets)
    return fitted.fold_weights(
        [every - {targets[one] for one in fold.trained} for fold in folds],
        [targets[fold.scored] for fold in folds],
        settings,
        watch,
    )


def _spearman(problem: RankingProblem, number: int, weights: Array) -> float:
    """Spearman of one observation.

    Weights whose distances are all equal have none; 0, no order, keeps the curve's rankings the
    same at every size.
    """
    one = problem.observations[number]
    distances = one.vectors @ weights
    if np.ptp(distances) == 0:
        return 0.0
    return spearman(one.ranking.ranks, distances)


def _curve(
    values: Array, targets: tuple[str, ...], sizes: Sequence[int], *, repeats: int, seed: int
) -> LearningCurve:
    count, every = len(targets), len(set(targets))
    points = []
    for size, row in zip(sizes, values, strict=True):
        gains = Clustered.of(row - values[0], targets)
        points.append(
            CurvePoint(
                n_rankings=count * size / every,
                n_targets=size,
                spearman=float(row.mean()),
                gain=gains.mean,
                gain_error=gains.error()[0],
            )
        )
    return LearningCurve(tuple(points), count, every, repeats, seed, targets, values)
