"""Words that were typed but not sent, kept in the browser over a reload or a closed tab."""

from __future__ import annotations

import streamlit as st

from clpips.io.resources import package_folder

_HERE = package_folder("app.components")


def keep_words(who: str, *, trial: int, number: int) -> None:
    """Keep what is typed into *Your description*, and put it back; beside the form.

    Args:
        who: names the participant in the browser; not a secret.
        trial, number: the round that is being written; words for another one are forgotten.
    """
    _keeper(key="unsent-words", data={"who": who, "round": f"{trial}-{number}"}, height=0)


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


_keeper = st.components.v2.component(
    "clpips_unsent_words",
    html="<span></span>",
    js="\n".join(map(_read, ("outbox.js", "unsent_words.js"))),
)
