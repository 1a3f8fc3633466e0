"""Between rounds: how near a metric finds a participant's images, for those who are shown one.

The words are the same for every metric, so that nobody knows which one they are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from app.store import open_store
from app.study.records import Guide, Standing
from app.study.types import Round
from app.views.participant import layout

PATIENCE_SECONDS = 60.0
"""After so long nothing more is said: the worker is away, or could not measure."""
LEAST_BAR = 0.06


def draw(standing: Standing) -> None:
    """What the metric says of the latest round's images; nothing for who is shown none."""
    ranked = standing.ranked_rounds
    if standing.participant.guidance == "none" or not ranked:
        return
    found = open_store().guidance.show(standing.participant.id, ranked[-1].id)
    if found is not None:
        show(found, ranked)
    elif _waited(ranked[-1]) < PATIENCE_SECONDS:
        _follow(standing.participant.id, ranked)


@st.fragment(run_every="2s")
def _follow(participant_id: int, ranked: Sequence[Round]) -> None:
    found = open_store().guidance.show(participant_id, ranked[-1].id)
    if found is not None:
        show(found, ranked)
    elif _waited(ranked[-1]) < PATIENCE_SECONDS:
        layout.note("A computer is comparing your images with the target…")


def show(guide: Guide, ranked: Sequence[Round]) -> None:
    """The latest round's images, nearest by the metric first, and the best round so far."""
    latest, away = ranked[-1], guide.distances
    shown = [each for each in latest.candidates if each.image in away]
    if not shown:
        return
    items = "".join(
        f"<li>{layout.image(each.image, f'Image {place} in the computer’s order')}"
        f'<i><b style="width:{100 * nearness(guide, each.image):.0f}%"></b></i></li>'
        for place, each in enumerate(sorted(shown, key=lambda one: away[one.image]), start=1)
    )
    st.html(
        '<section class="measured" aria-label="Your last images as a computer orders them">'
        '<p class="label">Your last images as a computer orders them, nearest first</p>'
        f'<ol>{items}</ol><p class="note">{_so_far(guide, ranked)}</p></section>'
    )


def nearness(guide: Guide, image: str) -> float:
    """How long an image's bar is, in [0, 1]: full at no distance, short for the farthest image."""
    farthest = max(guide.distances.values())
    share = guide.distances[image] / farthest if farthest > 0 else 0.0
    return LEAST_BAR + (1 - LEAST_BAR) * (1 - share)


def _so_far(guide: Guide, ranked: Sequence[Round]) -> str:
    least = {
        one.number: min(guide.distances[each.image] for each in one.candidates)
        for one in ranked
        if all(each.image in guide.distances for each in one.candidates)
    }
    own = "It may see things differently: what counts is how it looks to you."
    if len(least) < 2:
        return own
    best = min(least, key=lambda number: least[number])
    return f"By the computer’s measure, your nearest image so far is from round {best}. {own}"


def _waited(ranked: Round) -> float:
    """Seconds since the round was ranked."""
    if ranked.ranking is None:
        return 0.0
    submitted = datetime.fromisoformat(ranked.ranking.submitted_at)
    return (datetime.now(UTC) - submitted).total_seconds()
