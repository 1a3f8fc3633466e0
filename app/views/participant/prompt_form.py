"""Writing the prompt: the words of before, what was not understood, and *Generate*."""

from __future__ import annotations

from functools import lru_cache
from html import escape

import streamlit as st

from app import session
from app.components.unsent_words import keep_words
from app.store import open_store
from app.study.prompts import plain_prompt
from app.study.records import Standing
from app.study.types import Round, Trial
from app.views.participant import guidance, layout, starting_image
from app.views.participant.target_panel import nearest
from clpips.errors import StudyError
from clpips.generation.names import NO_PROMPT

_EXAMPLE = "For example: a small red house beside a tall pine tree, in the snow, at sunset"


def draw(standing: Standing, trial: Trial, number: int) -> None:
    """The form for one round's prompt, and what the rounds before it showed.

    Args:
        standing: where the participant stands.
        trial: the current one.
        number: of the round that is being written, from 1.
    """
    if not standing.study.settings.writes_prompts:
        _without_words(standing, trial, number)
        return
    first = number == 1
    layout.heading(
        "Describe the target" if first else "Now get closer to it",
        under="Say what you see, so that somebody who cannot see it could draw it."
        if first
        else "Change your words and generate again.",
        level=2,
    )
    _setback(standing)
    before = standing.rounds[-1].prompt if standing.rounds else ""
    key = session.draft_key(trial.id, number, before)
    guidance.draw(standing)
    starting_image.draw(standing, trial, number)
    with st.form("prompt", border=False, enter_to_submit=True):
        st.text_area(
            "Your description",
            key=key,
            height=124,
            placeholder=_EXAMPLE,
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            st.form_submit_button(
                _action(standing.setback),
                type="primary",
                on_click=_generate,
                # Named when the form is drawn: a double click or a second tab asks for one round.
                args=(
                    standing.participant.id,
                    trial.id,
                    number,
                    f"round-{len(standing.rounds) + 1}",
                    starting_image.chosen_candidate(standing, trial, number),
                ),
            )
            if standing.round is not None:
                st.form_submit_button(
                    "Back to the ranking",
                    type="tertiary",
                    on_click=write_round,
                    args=(standing.participant.id, trial.id, None),
                )
    keep_words(session.outbox_name(standing.participant), trial=trial.id, number=number)
    _leave(standing, trial)
    if not standing.study.settings.arms:  # words that one maker alone does not know would tell it
        _not_understood(standing.ranked_rounds)
    if set(standing.study.settings.makers) == {"scenes"}:
        _hints()
    _history(standing.ranked_rounds)


def _leave(standing: Standing, trial: Trial) -> None:
    """Offer to finish the target after a failed or cancelled round, if enough is ranked."""
    if standing.round is None and standing.can_finish_trial:
        st.button(
            "I am done with this target",
            key=f"leave-{trial.id}",
            on_click=finish,
            args=(standing.participant.id, trial.id),
        )


def finish(participant_id: int, trial_id: int) -> None:
    """Leave a target behind, or say why not."""
    try:
        open_store().trials.finish(participant_id, trial_id)
    except StudyError as error:
        session.set_flash(session.sentence(error))


def write_round(participant_id: int, trial_id: int, number: int | None) -> None:
    """Show the form for a round, or the ranking before it, on this and any other device."""
    try:
        open_store().trials.write_round(participant_id, trial_id, number)
    except StudyError as error:
        session.set_flash(session.sentence(error))


def _without_words(standing: Standing, trial: Trial, number: int) -> None:
    """A study that only ranks: the next images come at the press of a button."""
    layout.heading(
        "Look at the target" if number == 1 else "More images for this target",
        under="Then put some images in order, the one that looks most like it first.",
        level=2,
    )
    _setback(standing)
    guidance.draw(standing)
    st.button(
        "Show the images" if number == 1 else "Show the next images",
        type="primary",
        on_click=_ask,
        args=(
            standing.participant.id,
            trial.id,
            number,
            f"round-{len(standing.rounds) + 1}",
            None,
            NO_PROMPT,
        ),
    )
    _leave(standing, trial)


def _generate(
    participant_id: int, trial_id: int, number: int, request_id: str, start: int | None
) -> None:
    prompt = session.draft(session.draft_key(trial_id, number, ""))
    if not prompt.strip():
        session.set_flash("Please describe the target in a few words first.")
        return
    _ask(participant_id, trial_id, number, request_id, start, prompt)


def _ask(
    participant_id: int,
    trial_id: int,
    number: int,
    request_id: str,
    start: int | None,
    prompt: str,
) -> None:
    try:
        asked = open_store().rounds.request(
            participant_id,
            trial_id,
            prompt,
            request_id=request_id,
            start=start,
            strength=starting_image.strength(trial_id, number),
        )
        if asked.prompt != plain_prompt(prompt):
            session.keep_for_next_round(trial_id, asked.number, prompt, asked=asked.id)
    except StudyError as error:
        session.set_flash(session.sentence(error))


def _action(setback: Round | None) -> str:
    """What the button says: after a failure it is plain that the same words may be sent again."""
    return "Try again" if setback is not None and setback.state == "failed" else "Generate"


def _setback(standing: Standing) -> None:
    """Why the person is here again: something to correct, a failure, a cancelled generation."""
    problem = session.pop_flash()
    if problem:
        st.warning(problem)
        return
    setback = standing.setback
    if setback is None:
        return
    if setback.state == "cancelled":
        st.info("Generation was cancelled. Your words are still here.")
    else:
        reason = f" ({setback.message})" if setback.message else ""
        st.warning(
            f"The images could not be generated{reason}. Your words are still here: try again."
        )


def _not_understood(ranked: tuple[Round, ...]) -> None:
    words = words_not_understood(ranked[-1]) if ranked else ()
    if words:
        chips = " ".join(f"<span>{escape(word)}</span>" for word in words)
        st.html(
            f'<p class="missed">Not understood: {chips} '
            "<br>Other words for the same thing may work better.</p>"
        )


def words_not_understood(one: Round) -> tuple[str, ...]:
    """The words of a round's prompt that the maker did not use, each once, as written."""
    found = (word for each in one.candidates for word in each.provenance.not_understood)
    return tuple(dict.fromkeys(found))


def _history(ranked: tuple[Round, ...]) -> None:
    items = "".join(_item(each) for each in reversed(ranked))
    if items:
        st.html(f'<p class="label">Your rounds so far</p><ul class="past">{items}</ul>')


def _item(ranked: Round) -> str:
    best = nearest(ranked)
    picture = layout.image(best.image, f"Your nearest in round {ranked.number}") if best else ""
    return (
        f"<li>{picture}<div><p>{escape(ranked.prompt)}</p><p>Round {ranked.number}</p></div></li>"
    )


def _hints() -> None:
    with st.expander("Words the computer knows"):
        st.html(_vocabulary())


@lru_cache(maxsize=1)
def _vocabulary() -> str:
    from clpips.generation.scenes.language.lexicon import (
        vocabulary,  # only this study's maker has one
    )

    rows = "".join(
        f"<dt>{escape(kind.capitalize())}</dt><dd>{escape(', '.join(words))}</dd>"
        for kind, words in vocabulary().items()
    )
    return f'<dl class="known">{rows}</dl>'
