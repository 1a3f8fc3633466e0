"""'Start from this one': an earlier image that the next ones are made from, where a maker can."""

from __future__ import annotations

import streamlit as st

from app import session
from app.study.records import Standing
from app.study.types import Candidate, Trial
from app.views.participant import layout
from clpips.generation.names import can_start_from_image

AMOUNTS: dict[str, float] = {"A little": 0.35, "Somewhat": 0.6, "A lot": 0.85}
"""How far images may leave the one that they start from: words and strength."""
IN_A_ROW = 4


def draw(standing: Standing, trial: Trial, number: int) -> None:
    """Offer the images of the earlier rounds, or show the one that was chosen."""
    images = _images(standing)
    makers = standing.study.settings.makers
    if not images or not all(can_start_from_image(maker) for maker in makers):
        return
    chosen = _start(standing, trial, number)
    if chosen is not None:
        _show_chosen(chosen, trial, number)
        return
    with st.expander("Start from one of your images"):
        layout.note("The next images will keep some of it.")
        for first in range(0, len(images), IN_A_ROW):
            row = images[first : first + IN_A_ROW]
            for place, image in zip(st.columns(IN_A_ROW), row, strict=False):
                with place:
                    _picture(image, f"Image {images.index(image) + 1}")
                    st.button(
                        "Start from this one",
                        key=f"start-{image.id}",
                        on_click=session.start_from,
                        args=(trial.id, number, image.id),
                        width="stretch",
                    )


def strength(trial_id: int, number: int) -> float:
    """How far the person lets the next images leave the chosen one, in (0, 1]."""
    return AMOUNTS[session.amount_of_change(trial_id, number, default="Somewhat")]


def chosen_candidate(standing: Standing, trial: Trial, number: int) -> int | None:
    """The candidate to start from; ``None`` to start from nothing."""
    chosen = _start(standing, trial, number)
    return None if chosen is None else chosen.id


def _images(standing: Standing) -> list[Candidate]:
    """All images of the trial's ranked rounds, the latest round and its nearest first."""
    found = []
    for one in reversed(standing.ranked_rounds):
        order = one.ranking.order if one.ranking else ()
        found += sorted(one.candidates, key=lambda each: order.index(each.id))
    return found


def _start(standing: Standing, trial: Trial, number: int) -> Candidate | None:
    """What was chosen; after a failed or cancelled round, what that one was to start from."""
    images, lost = _images(standing), standing.setback
    before = next((each.id for each in images if lost and each.image == lost.start), None)
    wanted = session.start_of(trial.id, number, default=before)
    return next((each for each in images if each.id == wanted), None)


def _show_chosen(chosen: Candidate, trial: Trial, number: int) -> None:
    left, right = st.columns([1, 3], vertical_alignment="center")
    with left:
        _picture(chosen, "The image to start from")
    with right:
        st.markdown("**The next images start from this one.**")
        st.segmented_control(
            "How much may change",
            list(AMOUNTS),
            key=session.amount_key(trial.id, number, default="Somewhat"),
            required=True,
        )
        st.button(
            "Start from scratch instead",
            type="tertiary",
            on_click=session.start_from,
            args=(trial.id, number, None),
        )


def _picture(candidate: Candidate, alt: str) -> None:
    st.html(f'<div class="startfrom">{layout.image(candidate.image, alt)}</div>')
