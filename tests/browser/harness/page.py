"""One page with a board: ``/?p=WHO&k=4``, as a participant's page would show it.

``seconds`` draws for that long, ``fails`` ends the drawing badly, ``next`` moves on to another
round as soon as one is saved, ``thanks`` shows the last page instead of a board, ``sure`` asks how
sure the person is.
"""

from urllib.parse import parse_qsl

import fake_api
import streamlit as st

from app.components.board import board, outbox_flusher

st.set_page_config(page_title="Harness", layout="wide", initial_sidebar_state="collapsed")
# The same words typed into the page change the person without loading it again.
typed = st.session_state.get("ask", "")
ask = dict(parse_qsl(typed)) if typed else st.query_params.to_dict()
who = ask.get("p", "nobody")

if "thanks" in ask:
    pending = outbox_flusher(who, f"token-{who}")
    st.write("Checking…" if pending is None else f"Still unsent: {pending}")
    st.stop()

mine = fake_api.rounds_of(who) or [
    fake_api.new_round(
        who, k=int(ask.get("k", "4")), seconds=float(ask.get("seconds", "0")), fails="fails" in ask
    )
]
if "next" in ask and mine[-1].ranking:
    mine.append(fake_api.new_round(who, k=int(ask.get("k", "4"))))

target = fake_api.picture(7)
left, right = st.columns([1, 2.4])
left.image(fake_api.PICTURES[target[5:-4]])
with right:
    event = board(
        fake_api.round_json(mine[-1]),
        who=who,
        token=f"token-{who}",
        target_src=target,
        can_edit="fixed" not in ask,
        ask_confidence="sure" in ask,
    )
if event:
    st.session_state.setdefault(f"told-{who}", []).append(event.kind)
st.caption(f"Python heard: {', '.join(st.session_state.get(f'told-{who}', [])) or 'nothing'}")
st.caption(f"Person: {who}")
st.text_input("Prompt")
st.text_input("Ask", key="ask")
