"""Pieces of HTML for the researcher's pages. Every text that goes in is escaped here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import streamlit as st

from app.http.payloads import image_address

MORE = "Swipe the table sideways for more columns →"
WIDE = 6
"""A table with so many columns is wider than a phone."""


class Html(str):
    """Text that is HTML already; anything else is escaped when it is put into HTML."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A column of :func:`table`; numbers are aligned to the right.

    ``head`` says that its cells name their row.
    """

    title: str
    numeric: bool = False
    head: bool = False


def safe(text: str) -> Html:
    """Text as HTML: escaped, unless it is HTML already."""
    return text if isinstance(text, Html) else Html(escape(text, quote=True))


def join(*parts: str, by: str = "") -> Html:
    """HTML put together from texts and HTML."""
    return Html(by.join(safe(part) for part in parts if part))


def badge(text: str, tone: str = "plain") -> Html:
    """A small label; ``tone`` is ``plain``, ``good``, ``bad`` or ``note``."""
    return Html(f'<span class="cl-badge cl-{safe(tone)}">{safe(text)}</span>')


def muted(*parts: str) -> Html:
    """A line of lesser importance."""
    return Html(f'<p class="cl-quiet">{join(*parts)}</p>')


def heading(text: str) -> Html:
    """The heading of a part of a page."""
    return Html(f'<h2 class="cl-head">{safe(text)}</h2>')


def link(text: str, address: str, *, button: bool = False, download: str | None = None) -> Html:
    """A link that opens in the same tab, or saves a file under the name ``download``."""
    style = ' class="cl-button"' if button else ""
    save = f' download="{safe(download)}"' if download is not None else ""
    return Html(f'<a href="{safe(address)}" target="_self"{style}{save}>{safe(text)}</a>')


def image(sha: str, alt: str, *, side: int) -> Html:
    """A stored image by its hash, loaded when it scrolls into view."""
    return Html(
        f'<img src="{image_address(sha)}" alt="{safe(alt)}" width="{side}" height="{side}" '
        'loading="lazy" decoding="async">'
    )


def stacked(value: str, under: str) -> Html:
    """A table's cell with a smaller line under it; without one, the value alone."""
    return join(value, Html(f'<span class="cl-ci">{safe(under)}</span>') if under else "")


