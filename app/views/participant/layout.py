"""The look of the participant's pages: one frame, a few pieces of HTML, one style sheet."""

from __future__ import annotations

from html import escape
from typing import Literal

import streamlit as st

from app.components.connection import keep_calm
from app.http.payloads import image_address

# Drawn here: a named icon or an emoji would be fetched from another site.
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64" viewBox="0 0 64 64">'
    '<rect x="4" y="10" width="34" height="34" rx="8" fill="#2660a4"/>'
    '<rect x="26" y="22" width="34" height="34" rx="8" fill="#e8a13c" fill-opacity="0.92"/></svg>'
)

Width = Literal["reading", "working"]
_WIDTHS: dict[Width, str] = {"reading": "46rem", "working": "80rem"}


def frame(title: str, *, width: Width = "reading") -> None:
    """Begin a page: its title in the browser's tab, its width, its style, no Streamlit chrome."""
    st.set_page_config(
        page_title=title,
        page_icon=_ICON,
        layout="wide",
        initial_sidebar_state="collapsed",
    )
    st.html(
        f"<style>:root {{ --page-width: {_WIDTHS[width]}; {_colours('light')} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {_colours('dark')} }} }}\n"
        f"{_STYLE}</style>"
    )
    with st.container(key="calm"):
        keep_calm()


def heading(text: str, *, under: str = "", level: int = 1, is_long: bool = False) -> None:
    """A heading with a quieter line under it; a long one is cut after two lines on the screen."""
    cut = f' title="{escape(under)}"' if is_long else ""
    line = f'<p class="under{" cut" if is_long else ""}"{cut}>{escape(under)}</p>' if under else ""
    st.html(f'<h{level} class="title">{escape(text)}</h{level}>{line}')


def paragraphs(text: str) -> None:
    """Plain text; an empty line begins a new paragraph."""
    parts = [part.strip() for part in text.replace("\r\n", "\n").split("\n\n")]
    body = "".join(f"<p>{escape(part).replace(chr(10), '<br>')}</p>" for part in parts if part)
    if body:
        st.html(f'<div class="reading">{body}</div>')


def note(text: str) -> None:
    """A quiet line."""
    st.html(f'<p class="note">{escape(text)}</p>')


def message(title: str, text: str) -> None:
    """A page that only says something."""
    frame(title)
    heading(title, under=text)


def link_button(text: str, address: str, *, to: str) -> str:
    """HTML of a link that looks like a button and loads the page anew.

    ``to`` is said after the text to people who hear the page, where several look the same.
    """
    return (
        f'<a class="go" target="_self" href="{escape(address)}" '
        f'aria-label="{escape(f"{text}: {to}")}">{escape(text)}</a>'
    )


def image(sha: str, alt: str) -> str:
    """HTML of an image of the store."""
    return f'<img src="{image_address(sha)}" alt="{escape(alt)}" decoding="async">'


def progress(label: str, parts: list[float]) -> None:
    """Where the person is: a label, and one segment per part, each filled by 0 to 1."""
    share = round(100 * sum(parts) / len(parts)) if parts else 0
    bars = "".join(f'<i><b style="width:{100 * part:.0f}%"></b></i>' for part in parts)
    st.html(
        f'<div class="where"><p>{escape(label)}</p><div class="bars" role="progressbar" '
        f'aria-label="Progress through the study" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{share}">{bars}</div></div>'
    )


def _colours(theme: str) -> str:
    """The theme's own colours by name: Streamlit gives them to components, not to the page."""
    paper = st.get_option(f"theme.{theme}.backgroundColor") or "Canvas"
    accent = st.get_option(f"theme.{theme}.primaryColor") or "#2660a4"
    return f"--paper: {paper}; --accent: {accent};"


