"""The Settings tab: what was decided when the study was made, and putting it away."""

from __future__ import annotations

import streamlit as st

from app.store import Store
from app.views.researcher.markup import Column, Html, heading, image, join, quiet, show, table
from app.views.researcher.study_form import NETWORKS
from app.views.researcher.words import moment
from clpips.types import Study, Target


def draw(store: Store, study: Study) -> None:
    """A summary to read; a study's settings do not change once people can join."""
    settings = study.settings
    facts = (
        ("Made", moment(study.created_at)),
        ("Candidates a round", str(settings.candidates)),
        ("Rounds a target", f"{settings.min_rounds} to {settings.max_rounds}"),
        ("Image size", f"{settings.image_size} × {settings.image_size} pixels"),
        ("Images made by", settings.maker),
        ("Network under the metric", NETWORKS[settings.backbone]),
        ("Participants", "simulated" if study.simulated else "people"),
        ("Join code", study.join_code),
    )
    show(table((Column("Setting", head=True), Column("Value")), facts))
    targets = store.targets(study.id)
    show(heading(f"Targets ({len(targets)})"), target_gallery(targets))
    show(heading("Consent text"))
    st.text(settings.consent)
    if settings.instructions:
        show(heading("Instructions"))
        st.text(settings.instructions)
    st.divider()
    _archive(store, study)


def target_gallery(targets: tuple[Target, ...]) -> Html:
    """Every target with its name; the prompts that made them are nowhere in the store."""
    items = (
        Html(f"<li>{image(each.image, each.name, side=104)}{join(each.name)}</li>")
        for each in targets
    )
    return join(Html('<ul class="cl-targets">'), *items, Html("</ul>"))


def _archive(store: Store, study: Study) -> None:
    current = {each.id for each in store.studies()}
    is_archived = study.id not in current
    left, right = st.columns([4, 1], vertical_alignment="center")
    with left:
        words = (
            "The study is archived: it is out of the list, and its join link does not open."
            if is_archived
            else "An archived study leaves the list, and its join link stops opening. "
            "Nothing of it is deleted."
        )
        show(quiet(words))
    name = "Put it back" if is_archived else "Archive"
    if right.button(name, width="stretch"):
        store.set_study_archived(study.id, not is_archived)
        st.rerun()
