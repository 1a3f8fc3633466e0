"""The ranking board: one component in the browser for the whole life of a round.

The board polls the server while images are generated, lets the participant rank them, and sends the
ranking by HTTP from an outbox that outlives a closed tab. Python receives only milestones, as
:class:`BoardEvent`; the ranking itself is read from the store, never from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import streamlit as st

from clpips.io.resources import package_folder

BoardEventKind = Literal["ready", "saved", "refused", "failed", "cancelled"]

_HERE = package_folder("app.components")
_BOARD_SCRIPTS = (
    "outbox.js",
    "slots.js",
    "drag.js",
    "lightbox.js",
    "waiting.js",
    "view.js",
    "keys.js",
    "round.js",
    "board.js",
)
_BOARD_HTML = """
<div class="frame" data-part="frame">
  <div class="pinned" data-part="pinned" hidden>
    <img data-part="pinnedImage" alt="Target">
    <p><b>Target</b> Tap the images, nearest first, or drag them by their handle.</p>
  </div>
  <section class="making" data-part="making" aria-label="Generating the images" hidden>
    <div class="making-line">
      <p data-part="message" role="status"></p>
      <button type="button" class="quiet" data-part="cancel">Cancel</button>
    </div>
    <div class="bar" data-part="bar" role="progressbar" aria-label="Progress"
      aria-valuemin="0" aria-valuemax="100" aria-valuenow="0"><div></div></div>
    <ul class="skeletons" data-part="skeletons" aria-hidden="true"></ul>
  </section>
  <section class="ranking" data-part="ranking" aria-label="Ranking board" hidden>
    <p class="how">
      <span class="with-mouse">Click the images, nearest to the target first,
        or drag them into place.</span>
      <span class="with-finger">Tap the images, nearest to the target first,
        or drag them by their handle.</span>
    </p>
    <ul class="tray" data-part="tray" aria-label="Images to rank"></ul>
    <ol class="strip" data-part="strip" aria-label="Your ranking, nearest first"></ol>
    <fieldset class="sure" data-part="sure" hidden>
      <legend>How sure are you of this order? <span>(optional)</span></legend>
      <div class="sure-line">
        <span aria-hidden="true">Not sure</span>
        <label><input type="radio" name="sure" value="0" aria-label="Not sure at all"></label>
        <label><input type="radio" name="sure" value="0.25" aria-label="A little sure"></label>
        <label><input type="radio" name="sure" value="0.5" aria-label="Fairly sure"></label>
        <label><input type="radio" name="sure" value="0.75" aria-label="Quite sure"></label>
        <label><input type="radio" name="sure" value="1" aria-label="Very sure"></label>
        <span aria-hidden="true">Very sure</span>
      </div>
    </fieldset>
    <div class="foot">
      <button type="button" class="submit" data-part="submit" disabled>Submit ranking</button>
      <span class="missing" data-part="missing" role="status"></span>
      <span class="tools">
        <button type="button" class="quiet" data-part="keep" hidden>Keep it as it was</button>
        <button type="button" class="quiet" data-part="undo">Undo</button>
        <button type="button" class="quiet" data-part="restart">Start over</button>
      </span>
    </div>
    <p class="keys">
      <kbd>1</kbd>…<kbd data-part="lastKey">9</kbd> rank · arrows move ·
      <kbd>Backspace</kbd> remove · <kbd>Z</kbd> undo ·
      <kbd>Ctrl</kbd> <kbd>Enter</kbd> submit
    </p>
  </section>
  <section class="ranked" data-part="ranked" aria-label="Your ranking" hidden>
    <div class="ranked-line">
      <p class="verdict" data-part="verdict" role="status" tabindex="-1"></p>
      <button type="button" class="quiet" data-part="change">Change this ranking</button>
    </div>
    <ol class="order" data-part="order" aria-label="Your ranking, nearest first"></ol>
    <p class="ends" aria-hidden="true"><span>nearest</span><span>farthest</span></p>
  </section>
  <p class="ended" data-part="ended" role="status" hidden></p>
  <p class="notice" data-part="notice" role="status" hidden></p>
  <div class="unseen" data-part="live" aria-live="polite"></div>