_STYLE = """
#MainMenu, footer, [data-testid="stHeader"], [data-testid="stToolbar"],
[data-testid="stDecoration"], [data-testid="stStatusWidget"], [data-testid="stSidebar"],
[data-testid="stSidebarCollapsedControl"] { display: none !important; }
[data-testid="stDialog"], :has(> .st-key-calm) { display: none !important; }
[data-offline]::after {
  content: "No connection at the moment. This page continues by itself once it is back.";
  position: fixed; z-index: 1000; left: 50%; bottom: 1.25rem; translate: -50% 0;
  width: max-content; max-width: 88vw; box-sizing: border-box; padding: .7rem 1.25rem;
  border-radius: 14px; background: #2b3338; color: #fff; font-size: .9375rem; line-height: 1.45;
  font-family: "Source Sans", sans-serif;
  box-shadow: 0 6px 24px rgb(0 0 0 / .3); text-align: center; }
[data-testid="stMainBlockContainer"] {
  max-width: var(--page-width); padding: 1.25rem 1.75rem 3rem; margin: 0 auto; }
:root { --quiet: color-mix(in srgb, currentColor 72%, transparent);
  --hair: color-mix(in srgb, currentColor 16%, transparent);
  --veil: color-mix(in srgb, currentColor 5%, transparent); }
.title, .under, .missed { overflow-wrap: anywhere; }
.title { margin: 0; padding: 0; font-weight: 650; letter-spacing: -0.01em; line-height: 1.2; }
h1.title { font-size: 1.9rem; padding-top: 1.5rem; }
h2.title { font-size: 1.4rem; }
.under { margin: .5rem 0 0; color: var(--quiet); font-size: 1.0625rem; line-height: 1.5; }
h2.title + .under { margin-top: .2rem; font-size: .975rem; }
.cut { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; line-clamp: 2;
  overflow: hidden; }
.reading { font-size: 1.0625rem; line-height: 1.6; }
.reading p { margin: 0 0 .9rem; overflow-wrap: anywhere; }
.note { margin: 0; color: var(--quiet); font-size: .9375rem; line-height: 1.5; }
.note a { color: inherit; }
.go { display: inline-block; padding: .55rem 1.35rem; border-radius: 999px; font-weight: 600;
  background: var(--accent); color: #fff !important; text-decoration: none !important;
  white-space: nowrap; }
.go:hover { filter: brightness(1.12); }
.go:focus-visible { outline: 3px solid #6aa3e0; outline-offset: 2px; }

.cards.cards { display: grid; gap: .9rem; list-style: none; margin: .5rem 0 0; padding: 0; }
.cards.cards li { display: flex; flex-wrap: wrap; align-items: center; gap: .6rem 1.5rem; margin: 0;
  padding: 1.1rem 1.35rem; border: 1px solid var(--hair); border-radius: 14px; }
.cards div { flex: 1 1 15rem; min-width: 0; }
.cards h2 { margin: 0; padding: 0; font-size: 1.15rem; font-weight: 600; overflow-wrap: anywhere; }
.cards p { margin: .15rem 0 0; color: var(--quiet); font-size: .9375rem; }
.empty { padding: 2.5rem 1.35rem; border: 1px dashed var(--hair); border-radius: 14px;
  text-align: center; color: var(--quiet); }

.steps.steps { display: grid; grid-template-columns: repeat(3, 1fr); gap: 1.25rem; list-style: none;
  margin: .25rem 0 .5rem; padding: 0; counter-reset: step; }
.steps.steps li { margin: 0; }
.steps img { display: block; width: 100%; height: auto; border-radius: 14px; margin-bottom: .8rem; }
.steps h2 { margin: 0; padding: 0; font-size: 1.0625rem; font-weight: 650; }
.steps p { margin: .3rem 0 0; color: var(--quiet); font-size: .9688rem; line-height: 1.5; }

.where { display: flex; align-items: center; gap: 1rem; }
.where p { margin: 0; font-size: .9375rem; font-weight: 600; white-space: nowrap; }
.bars { flex: 1; display: flex; gap: 5px; }
.bars i { flex: 1; height: 7px; border-radius: 99px; overflow: hidden; background: var(--hair); }
.bars b { display: block; height: 100%; border-radius: 99px; background: var(--accent);
  transition: width .5s ease-out; }

[data-testid="stColumn"]:has(.beside) { position: sticky; top: 1rem; align-self: flex-start; }
.beside figure { margin: 0; }
.beside img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain;
  border-radius: 12px; background: var(--veil); }
.beside .target img { max-height: 62vh; }
.beside figcaption { font-size: .9375rem; font-weight: 600; padding-bottom: .4rem; }
.beside .best { display: flex; flex-direction: row-reverse; align-items: center;
  justify-content: flex-end; gap: .9rem; margin-top: .9rem; }
.beside .best img { width: 118px; }
.beside .best figcaption { padding: 0; font-weight: 400; color: var(--quiet); }

.startfrom img { display: block; width: 100%; max-width: 180px; aspect-ratio: 1; object-fit: cover;
  border-radius: 12px; }
.past.past { display: grid; gap: .55rem; list-style: none; margin: 0; padding: 0; }
.past.past li { display: flex; gap: .9rem; align-items: center; margin: 0; }
.past img { flex: none; width: 60px; height: 60px; object-fit: cover; border-radius: 9px; }
.past div { min-width: 0; }
.past p { margin: 0; font-size: .9375rem; line-height: 1.4; overflow-wrap: anywhere; }
.past p + p { color: var(--quiet); font-size: .875rem; }
.measured ol { display: flex; flex-wrap: wrap; gap: .6rem; list-style: none; margin: 0 0 .5rem;
  padding: 0; }
.measured.measured li { margin: 0; width: 88px; }
.measured img { display: block; width: 88px; height: 88px; object-fit: cover; border-radius: 10px; }
.measured i { display: block; height: 6px; margin-top: 5px; border-radius: 99px; overflow: hidden;
  background: var(--hair); }
.measured b { display: block; height: 100%; border-radius: 99px; background: var(--accent); }
.label { margin: .75rem 0 .5rem; font-size: .875rem; font-weight: 600; color: var(--quiet); }
.missed { margin: 0; font-size: .9375rem; line-height: 1.9; color: var(--quiet); }
.missed span { display: inline-block; max-width: 100%; box-sizing: border-box; line-height: 1.4;
  padding: .1rem .55rem; border: 1px solid var(--hair); border-radius: 14px;
  margin-right: .25rem; overflow-wrap: anywhere; }
.known.known { display: grid; grid-template-columns: max-content 1fr; gap: .3rem .9rem;
  margin: 0; padding: 0; font-size: .9063rem; line-height: 1.45; }
.known dt { font-weight: 600; } .known.known dd { margin: 0; color: var(--quiet); }
.st-key-prompt textarea { font-size: 1.0625rem; line-height: 1.5; }
[data-testid="stBaseButton-primary"], [data-testid="stBaseButton-primaryFormSubmit"] {
  min-height: 44px; padding: 0 1.5rem; }
[data-testid="stBaseButton-primary"] p, [data-testid="stBaseButton-primaryFormSubmit"] p {
  font-weight: 600; font-size: 1rem; }
[data-testid="stForm"] { border: 0; padding: 0; }

@media (max-width: 640px) {
  [data-testid="stMainBlockContainer"] { padding: .9rem 1rem 2.5rem; }
  h1.title { font-size: 1.6rem; padding-top: .75rem; }
  .steps.steps { grid-template-columns: 1fr; gap: 1.1rem; }
  .steps.steps li { display: grid; grid-template-columns: 118px 1fr; gap: 0 1rem;
    align-items: center; }
  .steps img { margin: 0; grid-row: span 2; }
  .steps h2 { align-self: end; } .steps p { align-self: start; }
  .where { flex-direction: column; align-items: stretch; gap: .45rem; }
  [data-testid="stHorizontalBlock"]:has(.beside) { row-gap: .75rem; }
  [data-testid="stColumn"]:has(.beside) { top: 0; z-index: 5; padding: .4rem 0;
    background: var(--paper); }
  .beside { display: flex; gap: 1rem; align-items: flex-end; }
  .beside .target { flex: none; }
  .beside .target img { width: 150px; }
  .beside .best { flex-direction: column-reverse; align-items: flex-start; gap: .4rem; margin: 0; }
  .beside .best img { width: 92px; }
  .beside figcaption { font-size: .8125rem; padding-bottom: .25rem; }
  .measured.measured li, .measured img { width: 72px; } .measured img { height: 72px; }
  .known.known { grid-template-columns: 1fr; gap: 0; } .known.known dd { margin-bottom: .5rem; }
}
"""
