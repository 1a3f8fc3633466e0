"""A text to keep, beside a button that copies it: a personal link, a completion code."""

from __future__ import annotations

import streamlit as st

_HTML = """
<div class="copyable">
  <output tabindex="0"></output>
  <button type="button">Copy</button>
</div>
<p class="said" role="status"></p>
"""
_CSS = """
.copyable { display: flex; gap: 8px; font-family: var(--st-font); }
output {
  flex: 1; min-width: 0; height: 42px; line-height: 40px; padding: 0 14px; box-sizing: border-box;
  border: 1px solid var(--st-border-color); border-radius: 10px;
  background: var(--st-secondary-background-color); color: var(--st-text-color);
  font-size: 0.9375rem; white-space: nowrap; overflow: hidden; text-overflow: ellipsis;
}
.big output {
  height: 84px; line-height: 82px; font-size: 2.25rem; font-weight: 700; letter-spacing: 0.08em;
  text-align: center;
}
button {
  flex: none; min-width: 92px; padding: 0 18px; border: 1px solid var(--st-border-color);
  border-radius: 10px; background: var(--st-background-color); color: var(--st-text-color);
  font: inherit; cursor: pointer;
}
button:hover { border-color: var(--st-primary-color); color: var(--st-primary-color); }
output:focus-visible, button:focus-visible {
  outline: 3px solid var(--st-primary-color); outline-offset: 2px;
}
.said { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
@media (max-width: 480px) {
  .big { flex-direction: column; }
  .big button { min-height: 46px; }
  .big output { flex: none; width: 100%; font-size: 1.9rem; }
}
"""
# navigator.clipboard exists only over https and on localhost; selecting works everywhere.
_JS = """
export default function ({ parentElement: root, data }) {
  const find = (name) => root.querySelector(name);
  const [box, text, button, said] = [".copyable", "output", "button", ".said"].map(find);
  box.classList.toggle("big", data.big);
  text.dataset.part = data.part;
  text.textContent = data.text;
  text.setAttribute("aria-label", `${data.label}: ${data.text}`);
  button.setAttribute("aria-label", `Copy ${data.label.toLowerCase()}`);
  const select = () => getSelection().selectAllChildren(text);
  text.onfocus = select;
  button.onclick = async () => {
    select();
    let done = false;
    try {
      await navigator.clipboard.writeText(data.text);
      done = true;
    } catch {
      done = document.execCommand("copy");
    }
    button.textContent = done ? "Copied" : "Press Ctrl+C";
    said.textContent = done ? `${data.label} copied` : "Press Control and C to copy";
    clearTimeout(root.copied);
    root.copied = setTimeout(() => (button.textContent = "Copy"), 2500);
  };
}
"""


def copyable(text: str, *, label: str, key: str, big: bool = False) -> None:
    """Show a text with a *Copy* button.

    Args:
        text: what is copied.
        label: what it is, for people who hear the page.
        key: of the component, and ``data-part`` of the text in the page.
        big: centred, in large letters.
    """
    _copyable(key=key, data={"text": text, "label": label, "big": big, "part": key})


_copyable = st.components.v2.component("clpips_copyable", html=_HTML, css=_CSS, js=_JS)
