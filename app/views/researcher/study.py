"""One study for the researcher: its name, its state, and its tabs."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from app import session
from app.store import Store, open_store
from app.study.types import Study
from app.views.researcher.explain import tab as why_tab
from app.views.researcher.export import tab as exports_tab
from app.views.researcher.html import Html, link, muted, show, styles
from app.views.researcher.progress import tab as progress_tab
from app.views.researcher.rankings import tab as rankings_tab
from app.views.researcher.report import tab as fit_tab
from app.views.researcher.settings import tab as settings_tab
from app.views.researcher.settings.delete import deleted_notice
from app.views.researcher.studies import state_badges
from clpips.errors import StudyError

Draw = Callable[[Store, Study], None]
TABS: dict[str, Draw] = {
    "Progress": progress_tab.draw,
    "Rankings": rankings_tab.draw,
    "Fit & report": fit_tab.draw,
    "Why": why_tab.draw,
    "Export": exports_tab.draw,
    "Settings": settings_tab.draw,
}


def page() -> None:
    """Draw the study that ``?study=`` names; who is not signed in sees the sign-in form only."""
    session.require_researcher()
    store = open_store()
    styles()
    show(muted(link("← All studies", "/researcher")))
    study = chosen_study(store, st.query_params.get("study", ""))
    if study is None:
        if deleted_notice():
            return
        st.error("There is no such study. Choose one from the list of all studies.")
        return
    show(
        Html("<h1 class='cl-line cl-title'>"),
        study.title,
        state_badges(study),
        Html("</h1>"),
    )
    tabs = st.tabs(list(TABS), key="tab", bind="query-params")
    # Only the open tab is drawn, so that a study of a thousand rankings opens at once.
    for tab, draw in zip(tabs, TABS.values(), strict=True):
        if tab.open:
            with tab:
                draw(store, study)


def chosen_study(store: Store, number: str) -> Study | None:
    """The study with this number, as it stands in the address; ``None`` if there is none."""
    if not (number.isascii() and number.isdigit() and len(number) < 16):
        return None
    try:
        return store.studies.get(int(number))
    except StudyError:
        return None