def meter(done: int, total: int) -> Html:
    """A bar with its numbers: how many of how many."""
    share = 100 * done / total if total else 0
    return Html(
        f'<span class="cl-meter" aria-hidden="true"><i style="width:{share:.0f}%"></i></span>'
        f'<span class="cl-of">{done} of {total}</span>'
    )


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, caption: str = "") -> Html:
    """A table that scrolls sideways by itself where the screen is narrow.

    A shadow lies at an edge beyond which there is more; above a table of many columns, a narrow
    screen says so in words too.
    """
    heads = "".join(
        f'<th scope="col"{_class(column)}>{safe(column.title)}</th>' for column in columns
    )
    body = "".join(f"<tr>{_cells(columns, row)}</tr>" for row in rows)
    title = f"<caption>{safe(caption)}</caption>" if caption else ""
    hint = f'<p class="cl-quiet cl-more">{MORE}</p>' if len(columns) >= WIDE else ""
    return Html(
        f'{hint}<div class="cl-scroll" tabindex="0"><table class="cl-table">{title}'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def show(*parts: str) -> None:
    """Draw HTML where the page is at."""
    st.html(join(*parts))


def styles() -> None:
    """The look of everything in this module; draw it once a page."""
    light, dark = (st.get_option(f"theme.{name}.backgroundColor") for name in ("light", "dark"))
    st.html(
        f"<style>:root {{ --cl-paper: {light or 'Canvas'}; }}\n@media (prefers-color-scheme: dark) "
        f"{{ :root {{ --cl-paper: {dark or 'Canvas'}; }} }}\n{_STYLES}</style>"
    )


def _cells(columns: Sequence[Column], row: Sequence[str]) -> str:
    return "".join(
        f'<th scope="row"{_class(column)}>{safe(cell)}</th>'
        if column.head
        else f"<td{_class(column)}>{safe(cell)}</td>"
        for column, cell in zip(columns, row, strict=True)
    )


def _class(column: Column) -> str:
    return ' class="cl-number"' if column.numeric else ""


_STYLES = """
[data-testid="stMainBlockContainer"] { max-width: 70rem; padding: 2.5rem 2rem 6rem; }
.cl-scroll { overflow-x: auto;
  /* The paper scrolls along and hides the shadow of an edge that has been reached. */
  background: linear-gradient(to right, var(--cl-paper) 35%, transparent) left / 3rem 100% local,
    linear-gradient(to left, var(--cl-paper) 35%, transparent) right / 3rem 100% local,
    linear-gradient(to right, var(--cl-shade), transparent) left / 1.1rem 100% scroll,
    linear-gradient(to left, var(--cl-shade), transparent) right / 1.1rem 100% scroll;
  background-repeat: no-repeat; --cl-shade: color-mix(in srgb, currentColor 24%, transparent); }
.cl-more { display: none; }
.cl-table { border-collapse: collapse; width: 100%; font-size: .925rem; }
.cl-table caption { text-align: left; padding-bottom: .35rem; opacity: .75; }
.cl-table th, .cl-table td { padding: .5rem 1rem .5rem 0; text-align: left; vertical-align: middle;
  border-bottom: 1px solid color-mix(in srgb, currentColor 14%, transparent); white-space: nowrap; }
.cl-table thead th { font-weight: 500; font-size: .82rem;
  color: color-mix(in srgb, currentColor 72%, transparent); }
.cl-table tbody th { font-weight: 600; }
.cl-table .cl-number { text-align: right; font-variant-numeric: tabular-nums; }
.cl-table .cl-number + :not(.cl-number) { padding-left: 1rem; }
.cl-table tr > :last-child { padding-right: .25rem; }
.cl-table img, .cl-strip img { border-radius: 6px; object-fit: cover; display: block; }
.cl-table img { width: 44px; height: 44px; }
.cl-ci { display: block; font-size: .8rem; font-weight: 400; line-height: 1.3;
  color: color-mix(in srgb, currentColor 66%, transparent); }
.cl-badge { display: inline-block; padding: .05rem .55rem; border-radius: 99px; font-size: .8rem;
  line-height: 1.5; font-weight: 500; white-space: nowrap;
  background: color-mix(in srgb, currentColor 10%, transparent); }
.cl-good { background: color-mix(in srgb, #1d8a4b 20%, transparent); }
.cl-bad { background: color-mix(in srgb, #c0392b 20%, transparent); }
.cl-note { background: color-mix(in srgb, #c2820c 24%, transparent); }
.cl-meter { display: inline-block; width: 5rem; height: .4rem; border-radius: 99px;
  overflow: hidden; vertical-align: middle; margin-right: .6rem;
  background: color-mix(in srgb, currentColor 14%, transparent); }
.cl-meter i { display: block; height: 100%; background: #2e78d2; }
.cl-of { font-variant-numeric: tabular-nums; }
.cl-quiet { color: color-mix(in srgb, currentColor 70%, transparent); font-size: .9rem; }
p.cl-quiet { margin: 0; }
.stHtml a { color: inherit; text-underline-offset: .2em;
  text-decoration-color: color-mix(in srgb, currentColor 35%, transparent); }
.stHtml a:hover { text-decoration-color: currentColor; }
h1.cl-title { font-size: 1.9rem; line-height: 1.25; padding: 0 0 .25rem; margin: 0; }
h2.cl-head { font-size: 1.25rem; line-height: 1.3; padding: 1rem 0 0; margin: 0; }
h3.cl-name { font-size: 1.15rem; line-height: 1.35; padding: 0 0 .4rem; margin: 0; }
p.cl-line { margin: 0; }
.cl-line { display: flex; flex-wrap: wrap; gap: .3rem .9rem; align-items: center; }
.cl-button { display: inline-block; padding: .35rem .9rem; border-radius: 99px;
  border: 1px solid color-mix(in srgb, currentColor 25%, transparent);
  color: inherit !important; text-decoration: none !important; }
.cl-file { display: flex; flex-wrap: wrap; gap: .2rem .8rem; align-items: center; margin: 0;
  overflow-wrap: anywhere; }
.cl-button:hover { border-color: #2e78d2; }
button.cl-button { background: none; font: inherit; cursor: pointer; }
.cl-verdict { font-size: 1.15rem; line-height: 1.5; margin: 0; max-width: 48rem; }
.cl-verdict + .cl-verdict { margin-top: .4rem; }
.cl-use { margin: .6rem 0 .5rem !important; }
.cl-ranking { padding: 1rem 0 1.25rem;
  border-bottom: 1px solid color-mix(in srgb, currentColor 14%, transparent); }
.cl-ranking p { margin: .2rem 0; overflow-wrap: anywhere; }
ol.cl-strip { display: flex; gap: .6rem; overflow-x: auto; padding: .6rem 0 .3rem !important;
  margin: 0; list-style: none; }
.cl-strip li { flex: none; width: 8.25rem; margin: 0; padding: 0; font-size: .82rem; }
.cl-strip img { width: 8.25rem; height: 8.25rem; margin-bottom: .2rem; }
.cl-strip .cl-target { padding-right: .8rem; margin-right: .2rem;
  border-right: 2px solid color-mix(in srgb, currentColor 22%, transparent); }
.cl-strip .cl-target, .cl-strip .cl-target + li { box-sizing: content-box; }
.cl-elsewhere { font-size: 1rem; font-weight: 400; }
.cl-retrieval img { box-sizing: border-box; }
.cl-retrieval .cl-hit img { outline: 4px solid #1d8a4b; outline-offset: -4px; }
ul.cl-targets { display: flex; flex-wrap: wrap; gap: .8rem; list-style: none;
  padding: 0 !important; margin: 0; }
.cl-targets li { width: 6.5rem; margin: 0; font-size: .82rem; overflow-wrap: anywhere; }
.cl-targets img { width: 6.5rem; height: 6.5rem; border-radius: 6px; object-fit: cover; }
@media (max-width: 640px) {
  [data-testid="stMainBlockContainer"] { padding: 1.5rem 1rem 5rem; }
  h1.cl-title { font-size: 1.5rem; }
  .cl-table { font-size: .875rem; }
  p.cl-more { display: block; padding-top: .3rem; }
  .cl-table th, .cl-table td { padding-right: .6rem; white-space: normal; }
  .cl-table td.cl-number { white-space: nowrap; }
  .cl-meter { width: 2.5rem; margin-right: .4rem; }
  .cl-of { white-space: nowrap; }
  [data-testid="stTab"] { margin-right: 0; }
  .cl-strip li, .cl-strip img { width: 6.2rem; }
  .cl-strip img { height: 6.2rem; }
}
"""
