"""What stays in view beside each stage: the target, and the nearest image so far."""

from __future__ import annotations

import streamlit as st

from app.study.records import Standing
from app.study.types import Candidate, Round
from app.views.participant import layout

# While ranking, the board itself keeps a small target in view on a narrow screen.
_ONE_TARGET = """<style>@media (max-width: 640px) {
[data-testid="stColumn"]:has(.beside) { display: none; } }</style>"""


def draw(standing: Standing, *, with_best: bool, is_ranking: bool) -> None:
    """The target, large; with ``with_best`` also the nearest image of the latest ranking."""
    trial = standing.trial
    if trial is None:
        return
    figures = (
        f'<figure class="target"><figcaption>Target</figcaption>'
        f"{layout.image(trial.target.image, 'Target')}</figure>"
    )
    ranked = standing.ranked_rounds
    best = nearest(ranked[-1]) if ranked else None
    if with_best and best is not None:
        figures += (
            f'<figure class="best"><figcaption>Your nearest in round {ranked[-1].number}'
            f"</figcaption>{layout.image(best.image, 'Your nearest so far')}</figure>"
        )
    st.html(f'<div class="beside">{figures}</div>{_ONE_TARGET if is_ranking else ""}')


def nearest(ranked: Round) -> Candidate | None:
    """The candidate that a ranking puts first; ``None`` before there is a ranking."""
    if ranked.ranking is None:
        return None
    first = ranked.ranking.order[0]
    return next(each for each in ranked.candidates if each.id == first)
