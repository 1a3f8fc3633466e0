"""'Regenerate and compare' below a ranking: are the regenerated images the same?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.store import Store
from app.study.types import Round, Study
from app.views.researcher.formatting import plural
from app.views.researcher.job_status import ending, follow, is_open, newest_job


def draw(store: Store, study: Study, board: Round) -> None:
    """The button, the job in progress, or its result."""
    job = newest_job(
        store, study.id, "regenerate", matches=lambda job: job.payload["round_id"] == board.id
    )
    if job is not None and is_open(job):
        follow(job, doing="Regenerating the images")
        return
    ending(job, what="Regenerating the images")
    if job is not None and job.state == "done":
        st.caption(sentence(job.result["images"]))
    if st.button("Regenerate and compare", key=f"regenerate-{board.id}", type="tertiary"):
        payload = {"round_id": board.id}
        store.jobs.enqueue("regenerate", payload, study_id=study.id, key=f"regenerate:{board.id}")
        st.rerun()


def sentence(images: Sequence[Mapping[str, Any]]) -> str:
    """The result of regenerating images, in plain words."""
    reasons = [each["reason"] for each in images if "reason" in each]
    made = [each for each in images if "reason" not in each]
    same = sum(each["largest"] == 0 for each in made)
    parts = []
    if made and same == len(made):
        parts.append(f"{plural(same, 'image')} regenerated, identical byte for byte.")
    elif made:
        worst = max(made, key=lambda each: each["largest"])
        verb = "is" if len(made) == 1 else "are"
        parts.append(
            f"{same} of {plural(len(made), 'regenerated image')} {verb} identical byte for byte; "
            f"the largest difference is {worst['largest']} of 255, in {worst['pixels']:.1%} of an "
            "image’s pixels."
        )
    if reasons:
        parts.append(f"{plural(len(reasons), 'image')} could not be regenerated: {reasons[0]}.")
    return " ".join(parts)