</div>
<dialog class="look" data-part="look" aria-label="A closer look">
  <div class="look-pair">
    <figure class="look-target-side">
      <img class="look-target" alt="Target"><figcaption>Target</figcaption>
    </figure>
    <figure><img class="look-image" alt=""><figcaption class="look-name"></figcaption></figure>
  </div>
  <div class="look-foot">
    <button type="button" class="quiet look-previous">◀ Previous</button>
    <button type="button" class="quiet look-next">Next ▶</button>
    <button type="button" class="quiet look-close">Close</button>
  </div>
</dialog>
<div class="ghost" data-part="ghost" popover="manual" aria-hidden="true" hidden></div>
"""
_FLUSHER_HTML = '<p class="unsent" role="status" hidden></p>'


@dataclass(frozen=True, slots=True)
class BoardEvent:
    """One milestone of a round, told by the browser: a reason to read the store again.

    Args:
        kind: ``ready`` the images can be ranked, ``saved`` the server has committed a ranking,
            ``refused`` it has turned one down, ``failed`` or ``cancelled`` there will be no images.
        round: the round's id.
        revision: of the ranking that stands, 1 for the first submission; ``None`` if none stands.
    """

    kind: BoardEventKind
    round: int
    revision: int | None = None


def board(
    round_data: Mapping[str, object],
    *,
    who: str,
    token: str,
    target_src: str,
    can_edit: bool,
    key: str = "board",
    show_target: bool = True,
    expected: int = 4,
    ask_confidence: bool = False,
) -> BoardEvent | None:
    """Show the board of one round and return its milestone, if this run was caused by one.

    The browser repeats a milestone every two seconds until ``round_data`` shows it, so a page
    that reads the store on each run misses none and needs no state of its own.

    Args:
        round_data: exactly the JSON of ``GET /api/round/{id}``.
        who: names the participant's outbox in the browser; not a secret.
        token: the participant's bearer token; kept in memory only.
        target_src: address of the target image.
        can_edit: offer to change a saved ranking.
        key: of the component; keep it the same from round to round.
        show_target: pin a small target above the board on narrow screens.
        expected: how many placeholders to show while the images are being generated.
        ask_confidence: ask how sure the person is once all images are placed; no answer is fine.
    """
    data = {
        "round": dict(round_data),
        "who": who,
        "token": token,
        "target": target_src,
        "can_edit": can_edit,
        "show_target": show_target,
        "expected": expected,
        "ask_confidence": ask_confidence,
    }
    result = _board(key=key, data=data, on_event_change=_rerun)
    return event_from(result.event, round_id=round_data["id"])


def outbox_flusher(who: str, token: str, *, key: str = "outbox") -> int | None:
    """Send what earlier boards left unsent, on a page that has no board.

    Returns:
        How many rankings of this participant still wait in this browser; ``None`` until the
        browser has answered. Only 0 means that everything pressed is stored.
    """
    pending = _pending(st.session_state.get(key))
    result = _flusher(
        key=key,
        data={"who": who, "token": token, "pending": pending},
        on_pending_change=_rerun,
    )
    return _pending(result)


def event_from(value: object, *, round_id: object) -> BoardEvent | None:
    """The browser's event as a checked value; ``None`` if there is none or it is another round's.

    Args:
        value: what the component sent: untrusted.
        round_id: the round that the page shows.
    """
    if not isinstance(value, Mapping) or value.get("round") != round_id:
        return None
    kind, revision = value.get("kind"), value.get("revision")
    if kind not in get_args(BoardEventKind) or not isinstance(round_id, int):
        return None
    return BoardEvent(
        cast(BoardEventKind, kind), round_id, revision if isinstance(revision, int) else None
    )


def _pending(state: Any) -> int | None:
    count = state.get("pending") if isinstance(state, Mapping) else None
    return count if isinstance(count, int) and count >= 0 else None


def _rerun() -> None:
    """A component reports values only if it has a callback; the rerun itself is what we want."""


def _read(*names: str) -> str:
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in names)


_board = st.components.v2.component(
    "clpips_board",
    html=_BOARD_HTML,
    css=_read("board.css"),
    js=_read(*_BOARD_SCRIPTS),
)
_flusher = st.components.v2.component(
    "clpips_outbox",
    html=_FLUSHER_HTML,
    css=_read("flusher.css"),
    js=_read("outbox.js", "flusher.js"),
)
