"""A lost connection, told calmly.

Streamlit answers it with a dialog that makes the rest of the page inert: nobody could press
*Submit* although the outbox would keep the ranking. The dialog is closed as soon as it opens, and
a line at the bottom says what is going on until the server answers again.
"""

from __future__ import annotations

import streamlit as st

_JS = """
const PAUSE_MS = 2_000;
const sleep = (ms) => new Promise((wake) => setTimeout(wake, ms));
const page = document.documentElement;

async function untilTheServerAnswers() {
  if (page.dataset.offline) return;
  page.dataset.offline = "yes";
  for (;;) {
    await sleep(PAUSE_MS);
    try {
      // A full disk or a busy database (503, in our JSON) is no lost connection.
      const { ok, status } = await fetch("/health", { cache: "no-store" });
      if (ok || status === 503) break;
    } catch {
      // Still away.
    }
  }
  delete page.dataset.offline;
}

/* The participant's pages have no dialogs of Streamlit's making but this one. The board's own
   closer look is a <dialog> inside its shadow, which this does not see. */
function closeDialog() {
  const dialog = document.querySelector('[data-testid="stDialog"]');
  if (!dialog || !document.querySelector('[data-calm="yes"]')) return;
  dialog.querySelector('button[aria-label="Close"]')?.click();
  untilTheServerAnswers();
}

export default function ({ parentElement: root }) {
  (root.host ?? root).dataset.calm = "yes";
  const mark = Symbol.for("clpips.connection");
  if (globalThis[mark]) return;
  globalThis[mark] = new MutationObserver(closeDialog);
  globalThis[mark].observe(document.body, { childList: true, subtree: true });
}
"""


def keep_calm() -> None:
    """Watch the connection; once a page."""
    _connection(key="connection", height=0)


_connection = st.components.v2.component("clpips_connection", html="<span></span>", js=_JS)
