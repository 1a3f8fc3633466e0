"""Compare one fit with the baselines, and with a fit on a modern encoder's features."""

from __future__ import annotations

from collections.abc import Sequence

from app.jobs.comparison.ceilings import ceilings
from app.jobs.comparison.inputs import WIDE, LeftOut, StudyRankings, Values
from app.jobs.comparison.more_rankings import more_rankings
from app.jobs.rankings.used import used_by
from app.jobs.unusable import without
from app.jobs.vectors import observations
from app.store import Store
from app.study.records import Fit
from clpips.evaluation.baselines import hold_out_baselines
from clpips.evaluation.held_out import HeldOut, check_targets, held_out_agreement
from clpips.features.names import Backbone
from clpips.metric.fit import FittedWeights, fit_weights
from clpips.metric.settings import FitSettings
from clpips.progress import Watch
from clpips.stats.agreement import Agreement
from clpips.types import Ranking

NOBODY_ELSE = (
    "No other participant had rankings that compare images, so there are no pooled weights."
)
CHANGED = (
    "These rows were recomputed and differ from the fit's own report: since then its rankings were "
    "edited, or the fitting method changed. Fit again to make them agree."
)
SAME = 1e-6
"""Agreements closer than this count as equal but for rounding."""


def compare_fit(
    store: Store, fit: Fit, study_rankings: StudyRankings, no_wide: str | None, watch: Watch
) -> Values:
    """A fit's part of the result; see :func:`app.jobs.compare.run`.

    Args:
        store: where the rankings are.
        fit: the fit.
        study_rankings: all rankings up to the time of the fit.
        no_wide: why there is no comparison in the space ``wide``, whose difference vectors are
            at hand otherwise.
        watch: progress and cancel.

    Raises:
        Cancelled: the job was cancelled.
    """
    left_out = LeftOut()
    used = without(used_by(store, fit), study_rankings.unusable)
    rankings = [one.ranking for one in used]

    def refitted(space: Backbone, following: Watch) -> tuple[FittedWeights, HeldOut]:
        return _refitted(study_rankings, fit, rankings, space, following)

    found = left_out.unless("table", lambda: refitted(fit.backbone, watch.part(0.0, 0.2)))
    fitted, own = found or (None, None)
    table: list[Values] = []
    if fitted is not None and own is not None:
        table += _rows(fitted, own, left_out, watch.part(0.2, 0.2))
        if fit.participant_id is not None and fitted.prior is None:
            left_out["pooled"] = NOBODY_ELSE
        if _differs(fit, own):
            left_out["table"] = CHANGED
    if no_wide is not None:
        left_out["wide"] = no_wide
    elif fit.backbone != WIDE and own is not None:
        wide = left_out.unless("wide", lambda: refitted(WIDE, watch.part(0.4, 0.3)))
        table += _side(*wide) if wide is not None else []
    more = more_rankings(fitted, own, left_out, watch.part(0.7, 0.3))
    return {
        "table": table,
        **more,
        **ceilings(fit, rankings, study_rankings.rankings, own, left_out),
        "left_out": dict(left_out),
    }


def _refitted(
    study_rankings: StudyRankings,
    fit: Fit,
    rankings: Sequence[Ranking],
    space: Backbone,
    watch: Watch,
) -> tuple[FittedWeights, HeldOut]:
    """A fit as the job ``fit`` makes it, in any space, and its held-out agreement.

    Raises:
        InputError: no ranking makes a comparison.
        UndefinedStatistic: rankings of fewer than two targets.
    """
    settings = FitSettings()
    prior = None if fit.participant_id is None else study_rankings.pooled_prior(space)
    observed = observations(study_rankings.store, rankings, space)
    fitted = fit_weights(observed, space, settings, prior=prior, watch=watch.part(0.0, 0.6))
    check_targets(fitted.problem)
    weights = fitted.without_each_target(watch.part(0.6, 0.4))
    return fitted, held_out_agreement(fitted.problem, weights, seed=settings.seed)


def _rows(fitted: FittedWeights, own: HeldOut, left_out: LeftOut, watch: Watch) -> list[Values]:
    """Stock, pooled and personal, then the other baselines, on the same rankings and folds."""
    rest = left_out.unless(
        "baselines", lambda: hold_out_baselines(fitted, ("unregularised", "layer", "tilt"), watch)
    )
    space = fitted.problem.space.name
    return _side(fitted, own) + [
        _row(name, space, one.personal, one) for name, one in (rest or {}).items()
    ]


def _side(fitted: FittedWeights, own: HeldOut) -> list[Values]:
    """Stock, pooled where others took part, and personal."""
    space = fitted.problem.space.name
    found = [_row("stock", space, own.stock, None)]
    if fitted.prior is not None:
        pooled = hold_out_baselines(fitted, ("pooled",))["pooled"]
        found.append(_row("pooled", space, pooled.personal, pooled))
    found.append(_row("personal", space, own.personal, own))
    for each in found:
        each["n_targets"] = own.n_targets
    return found


def _row(name: str, space: Backbone, agreement: Agreement, gained: HeldOut | None) -> Values:
    """One row of the table; stock has no gain over itself."""
    return {
        "name": name,
        "space": space,
        "agreement": agreement.to_dict(),
        "gain": None if gained is None else gained.gain,
        "gain_ci": None if gained is None else gained.gain_ci,
        "p": None if gained is None else gained.p,
        "n_targets": 0 if gained is None else gained.n_targets,
    }


def _differs(fit: Fit, own: HeldOut) -> bool:
    """Whether the fit's own report differs from the same fit repeated now."""
    reported = fit.report.get("held_out")
    if reported is None:
        return True
    before, now = reported["personal"], own.personal
    if before["n_rankings"] != now.n_rankings or before["spearman"] is None:
        return bool(before["n_rankings"] != now.n_rankings)
    return now.spearman is None or abs(before["spearman"] - now.spearman) > SAME
