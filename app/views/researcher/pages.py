"""Long lists, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from app.views.researcher.formatting import plural
from app.views.researcher.html import muted, show


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: its number from 1, and how many entries are on the pages before it."""

    number: int
    offset: int


def choose(count: int, per_page: int, word: str, *, key: str) -> Page:
    """The choice of a page, with the numbers of its entries; nothing to choose where it is one.

    Args:
        count: entries of the whole list.
        per_page: entries of a page.
        word: what an entry is called.
        key: of the choice.
    """
    pages = max(1, -(-count // per_page))
    if pages == 1:
        return Page(1, 0)
    left, right = st.columns([4, 1], vertical_alignment="center")
    number = int(right.number_input(f"Page of {pages:,}", 1, pages, key=key))
    offset = (number - 1) * per_page
    last = min(count, offset + per_page)
    with left:
        show(muted(f"{offset + 1:,}–{last:,} of {plural(count, word)}"))
    return Page(number, offset)
