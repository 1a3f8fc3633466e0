"""The Progress tab: how far each participant is, live, and how to join."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import streamlit as st

from app.charts import base
from app.store import Store, open_store
from app.study.records import Cost, ParticipantProgress, StudyTally, Wait
from app.study.types import Participant, Study
from app.views.researcher import job_status, pages
from app.views.researcher.formatting import MISSING, PHASES, ago, plural
from app.views.researcher.html import (
    Column,
    Html,
    badge,
    heading,
    join,
    meter,
    muted,
    show,
    table,
)
from app.views.researcher.live import redrawn
from app.views.researcher.new_study.advanced_fields import GUIDANCE_LABELS
from app.views.researcher.progress import invitations
from app.views.researcher.report import arms
from app.views.researcher.studies import join_link
from clpips.generation.names import can_cost

PER_PAGE = 50
WAITS = 1000  # boards whose waiting time is looked at
COLUMNS = (
    Column("Participant", head=True),
    Column("Status"),
    Column("Trials done"),
    Column("Rounds", numeric=True),
    Column("Rankings", numeric=True),
    Column("Last seen", numeric=True),
)


def draw(store: Store, study: Study) -> None:
    """The live table, then who may join and how."""
    job = job_status.newest_job(store, study.id, "simulate")
    if job is not None and job_status.is_open(job):
        job_status.follow(job, doing="Simulating participants")
    live(study.id)
    history(study.id)
    arms.draw(store, study)
    st.space("small")
    if study.simulated:
        show(muted("The participants of this study are simulated, so there is nobody to invite."))
        return
    joining(store, study)
    invitations.draw(store, study)


@redrawn("2s")
def live(study_id: int) -> None:
    """Totals and one row per participant, a page of them, drawn again every two seconds."""
    store = open_store()
    study = store.studies.get(study_id)
    tally = store.progress.tallies(study_id)[study_id]
    if not tally.participants:
        if not study.simulated:
            st.info("Nobody has joined yet. Share the join link below, or create personal links.")
        return
    show(totals(tally), waiting(store.studies.waiting_times(study_id, last=WAITS)))
    page = pages.choose(tally.participants, PER_PAGE, "participant", key="progress-page")
    people = store.progress.of_study(study_id, offset=page.offset, limit=PER_PAGE)
    columns: tuple[Column, ...] = COLUMNS
    has_last_part = any(person.boards for person in people)
    if has_last_part:
        columns = (*COLUMNS[:3], Column("Last part"), *COLUMNS[3:])
    rows = [_row(person, has_last_part=has_last_part) for person in people]
    if len(study.settings.guidance) > 1:
        columns = (*columns, Column("Shown between rounds"))
        shown = [_guidance(person.participant) for person in people]
        rows = [(*row, words) for row, words in zip(rows, shown, strict=True)]
    if any(person.participant.recruitment for person in people):
        columns = (*columns, Column("Recruiter’s parameters"))
        given = [_recruited(person.participant) for person in people]
        rows = [(*row, words) for row, words in zip(rows, given, strict=True)]
    show(table(columns, rows))


@redrawn("20s")
def history(study_id: int) -> None:
    """What all images cost, and rankings over time: slower to count, and slower to change."""
    store = open_store()
    settings = store.studies.get(study_id).settings
    costs = store.studies.costs(study_id) if any(map(can_cost, settings.makers)) else ()
    if any(each.amount is not None for each in costs):
        show(spent(costs))
    counts = store.rankings.over_time(study_id)
    if base.is_worth_a_line(counts):
        st.space("small")
        st.altair_chart(base.rankings_over_time(counts), alt="Rankings over time, as a rising line")


def totals(tally: StudyTally) -> Html:
    """The study in one line."""
    return muted(
        f"{plural(tally.participants, 'participant')}, {tally.completed:,} finished · "
        f"{plural(tally.rankings, 'ranking')} · {tally.done_trials:,} of {tally.trials:,} trials"
    )


def waiting(waits: Sequence[Wait]) -> Html:
    """How long participants waited for images; nothing before anybody did."""
    if not waits:
        return Html("")
    of = f" (the last {WAITS:,} boards)" if len(waits) == WAITS else ""
    whole = [each.queued + each.making for each in waits]
    queued = [each.queued for each in waits]
    return muted(
        f"Waiting time for images{of}: median {median(whole):.1f} s, longest {max(whole):.1f} s; "
        f"in the queue: median {median(queued):.1f} s, longest {max(queued):.1f} s"
    )


def spent(costs: Sequence[Cost]) -> Html:
    """What the images cost; nothing where no image has a cost."""
    known = [
        f"{_money(each.amount)} {each.currency} for {each.images:,}"
        for each in costs
        if each.amount is not None
    ]
    unknown = sum(each.images for each in costs if each.amount is None)
    if not known:
        return Html("")
    rest = f"; unknown for {unknown:,} more" if unknown else ""
    return muted(f"Cost of generated images, shown or not: {', '.join(known)}{rest}")


def _money(amount: float) -> str:
    """Two decimals, and more for small sums, since an image may cost a fraction of a cent."""
    return f"{amount:,.2f}" if amount >= 0.1 or not amount else f"{amount:.2g}"


def joining(store: Store, study: Study) -> None:
    """The join link, and the switch that opens or closes the study."""
    show(heading("Joining"))
    left, right = st.columns([4, 1], vertical_alignment="center")
    if study.is_open:
        left.markdown("The study is **open**: anybody with this link may join.")
        join_link(study)
        if right.button("Close the study", width="stretch"):
            store.studies.set_open(study.id, False)
            st.rerun()
        return
    left.markdown(
        "The study is **closed** to new participants. Those who have joined can continue."
    )
    if right.button("Open the study", width="stretch"):
        store.studies.set_open(study.id, True)
        st.rerun()


def _guidance(participant: Participant) -> str:
    """Which metric a participant is shown, once it is assigned."""
    return MISSING if participant.started_at is None else GUIDANCE_LABELS[participant.guidance]


def _recruited(participant: Participant) -> str:
    """What the recruiter's link said, for example ``PROLIFIC_PID 5f3a, STUDY_ID 61b0``."""
    return ", ".join(f"{name} {value}" for name, value in participant.recruitment) or MISSING


def _row(person: ParticipantProgress, *, has_last_part: bool) -> tuple[str, ...]:
    simulated = badge("Simulated", "note") if person.participant.simulated else ""
    done = person.phase == "done"
    return (
        join(person.participant.label, simulated, by=" "),
        badge(PHASES[person.phase], "good") if done else PHASES[person.phase],
        meter(person.done_trials, person.trials),
        *((meter(person.boards_done, person.boards),) if has_last_part else ()),
        str(person.rounds),
        str(person.rankings),
        ago(person.last_activity),
    )
