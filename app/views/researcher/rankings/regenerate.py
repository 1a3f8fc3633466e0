"""'Regenerate and compare' below a ranking: does the same image come out again?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.store import Store
from app.study.types import Round, Study
from app.views.researcher.formatting import plural
from app.views.researcher.job_status import ending, follow, is_open, newest_job


def draw(store: Store, study: Study, board: Round) -> None:
    """The button, the work under way, or what came of it."""
    job = newest_job(
        store, study.id, "regenerate", matches=lambda job: job.payload["round_id"] == board.id
    )
    if job is not None and is_open(job):
        follow(job, doing="Making the images again")
        return
    ending(job, what="Making the images again")
    if job is not None and job.state == "done":
        st.caption(sentence(job.result["images"]))
    if st.button("Regenerate and compare", key=f"regenerate-{board.id}", type="tertiary"):
        payload = {"round_id": board.id}
        store.enqueue("regenerate", payload, study_id=study.id, key=f"regenerate:{board.id}")
        st.rerun()


def sentence(images: Sequence[Mapping[str, Any]]) -> str:
    """What making images again showed, in plain words."""
    reasons = [each["reason"] for each in images if "reason" in each]
    made = [each for each in images if "reason" not in each]
    same = sum(each["largest"] == 0 for each in made)
    parts = []
    if made and same == len(made):
        parts.append(f"Made again, {plural(same, 'image')} came out the same, byte for byte.")
    elif made:
        worst = max(made, key=lambda each: each["largest"])
        parts.append(
            f"Made again, {same} of {plural(len(made), 'image')} came out the same, byte for byte; "
            f"the largest difference is {worst['largest']} of 255, in {worst['pixels']:.1%} of an "
            "image’s pixels."
        )
    if reasons:
        parts.append(f"{plural(len(reasons), 'image')} could not be made again: {reasons[0]}.")
    return " ".join(parts)
