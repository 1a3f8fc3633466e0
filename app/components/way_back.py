"""The way back to the site that sent a participant: a link, followed by itself after a moment."""

from __future__ import annotations

import streamlit as st

SECONDS = 8

_HTML = """
<p class="back"><a rel="noreferrer" target="_self"></a></p>
<p class="soon" role="status"></p>
"""
_CSS = """
.back { margin: 0; font-family: var(--st-font); }
.back a {
  display: inline-block; padding: 0.6rem 1.5rem; border-radius: 999px; font-weight: 600;
  background: var(--st-primary-color); color: #fff; text-decoration: none;
}
.back a:focus-visible { outline: 3px solid var(--st-primary-color); outline-offset: 2px; }
.soon { margin: 0.5rem 0 0; font-family: var(--st-font); font-size: 0.9375rem; opacity: 0.72; }
"""
# The time runs once for each page: a page that is drawn again does not begin anew. An address
# that is no https is not followed, whoever wrote it.
_JS = """
const SOON = Symbol.for("clpips.way-back");

export default function ({ parentElement: root, data }) {
  if (!data.address.startsWith("https://")) return;
  const link = root.querySelector("a");
  const soon = root.querySelector(".soon");
  link.href = data.address;
  link.textContent = data.text;
  globalThis[SOON] ??= { at: Date.now() + 1000 * data.seconds };
  const tick = () => {
    const left = Math.ceil((globalThis[SOON].at - Date.now()) / 1000);
    if (left > 0) {
      soon.textContent = `You are taken there in ${left} ${left === 1 ? "second" : "seconds"}.`;
    } else if (!globalThis[SOON].gone) {
      globalThis[SOON].gone = true;
      soon.textContent = "";
      location.assign(link.href);
    }
  };
  clearInterval(root.counting);
  root.counting = setInterval(tick, 250);
  tick();
  return () => clearInterval(root.counting);
}
"""


def way_back(address: str, *, text: str) -> None:
    """Show a link to another site, and go there after :data:`SECONDS`.

    Args:
        address: an ``https:`` address.
        text: what the link says.
    """
    _way_back(key="way-back", data={"address": address, "text": text, "seconds": SECONDS})


_way_back = st.components.v2.component("clpips_way_back", html=_HTML, css=_CSS, js=_JS)
