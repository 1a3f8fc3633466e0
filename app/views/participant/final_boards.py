"""The last part: boards whose images already exist. Nothing to write, only to rank."""

from __future__ import annotations

import streamlit as st

from app import session
from app.components.board import board
from app.http.payloads import image_address, round_to_json
from app.store import open_store
from app.study.records import Standing
from app.views.participant import layout, target_panel
from app.views.participant.progress import segments
from clpips.errors import StudyError

DUEL = 2  # images of a pair
PAIR = "Which of the two looks more like the target?"
_HEADINGS = {
    "generating": "Generating more images",
    "ranking": "Which looks most like the target?",
    "ranked": "Your ranking",
}
_LOST = {
    "failed": "These images could not be generated. Nothing you did is lost. Please continue.",
    "cancelled": "Image generation was cancelled. Nothing you did is lost. Please continue.",
}
# The first sentence says what is new, the second what to do with an image seen before. Which
# boards are repeats is not said, or participants would recall their answer instead of looking.
_EXPLAINED = (
    "These images are ready, so there is nothing to write. "
    "If one looks familiar, rank it as it looks to you now."
)


def draw(standing: Standing, token: str) -> None:
    """One board of the last part, beside its target."""
    current, trial = standing.round, standing.trial
    if current is None or trial is None or standing.board is None:
        raise RuntimeError(f"participant {standing.participant.id} has no board to draw")
    layout.frame(standing.study.title, width="working")
    where = f"Last part · Set {standing.board} of {standing.boards}"
    layout.progress(where, segments(standing))
    left, right = st.columns([1, 2.15], gap="large")
    with left:
        target_panel.draw(standing, with_best=False, is_ranking=standing.phase == "ranking")
    with right:
        if current.state in _LOST:
            layout.heading("One set fewer", under=_LOST[current.state], level=2)
            _onward(standing, current.id)
            return
        words, under = _HEADINGS.get(standing.phase, ""), ""
        if standing.phase == "ranking":
            words, under = (PAIR, "") if current.kind == "duel" else (words, _EXPLAINED)
        layout.heading(words, under=under, level=2)
        board(
            round_to_json(open_store(), current),
            who=session.outbox_name(standing.participant),
            token=token,
            target_src=image_address(trial.target.image),
            can_edit=True,
            expected=len(current.candidates) or DUEL,
            ask_confidence=standing.study.settings.ask_confidence,
        )
        if standing.phase == "ranked":
            _onward(standing, current.id)


def _onward(standing: Standing, round_id: int) -> None:
    problem = session.pop_flash()
    if problem:
        st.warning(problem)
    left = standing.boards - (standing.board or 0)
    # To the right: a second click where "Submit ranking" was must not skip a set.
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button(
            "Next set" if left else "Finish the study",
            type="primary",
            key=f"board-{round_id}",
            on_click=_next,
            args=(standing.participant.id, round_id),
        )
    layout.note(_what_remains(left))


def _next(participant_id: int, round_id: int) -> None:
    try:
        open_store().final_boards.show_next(participant_id, round_id)
    except StudyError as error:
        session.set_flash(session.sentence(error))


def _what_remains(left: int) -> str:
    if not left:
        return "This was the last set."
    return f"{left} more {'set' if left == 1 else 'sets'} to rank, then you are done."
