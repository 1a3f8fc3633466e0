"""The Why tab: what a metric weighs, which comparisons it changes, and where in the images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.charts import shares as why_charts
from app.store import Store
from app.study.multiple_testing import decided
from app.study.records import Fit, RankedRound
from app.study.types import Job, Study
from app.views.researcher import job_status
from app.views.researcher.explain import figures, sentences
from app.views.researcher.formatting import plural
from app.views.researcher.html import Html, heading, join, muted, show
from app.views.researcher.metric_picker import (
    choose_metric,
    metric_names,
    newer_rankings,
    newest,
)
from app.views.researcher.report import weights_table
from app.views.researcher.report.sentences import is_early, verdict


def draw(store: Store, study: Study) -> None:
    """The choice of a metric, then its explanation, as far as there is one."""
    show(Html(f"<style>{figures.STYLES}</style>"))
    people = store.participants.of_study(study.id)
    fits = decided(store.fits.of_study(study.id))
    fit = choose_metric(fits, people, key="whose-weights")
    if fit is None:
        st.info("Nothing has been fitted yet. Press *Fit personal metric* on the Fit & report tab.")
        return
    known = metric_names(newest(fits), people)
    name = next(each for each, its_fit in known.items() if its_fit.id == fit.id)
    if is_early(fit):
        st.info(sentences.too_early(fit.report["n_rankings"], fit.report["n_targets"]))
        weights_table.draw(fit)
        return
    job = job_status.newest_job(
        store, study.id, "explain", matches=lambda one: asks(one, fit, None)
    )
    found = job.result if job is not None and job.state == "done" else None
    if found is not None:
        _summary(name, fit, found)
    newer = newer_rankings(store, fit)
    if newer:
        st.info(f"{plural(newer, 'new ranking')} since this fit. Fit again to include them.")
    if found is None:
        _ask(store, study, fit, job)
    _layers(fit, found)
    if found is not None:
        _comparisons(study, found)
        _board(store, study, fit)


def asks(job: Job, fit: Fit, round_id: int | None) -> bool:
    """Whether a job explains this fit, or this board by this fit."""
    return (job.payload.get("fit_id"), job.payload.get("round_id")) == (fit.id, round_id)


def ask(store: Store, study: Study, fit: Fit, round_id: int | None) -> Job:
    """Ask the worker for an explanation; while it is open, asking again gives the same job."""
    payload = {"study_id": study.id, "fit_id": fit.id}
    if round_id is not None:
        payload["round_id"] = round_id
    key = f"explain:{fit.id}:{round_id}"
    return store.jobs.enqueue("explain", payload, study_id=study.id, key=key)


def _ask(store: Store, study: Study, fit: Fit, job: Job | None) -> None:
    if job is not None and job_status.is_open(job):
        job_status.follow(job, doing="Explaining")
        return
    job_status.ending(job, what="The explanation")
    show(
        muted(
            "The layers are shown below. Their intervals, the comparisons that this metric "
            "changes, and heat-maps of them are computed on request, in well under a minute."
        )
    )
    if st.button("Explain this metric", type="primary", key="explain"):
        ask(store, study, fit, None)
        st.rerun()


def _summary(name: str, fit: Fit, found: Mapping[str, Any]) -> None:
    """What changed, in plain words."""
    show(
        Html("<p class='cl-verdict'>"),
        sentences.headline(name, found["groups"]),
        Html("</p><p class='cl-verdict' style='margin-top:.5rem'>"),
        sentences.changed(found["comparisons"]),
        Html("</p>"),
    )
    for words in found.get("left_out") or ():
        show(muted(str(words)))
    caution = sentences.caution(verdict(fit))
    if caution:
        show(muted(caution))


def _layers(fit: Fit, found: Mapping[str, Any] | None) -> None:
    """Each block's share of the distance, with intervals once they were computed."""
    show(heading("What this metric weighs"))
    chart = why_charts.block_shares(shares(fit, found))
    left, right = st.columns([1, 1], gap="large")
    with left:
        st.altair_chart(chart, alt="Share of the mean distance by block, stock and personal")
    with right:
        if found is not None:
            show(figures.blocks_table(found["blocks"]))
            show(muted(sentences.INTERVALS_HELP))
    with st.expander("Sums of the weights"):
        weights_table.draw(fit)


