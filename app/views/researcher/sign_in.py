"""The researcher's sign-in form; on the first start, the form that sets the password."""

from __future__ import annotations

from html import escape

import streamlit as st

_PROBLEMS = {
    "wrong": "That is not the right password.",
    "short": "A password must have at least 8 characters.",
    "long": "A password must have at most 1,000 characters.",
    "blank": "A password must not consist of spaces only.",
    "differ": "The two passwords do not match.",
    "already": "A password has already been set. Sign in with it.",
    "foreign": "The form was not sent from this page. Please try again.",
    "remote": (
        "The first password can be set only on the machine that the server runs on, "
        "or with CLPIPS_RESEARCHER_PASSWORD when the server starts."
    ),
}
_STYLE = """<style>
.sign-in { max-width: 23rem; margin: 11vh auto 0; }
.sign-in h1 { font-size: 1.75rem; font-weight: 650; padding: 0; margin: 0 0 .4rem; }
.sign-in p { margin: 0 0 1.4rem; line-height: 1.5; opacity: .8; }
.sign-in label { display: block; margin: 0 0 1rem; font-size: .9375rem; font-weight: 600; }
.sign-in input { display: block; width: 100%; box-sizing: border-box; height: 44px;
  margin-top: .35rem;
  padding: 0 .9rem; font: inherit; font-weight: 400; color: inherit; border-radius: 10px;
  border: 1px solid color-mix(in srgb, currentColor 38%, transparent);
  background: color-mix(in srgb, currentColor 4%, transparent); }
.sign-in button { width: 100%; min-height: 46px; border: 0; border-radius: 999px; font: inherit;
  font-weight: 600; background: #2660a4; color: #fff; cursor: pointer; }
.sign-in button:hover { filter: brightness(1.12); }
.sign-in input:focus-visible, .sign-in button:focus-visible { outline: 3px solid #6aa3e0;
  outline-offset: 2px; }
.sign-in .problem { padding: .65rem .9rem; border-radius: 10px; opacity: 1;
  background: color-mix(in srgb, #c0392b 15%, transparent); }
.sign-in .home { margin: 1.6rem 0 0; font-size: .9375rem; } .sign-in .home a { color: inherit; }
</style>"""


def draw(*, is_first_start: bool) -> None:
    """Draw the form; it goes to ``/auth/…``, which sets the cookie and comes back."""
    action = "setup" if is_first_start else "login"
    st.html(
        f'{_STYLE}<div class="sign-in">{_words(is_first_start)}{_problem()}'
        f'<form method="post" action="/auth/{action}">{_fields(is_first_start)}'
        f'<input type="hidden" name="next" value="{escape(_here())}">'
        f'<button type="submit">{"Set password" if is_first_start else "Sign in"}</button></form>'
        '<p class="home"><a href="/" target="_self">Go to the participants’ page</a></p></div>'
    )


def _words(is_first_start: bool) -> str:
    if is_first_start:
        return (
            "<h1>Welcome</h1><p>Choose the password that opens the researcher’s pages. "
            "It is kept only as a hash and cannot be shown again.</p>"
        )
    return "<h1>Researcher</h1><p>Sign in to see your studies.</p>"


def _fields(is_first_start: bool) -> str:
    kind = "new-password" if is_first_start else "current-password"
    least = ' minlength="8"' if is_first_start else ""
    fields = (
        f'<label>Password<input type="password" name="password" required{least} '
        f'maxlength="1000" autocomplete="{kind}"></label>'
    )
    if is_first_start:
        fields += (
            '<label>Enter it again<input type="password" name="again" required minlength="8" '
            'maxlength="1000" autocomplete="new-password"></label>'
        )
    return fields


def _problem() -> str:
    sentence = _PROBLEMS.get(st.query_params.get("problem", ""))
    return f'<p class="problem" role="alert">{escape(sentence)}</p>' if sentence else ""


def _here() -> str:
    """The page to come back to; the route accepts the researcher's pages only."""
    study = st.query_params.get("study", "")
    return f"/study?study={study}" if study.isascii() and study.isdigit() else "/researcher"
