"""The learning curve, its forecast, and how many more rankings are needed."""

from __future__ import annotations

import numpy as np

from app.jobs.comparison.inputs import LeftOut, Values
from clpips.evaluation.forecast import RankingsNeeded, forecast, rankings_needed
from clpips.evaluation.held_out import HeldOut
from clpips.evaluation.learning_curve import REPEATS, learning_curve
from clpips.metric.fit import FittedWeights
from clpips.progress import Watch

WANTED = 0.1
"""The half-width of the mean agreement's interval, in Spearman, to be reached."""
AHEAD = 2
"""How many times as many rankings the forecast is for."""
MANY_TARGETS = 40
"""With more targets, one random order of them is enough: every point is a mean over all."""
KEYS = ("curve", "forecast", "needed")


def more_rankings(
    fitted: FittedWeights | None, own: HeldOut | None, left_out: LeftOut, watch: Watch
) -> Values:
    """``curve``, ``forecast`` and ``needed``, each ``None`` where undefined.

    Args:
        fitted, own: a fit and its held-out agreement; ``None`` where it has none.
        left_out: receives the reason for each missing statistic.
        watch: progress and cancel.

    Raises:
        Cancelled: the job was cancelled.
    """
    if fitted is None or own is None:
        why = left_out.get("table", "There is no held-out agreement to forecast.")
        left_out.update(dict.fromkeys(KEYS, why))
        return dict.fromkeys(KEYS)
    repeats = REPEATS if len(fitted.problem.targets) <= MANY_TARGETS else 1
    curve = left_out.unless("curve", lambda: learning_curve(fitted, repeats=repeats, watch=watch))
    ahead = None
    if curve is not None:
        ahead = left_out.unless("forecast", lambda: forecast(curve, AHEAD * curve.n_rankings))
    else:
        left_out["forecast"] = left_out["curve"]
    needed = left_out.unless("needed", lambda: _needed(own))
    found = dict(zip(KEYS, (curve, ahead, needed), strict=True))
    return {key: None if one is None else one.to_dict() for key, one in found.items()}


def _needed(own: HeldOut) -> RankingsNeeded:
    agreement = own.personal
    counted = [
        (value, target)
        for value, target in zip(agreement.per_ranking, agreement.targets, strict=True)
        if value is not None
    ]
    values = np.array([value for value, _ in counted])
    return rankings_needed(values, WANTED, clusters=[target for _, target in counted])