def shares(fit: Fit, found: Mapping[str, Any] | None) -> list[why_charts.ShareRow]:
    """The chart's rows, from the explanation where there is one, else from the fit's report."""
    reported = fit.report["shares"]
    true = reported.get("true") or [None] * len(reported["stock"])
    if found is None:
        names = fit.report["layers"]["names"]
        rows = zip(names, reported["stock"], reported["personal"], true, strict=True)
        return [why_charts.ShareRow(_named(name), s, p, None, t) for name, s, p, t in rows]
    return [
        why_charts.ShareRow(
            _named(one["name"]), one["stock"], one["personal"], (one["low"], one["high"]), its_true
        )
        for one, its_true in zip(found["blocks"], true, strict=True)
    ]


def _named(block: str) -> str:
    return block[:1].upper() + block[1:]


def _comparisons(study: Study, found: Mapping[str, Any]) -> None:
    """Examples of both kinds with their heat-maps, then every changed comparison as a row."""
    counts = found["comparisons"]
    show(heading("Comparisons decided differently from stock"))
    for gained, title, none in (
        (True, "Personal right, stock wrong", "None."),
        (False, "Personal wrong, stock right", "None."),
    ):
        total = counts["gained" if gained else "lost"]
        own = [one for one in found["examples"] if one["gained"] is gained]
        show(Html(f"<h3 class='cl-name'>{title} ({total:,})</h3>"))
        if not own:
            show(muted(none))
            continue
        if gained or not counts["gained"]:
            show(muted(f"{sentences.MAPS_HELP} {sentences.GAP_HELP}"), figures.legend())
        cards = [figures.example(one, study.id) for one in own]
        show(join(Html("<div class='cl-why-list'>"), *cards, Html("</div>")))
    _lines(found)


def _lines(found: Mapping[str, Any]) -> None:
    if not found["turned"]:
        return
    with st.expander("Distances of these examples, block by block"):
        names = [one["name"] for one in found["blocks"]]
        for one in found["examples"]:
            show(muted(figures.source(one)), figures.shares_table(one, names))
    for gained, title in (
        (True, "Personal right, stock wrong"),
        (False, "Personal wrong, stock right"),
    ):
        lines = [one for one in found["turned"] if one["gained"] is gained]
        if lines:
            total = found["comparisons"]["gained" if gained else "lost"]
            shown = f"all {total:,}" if len(lines) == total else f"{len(lines)} of {total:,}"
            with st.expander(f"{title}: {shown}, largest change first"):
                show(figures.changed_table(lines))
    with st.expander("How this is computed"):
        for words in (sentences.UNITS_HELP, sentences.INTERVALS_HELP, sentences.DEPTH_HELP):
            st.markdown(words)


def _board(store: Store, study: Study, fit: Fit) -> None:
    """Any ranked board, chosen from a list, with the heat-maps of all its images."""
    show(heading("Any ranking, image by image"))
    boards = {one.round.id: one for one in boards_of(store, fit)}
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    chosen = left.selectbox(
        "Ranking", list(boards), format_func=lambda id_: board_name(boards[id_]), key="why-board"
    )
    if chosen is None:
        return
    job = job_status.newest_job(
        store, study.id, "explain", matches=lambda one: asks(one, fit, chosen)
    )
    if right.button(
        "Show heat-maps", key="why-board-ask", width="stretch", disabled=job_status.is_open(job)
    ) and (job is None or job.state != "done"):
        job = ask(store, study, fit, chosen)
    if job is not None and job_status.is_open(job):
        job_status.follow(job, doing="Painting heat-maps")
    elif job is not None and job.state == "done":
        show(
            figures.board(job.result["board"], study.id),
            figures.legend(),
            muted(sentences.MAPS_HELP),
        )
    else:
        job_status.ending(job, what="The explanation")


def boards_of(store: Store, fit: Fit) -> Sequence[RankedRound]:
    """The ranked boards that a fit was made from, as they stand."""
    until = fit.used_until
    return [
        one
        for one in store.rounds.ranked(fit.study_id, participant_id=fit.participant_id)
        if one.round.ranking is not None
        and (not until or one.round.ranking.submitted_at <= until)
        and len({candidate.image for candidate in one.round.candidates}) > 1
    ]


def board_name(one: RankedRound) -> str:
    """Participant, target and round, as the list shows them."""
    return f"{one.participant.label} · {one.trial.target.name}, round {one.round.number}"
