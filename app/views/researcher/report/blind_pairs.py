"""Blind A/B comparisons: do participants pick the image that their own metric ranks nearer?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import streamlit as st

from app.store import Store
from app.study.blind_pairs import ALIKE
from app.study.records import BlindPair
from app.study.types import Study
from app.views.researcher.formatting import MISSING, NARROW, percent, plural
from app.views.researcher.html import Column, Html, badge, heading, join, muted, show, table
from clpips.io.csv_files import csv_text
from clpips.stats.preference import LEAST_PAIRS, Preference, Unit, Verdict, preference

TITLE = "Blind A/B comparison: personal vs stock metric"
TONES: dict[Verdict, str] = {"personal": "good", "stock": "bad"}
COLUMNS = (
    Column("Participant", head=True),
    Column("Personal", numeric=True),
    Column("Stock", numeric=True),
    Column("Ties", numeric=True),
    Column("Personal wins", numeric=True),
)
HELP = (
    "At the end of the study each participant saw pairs of new images side by side, unlabelled and "
    "in random order: one that their personal metric ranks nearer to the target, one that stock "
    "LPIPS ranks nearer. No metric was fitted to these answers. Ties count one half."
)
CLUSTERS: dict[Unit, str] = {
    "participant": "The interval is clustered by participant.",
    "target": "The interval is clustered by target and describes this participant alone.",
    "pair": "The interval describes this participant and this target alone.",
}
CSV_COLUMNS = ("participant", "target", "personal", "stock", "place", "winner", "state")


def draw(store: Store, study: Study) -> None:
    """The section of a study with blind pairs; nothing for others."""
    if not study.settings.duels:
        return
    pairs = store.blind_pairs.of_study(study.id)
    simulated = {each.label for each in store.participants.of_study(study.id) if each.simulated}
    show(heading(TITLE))
    if not pairs:
        each = plural(study.settings.duels, "pair")
        st.info(
            f"No pair has been shown yet. Participants see {each} once they have ranked every "
            "target. No metric has to be fitted here first."
        )
        return
    counted = counting(pairs, simulated)
    found = found_in(counted)
    show(sentence(found, is_simulated=counted[0].participant in simulated))
    show(*(muted(line) for line in (counts(found), lost(counted)) if line))
    show(table(COLUMNS, rows(pairs, simulated)))
    notes = [HELP, CLUSTERS[found.unit] if found.interval else ""]
    if len(counted) < len(pairs):
        notes.append("Simulated participants are in the table, but not in the result above it.")
    st.caption(" ".join(notes))


def offer(store: Store, study: Study) -> None:
    """The pairs as a file to download, where a study has any."""
    pairs = store.blind_pairs.of_study(study.id) if study.settings.duels else ()
    if not pairs:
        return
    left, right = st.columns([2, 3], vertical_alignment="center")
    left.download_button(
        "Blind A/B comparisons (.csv)",
        pairs_csv(store, pairs),
        file_name=f"blind-pairs-study-{study.id}.csv",
        mime="text/csv",
        on_click="ignore",
        width="stretch",
    )
    with right:
        show(muted("One row per pair: which image each metric prefers, and which one was picked."))


def counting(pairs: Sequence[BlindPair], simulated: Collection[str]) -> Sequence[BlindPair]:
    """The pairs the result is about: human participants' pairs, or simulated ones if all are."""
    return [each for each in pairs if each.participant not in simulated] or pairs


def found_in(pairs: Sequence[BlindPair]) -> Preference:
    """What pairs say together."""
    return preference(
        [each.winner for each in pairs],
        [each.participant for each in pairs],
        [each.target for each in pairs],
    )


def sentence(found: Preference, *, is_simulated: bool = False) -> Html:
    """The verdict, and the result in plain words."""
    return join(
        Html("<p style='margin:.4rem 0 .5rem'>"),
        join(
            badge(_verdict(found), TONES.get(found.verdict, "plain")),
            badge("Simulated", "note") if is_simulated else "",
            by=" ",
        ),
        Html("</p><p class='cl-verdict'>"),
        _result(found),
        Html("</p>"),
    )


def counts(found: Preference) -> str:
    """How many answers there are, from how many participants or targets, and how many ties."""
    text = plural(found.n_answered, "answered pair")
    if found.unit == "participant":
        text += f" of {plural(found.n_units, 'participant')}"
    elif found.unit == "target":
        text += f" of one participant on {plural(found.n_units, 'target')}"
    elif found.n_answered:
        text += " of one participant on one target"
    return f"n = {text}, {plural(found.n_ties, 'tie')}."


def lost(pairs: Sequence[BlindPair]) -> str:
    """Which pairs have no answer, and why."""
    ended = [each for each in pairs if each.state in ("failed", "cancelled")]
    alike = sum(each.message == ALIKE for each in ended)
    waiting = sum(each.state in ("generating", "ranking") for each in pairs)
    reasons = Counter(each.message or "generation was cancelled" for each in ended)
    del reasons[ALIKE]
    parts = [
        f"{plural(alike, 'pair')} could not be shown because both metrics rank the images in "
        "the same order."
        if alike
        else "",
        f"{plural(len(ended) - alike, 'pair')} could not be shown: "
        + "; ".join(f"{count} × {why}" for why, count in reasons.most_common())
        + "."
        if reasons
        else "",
        f"{plural(waiting, 'pair')} not answered yet." if waiting else "",
    ]
    return " ".join(filter(None, parts))


def rows(pairs: Sequence[BlindPair], simulated: Collection[str]) -> list[tuple[str, ...]]:
    """How each participant's pairs ended."""
    return [
        _row(label, [each for each in pairs if each.participant == label], label in simulated)
        for label in dict.fromkeys(each.participant for each in pairs)
    ]


def pairs_csv(store: Store, pairs: Sequence[BlindPair]) -> str:
    """Every pair as CSV, failed ones too; images are named as they lie in a study bundle."""

    def name_of(sha: str) -> str:
        return f"images/{store.images.path(sha).name}" if sha else ""

    def row(each: BlindPair) -> dict[str, Any]:
        images = map(name_of, (each.target, each.personal, each.stock))
        values = (each.participant, *images, each.place or "", each.winner or "", each.state)
        return dict(zip(CSV_COLUMNS, values, strict=True))

    return csv_text(CSV_COLUMNS, map(row, pairs))


def _verdict(found: Preference) -> str:
    return "Too few to tell" if found.verdict == "too few" else found.sentence


def _result(found: Preference) -> str:
    if found.share is None or found.interval is None:
        return "No pair has been answered yet."
    if found.verdict == "too few":
        return f"At least {LEAST_PAIRS} answered pairs are needed for a conclusion."
    low, high = (round(100 * end) for end in found.interval)
    return (
        f"The image that the personal metric ranks nearer was picked in "
        f"{percent(found.share, 0)} of the pairs (95{NARROW}% interval {low} to {high}{NARROW}%)."
    )


def _row(label: str, theirs: Sequence[BlindPair], is_simulated: bool) -> tuple[str, ...]:
    won = Counter(each.winner for each in theirs)
    share = found_in(theirs).share
    return (
        join(label, badge("Simulated", "note") if is_simulated else "", by=" "),
        str(won["personal"]),
        str(won["stock"]),
        str(won["tie"]),
        MISSING if share is None else percent(share, 0),
    )
