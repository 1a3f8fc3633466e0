"""The agreement report of one fit: what it says in plain words, then the numbers behind it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import streamlit as st

from app.store import Store
from app.study.multiple_testing import decided, family, newest_judged
from app.study.records import Fit
from app.study.types import Study
from app.views.researcher.formatting import VERDICTS, moment, number, plural
from app.views.researcher.html import Column, Html, badge, join, link, muted, show, table
from app.views.researcher.metric_picker import newer_rankings
from app.views.researcher.report import (
    comparison_job,
    learning_curve,
    metric_table,
    targets,
    whole_study,
)
from app.views.researcher.report.sentences import (
    counts,
    finding,
    is_early,
    next_step,
    unusable,
    use,
    verdict,
)
from app.views.researcher.urls import rankings_address
from clpips.export.decimals import column_digits

HISTORY = (
    Column("Fitted", head=True),
    Column("Rankings", numeric=True),
    Column("Stock LPIPS", numeric=True),
    Column("Personal", numeric=True),
    Column("Verdict"),
)


FORMER = (
    "A new fit is in progress. Until it finishes, everything below is from the earlier fit of {}."
)


def draw(
    store: Store,
    study: Study,
    fits: Sequence[Fit],
    label: str | None,
    coming: Collection[int] = (),
) -> None:
    """Draw the newest fit's report, and the history of all.

    Args:
        store: the store.
        study: the study.
        fits: of one participant or pooled, newest first, at least one.
        label: the participant's; ``None`` for a pooled fit.
        coming: the jobs that are about to bring a newer fit.
    """
    fit = fits[0]
    is_former = bool(coming) and fit.job_id not in coming
    if is_former:
        st.info(FORMER.format(moment(fit.created_at)))
    show(sentence(fit, is_former=is_former), facts(fit, label))
    for note in fit.report.get("left_out") or ():
        show(muted(unusable(note)))
    if fit.report.get("stopped_short"):
        show(muted(str(fit.report["stopped_short"])))
    newer = 0 if is_former else newer_rankings(store, fit)
    if newer:
        st.info(f"{plural(newer, 'new ranking')} since this fit. Fit again to use them.")
    study_part = store.comparisons.of_study(study.id)
    if is_early(fit):
        targets.draw(store, fit, label, is_early=True)
    else:
        found = comparison_job.parts_of(store, [fit]).get(fit.id, {})
        comparison_job.follow(store, study, [fit], len([found] if found else []))
        judged = newest_judged(decided(store.fits.of_study(study.id)))
        tests = family(judged, store.comparisons.of_fits(each.id for each in judged))
        metric_table.draw(fit, found, tests)
        learning_curve.draw_ceiling(found, label)
        learning_curve.draw_curve(found)
        targets.draw(store, fit, label, is_early=False)
    st.space("small")
    if study_part:
        with st.expander("The study as a whole: agreement between participants, position bias"):
            whole_study.draw(
                study_part, is_former=comparison_job.is_former(store, study, study_part)
            )
    if len(fits) > 1:
        with st.expander(f"Earlier fits ({len(fits) - 1})"):
            show(table(HISTORY, history(fits)))


def sentence(fit: Fit, *, is_former: bool = False) -> Html:
    """The verdict, the result in plain words, and which metric is in use."""
    words, tone = VERDICTS[verdict(fit)]
    return join(
        Html("<p style='margin:0 0 .5rem'>"),
        join(badge("Earlier fit", "note") if is_former else "", badge(words, tone), by=" "),
        Html("</p><p class='cl-verdict'>"),
        finding(fit),
        Html("</p>"),
        join(Html("<p class='cl-verdict'>"), next_step(*counts(fit)), Html("</p>"))
        if is_early(fit)
        else "",
        Html("<p class='cl-use'>"),
        use(fit),
        Html("</p>"),
    )


def facts(fit: Fit, label: str | None = None) -> Html:
    """What the fit was made of, in one line; its rankings are a link to them."""
    found = fit.report
    rankings = plural(found["n_rankings"], "ranking")
    return muted(
        f"Fitted {moment(fit.created_at)} to ",
        link(rankings, rankings_address(fit.study_id, person=label)),
        f" of {plural(found['n_targets'], 'target')} · "
        f"{plural(found['n_comparisons'], 'comparison')} · {found['seconds']:.2f} s",
    )


def history(fits: Sequence[Fit]) -> list[tuple[str, ...]]:
    """One row a fit, all with as many digits as show their gains."""
    digits = column_digits((*_sides(fit), _held_out(fit).get("gain")) for fit in fits)
    return [_history_row(fit, digits) for fit in fits]


def _held_out(fit: Fit) -> Mapping[str, Any]:
    return {} if is_early(fit) else fit.report.get("held_out") or {}


def _sides(fit: Fit) -> tuple[float | None, float | None]:
    found = _held_out(fit)
    stock, personal = (found.get(side, {}).get("spearman") for side in ("stock", "personal"))
    return stock, personal


def _history_row(fit: Fit, digits: int) -> tuple[str, ...]:
    stock, personal = _sides(fit)
    words, tone = VERDICTS[verdict(fit)]
    return (
        moment(fit.created_at),
        str(fit.report["n_rankings"]),
        number(stock, digits),
        number(personal, digits),
        badge(words, tone),
    )
