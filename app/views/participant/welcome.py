"""The first page without a link: the studies that anybody may join."""

from __future__ import annotations

from html import escape
from urllib.parse import quote

import streamlit as st

from app.store import Store, open_store
from app.study.types import Study
from app.views.participant import layout


def draw() -> None:
    """List the open studies; simulated ones have no people to wait for."""
    layout.frame("Describe, generate, rank")
    layout.heading(
        "Which image looks more like it?",
        under="You describe an image, a computer generates new ones from your words, "
        "and you rank them by how much they look like the original.",
    )
    store = open_store()
    studies = [study for study in store.studies.all() if study.is_open and not study.simulated]
    if studies:
        st.html(f'<ul class="cards">{"".join(_card(store, study) for study in studies)}</ul>')
    else:
        st.html('<p class="empty">No study is open at the moment. Please come back later.</p>')
    layout.note("Do you have a personal link? Open it to continue where you stopped.")
    st.html(
        '<p class="note">Are you running a study? '
        '<a href="/researcher" target="_self">Go to the researcher’s pages</a></p>'
    )


def size_of(store: Store, study: Study) -> str:
    """How much a study asks for, in words."""
    settings = study.settings
    targets, rounds = len(store.studies.targets(study.id)), settings.min_rounds
    boards = settings.repeats + settings.calibration + settings.duels
    last = f" · then up to {boards} {'set' if boards == 1 else 'sets'} to rank" if boards else ""
    return (
        f"{targets} {'target image' if targets == 1 else 'target images'} · "
        f"at least {rounds} {'round' if rounds == 1 else 'rounds'} each{last}"
    )


def _card(store: Store, study: Study) -> str:
    address = f"/?join={quote(study.join_code, safe='')}"
    return (
        f"<li><div><h2>{escape(study.title)}</h2><p>{size_of(store, study)}</p></div>"
        f"{layout.link_button('Join', address, to=study.title)}</li>"
    )
