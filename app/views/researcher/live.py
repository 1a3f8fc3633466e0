"""Parts of the researcher's pages that are drawn again by themselves."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import streamlit as st

from app.settings import RESEARCHER_COOKIE
from app.store import open_store

P = ParamSpec("P")


def redrawn(every: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Draw a function's part of a page again every so often, for who is still signed in.

    A page checks the session when it is opened; a part of it that goes on by itself must check
    it each time. Once the session has ended the whole page is drawn again, and asks to sign in.

    Args:
        every: as Streamlit takes it, for example ``5s``.
    """

    def decorate(draw: Callable[P, None]) -> Callable[P, None]:
        @wraps(draw)
        def checked(*args: P.args, **kwargs: P.kwargs) -> None:
            if not signed_in():
                st.rerun()
            draw(*args, **kwargs)

        return st.fragment(checked, run_every=every)

    return decorate


def signed_in() -> bool:
    """Whether the browser's session is still one of the researcher's."""
    token = st.context.cookies.get(RESEARCHER_COOKIE, "")
    return bool(token) and open_store().researchers.has_session(token)
