"""Navigation, and nothing else. Hidden pages have addresses too: each checks its own rights."""

from __future__ import annotations

import streamlit as st


def _participant() -> None:
    from app.views.participant.entry import page

    page()


def _studies() -> None:
    from app.views.researcher.studies import page

    page()


def _study() -> None:
    from app.views.researcher.study import page

    page()


def _identity() -> None:
    from app.views.researcher.identity.page import page

    page()


def _selftest() -> None:
    from app.views.researcher.selftest import page

    page()


st.navigation(
    [
        st.Page(_participant, title="Welcome", default=True),
        st.Page(_studies, title="Studies", url_path="researcher"),
        st.Page(_study, title="Study", url_path="study"),
        st.Page(_identity, title="Identity", url_path="identity"),
        st.Page(_selftest, title="Self-test", url_path="selftest"),
    ],
    position="hidden",
).run()
