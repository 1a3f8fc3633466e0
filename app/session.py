"""The only door to ``st.session_state``, which is a cache, and to who is looking at a page.

Where a participant stands is read from the store on every run. What is kept here may vanish at
any moment: the draft of a prompt, a sentence to be shown once, the secret that a join page drew.
"""

from __future__ import annotations

import hashlib
import secrets
from urllib.parse import urlsplit

import streamlit as st

from app.settings import RESEARCHER_COOKIE, Settings
from app.store import open_store
from app.study.recruitment import Recruitment, read_parameters
from app.study.types import Participant
from clpips.errors import ClpipsError
from clpips.text import without_paths

# --- participants -----------------------------------------------------------------------------


def participant_token() -> str | None:
    """The secret in this page's address, ``/?p=TOKEN``."""
    return st.query_params.get("p") or None


def go_to_participant(token: str) -> None:
    """Make this page the participant's own; the address in the browser follows."""
    st.query_params.from_dict({"p": token})


def outbox_name(participant: Participant) -> str:
    """Names the participant's outbox in the browser; no secret.

    It stays the same when a link is replaced: the new link sends what the old one left there.
    """
    person = f"participant:{participant.id}:{participant.created_at}"
    return hashlib.sha256(person.encode()).hexdigest()[:16]


def personal_link(token: str) -> str:
    """The address by which a participant comes back."""
    return f"{_origin()}/?p={token}"


def join_link(join_code: str) -> str:
    """The address by which anybody joins a study."""
    return f"{_origin()}/?join={join_code}"


def recruitment() -> Recruitment:
    """The recruiter's parameters in this page's address.

    Raises:
        StudyError: one that cannot be right.
    """
    return read_parameters({name: st.query_params.get_all(name) for name in st.query_params})


def join_request(study_id: int) -> str:
    """The secret that was drawn with this join page: a double click is one participant."""
    name = f"join-{study_id}"
    if name not in st.session_state:
        st.session_state[name] = secrets.token_urlsafe(24)
    return str(st.session_state[name])


def _origin() -> str:
    here = urlsplit(st.context.url or "")
    if here.netloc:
        return f"{here.scheme}://{here.netloc}"
    return f"http://{Settings.from_environment().address}:{Settings.from_environment().port}"


# --- the prompt's draft -----------------------------------------------------------------------


def draft_key(trial_id: int, number: int, start_with: str) -> str:
    """The key of the prompt's text field for one round; its text begins as ``start_with``."""
    key = f"prompt-{trial_id}-{number}"
    if key not in st.session_state:
        st.session_state[key] = start_with
    return key


def draft(key: str) -> str:
    """The text in a prompt's field."""
    return str(st.session_state.get(key, ""))


def keep_for_next_round(trial_id: int, number: int, words: str, *, asked: int) -> None:
    """Another tab's words made the round ``asked``, number ``number``: these serve the next one."""
    st.session_state[f"prompt-{trial_id}-{number + 1}"] = words
    st.session_state["asked_elsewhere"] = asked


def was_asked_elsewhere(round_id: int) -> bool:
    """Whether another tab asked for this round while this one was asking too."""
    return st.session_state.get("asked_elsewhere") == round_id


def start_from(trial_id: int, number: int, candidate_id: int | None) -> None:
    """Let one round's images start from a candidate, or from nothing."""
    st.session_state[f"start-of-{trial_id}-{number}"] = candidate_id


def start_of(trial_id: int, number: int, *, default: int | None) -> int | None:
    """The candidate that one round's images are to start from, before a choice the default."""
    chosen: int | None = st.session_state.get(f"start-of-{trial_id}-{number}", default)
    return chosen


def amount_key(trial_id: int, number: int, *, default: str) -> str:
    """The key of the choice how far images may leave the one that they start from."""
    key = f"amount-{trial_id}-{number}"
    if st.session_state.get(key) is None:
        st.session_state[key] = default
    return key


def amount_of_change(trial_id: int, number: int, *, default: str) -> str:
    """The words that were chosen for it."""
    return str(st.session_state.get(f"amount-{trial_id}-{number}") or default)


# --- one sentence, shown once -----------------------------------------------------------------


def set_flash(sentence: str) -> None:
    """Show a sentence on the next drawing of the page."""
    st.session_state["flash"] = sentence


def pop_flash() -> str | None:
    """The sentence to show now, if there is one; it is forgotten."""
    sentence = st.session_state.pop("flash", None)
    return None if sentence is None else str(sentence)


def sentence(error: ClpipsError) -> str:
    """An error as a sentence on a screen, without any path of the server.

    A file's name at its beginning stays as it is.
    """
    text = without_paths(error)
    names_a_file = "." in text.partition(" ")[0].rstrip(".")
    begin = text[:1] if names_a_file else text[:1].upper()
    return begin + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


# --- researchers ------------------------------------------------------------------------------


def require_researcher() -> None:
    """Let only somebody who is signed in see the rest of the page.

    Checked in the store on each run. Anybody else gets the form to sign in, or on the very first
    start to set the password, and the page ends there.
    """
    token = st.context.cookies.get(RESEARCHER_COOKIE, "")
    store = open_store()
    if token and store.researchers.has_session(token):
        return
    from app.views.researcher.sign_in import draw  # it draws with this module's help

    draw(is_first_start=store.researchers.password_hash() is None)
    st.stop()
