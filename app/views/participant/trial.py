"""One target: describe it, see what is generated, rank the images, and again."""

from __future__ import annotations

import streamlit as st

from app import session
from app.components.board import board
from app.http.payloads import image_address, round_to_json
from app.store import open_store
from app.study.records import Standing
from app.study.types import Round, Trial
from app.views.participant import layout, prompt_form, target_panel
from app.views.participant.progress import segments, what_comes_last

_HEADINGS = {
    "generating": "Generating your images",
    "ranking": "Which looks most like the target?",
    "ranked": "Your ranking",
}


def draw(standing: Standing, token: str) -> None:
    """Draw the stage that the store says is next, beside the target."""
    trial = standing.trial
    if trial is None:
        raise RuntimeError(f"participant {standing.participant.id} has no trial to draw")
    number = len(standing.ranked_rounds) + 1
    writing = standing.round is None or (standing.phase == "ranked" and trial.writing == number)
    layout.frame(standing.study.title, width="working")
    shown = number if writing or standing.round is None else standing.round.number
    layout.progress(
        f"Target {trial.position + 1} of {len(standing.trials)} · Round {shown}",
        segments(standing),
    )
    left, right = st.columns([1, 2.15], gap="large")
    with left:
        target_panel.draw(standing, with_best=writing, is_ranking=standing.phase == "ranking")
    with right:
        if writing or standing.round is None:
            prompt_form.draw(standing, trial, number)
        else:
            _board(standing, trial, standing.round, token)


def _board(standing: Standing, trial: Trial, current: Round, token: str) -> None:
    """The round from the first stroke to the stored ranking: one component, so it stays put."""
    words = f"Your words: “{current.prompt}”" if standing.study.settings.writes_prompts else ""
    layout.heading(_HEADINGS[standing.phase], under=words, level=2, is_long=True)
    board(
        round_to_json(open_store(), current),
        who=session.outbox_name(standing.participant),
        token=token,
        target_src=image_address(trial.target.image),
        can_edit=not _was_measured(current),
        expected=standing.study.settings.candidates,
        ask_confidence=standing.study.settings.ask_confidence,
    )
    if session.was_asked_elsewhere(current.id):
        st.info(
            "This round was already started in another tab. Your words are kept for the next one."
        )
    if standing.phase == "ranked":
        _onward(standing, trial, number=current.number + 1)


def _was_measured(current: Round) -> bool:
    """Whether the person has read what a metric says of these images: their ranking stands then."""
    guide = open_store().guidance.get(current.id)
    return guide is not None and guide.shown_at is not None


def _onward(standing: Standing, trial: Trial, *, number: int) -> None:
    """Another round, or the next target."""
    problem = session.pop_flash()
    if problem:
        st.warning(problem)
    # Far apart: a second click where "Submit ranking" was must not end a target.
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        st.button(
            "Next round",
            type="primary" if standing.can_request_round else "secondary",
            key=f"next-{trial.id}-{number}",
            disabled=not standing.can_request_round,
            on_click=prompt_form.write_round,
            args=(standing.participant.id, trial.id, number),
        )
        st.button(
            "I am done with this target",
            type="secondary" if standing.can_request_round else "primary",
            key=f"done-{trial.id}-{number}",
            disabled=not standing.can_finish_trial,
            on_click=prompt_form.finish,
            args=(standing.participant.id, trial.id),
        )
    is_last = standing.done_trials == len(standing.trials) - 1
    after = what_comes_last(standing) if is_last else ""
    layout.note(f"{_what_remains(standing)} {after}".strip())


def _what_remains(standing: Standing) -> str:
    settings, ranked = standing.study.settings, len(standing.ranked_rounds)
    needed = settings.min_rounds - ranked
    if needed > 0:
        return f"{_rounds(needed)} to go before you can move on from this target."
    left = settings.max_rounds - ranked
    if left > 0:
        return f"You may move on now, or try up to {_rounds(left, more=True)}."
    return "That was the last round for this target."


def _rounds(count: int, *, more: bool = False) -> str:
    return f"{count}{' more' if more else ''} {'round' if count == 1 else 'rounds'}"
