"""The targets of a study, which can change until somebody has joined."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app import session
from app.files.new_targets import conversion_notes, read_uploads, store_targets
from app.files.pools import check_pools
from app.store import Store
from app.study.types import Study, Target
from app.views.researcher.formatting import plural
from app.views.researcher.html import Html, heading, image, join, muted, show
from app.views.researcher.new_study import target_fields
from app.views.researcher.new_study.target_fields import Uploads
from clpips.errors import InputError, StudyError
from clpips.generation.scenes.targets import SampleTarget

CHANGED = "targets.changed"
FORMS = "targets.forms"


def draw(store: Store, study: Study) -> None:
    """The gallery, and the forms that change it while nobody has joined."""
    targets = store.studies.targets(study.id)
    show(heading(f"Targets ({len(targets)})"), target_gallery(targets))
    for sentence in st.session_state.pop(CHANGED, ()):
        st.info(sentence)
    if not store.targets.can_change(study.id):
        show(muted("Targets cannot change once somebody has joined or has a personal link."))
        return
    with st.expander("Add or take out targets"):
        st.caption("Possible until somebody has joined or has a personal link.")
        _add(store, study, targets)
        if len(targets) > 1:
            _take_out(store, study, targets)


def target_gallery(targets: Sequence[Target]) -> Html:
    """Every target with its name; the prompts that made the targets are not in the store."""
    items = (
        Html(f"<li>{image(each.image, each.name, side=104)}{join(each.name)}</li>")
        for each in targets
    )
    return join(Html('<ul class="cl-targets">'), *items, Html("</ul>"))


def add_targets(
    store: Store, study: Study, samples: Sequence[SampleTarget], uploads: Uploads
) -> tuple[str, ...]:
    """Add targets to a study that nobody has joined; all of them or none.

    Returns:
        One sentence about how many were added, then one for each image that was converted.

    Raises:
        StudyError: none given, one that cannot be a target, a name that is taken, somebody has
            joined, or a pool with too few images of a target.
    """
    taken = [target.name for target in store.studies.targets(study.id)]
    pictures = read_uploads(uploads, samples, taken=taken)
    if not pictures and not samples:
        raise StudyError("choose sample targets or upload images first")
    names = [*(each.name for each in samples), *(each.name for each in pictures.values())]
    unused = check_pools(store, study.settings, [*taken, *names])
    store.targets.add(study.id, store_targets(store, samples, pictures))
    return (f"{plural(len(names), 'target')} added.", *conversion_notes(pictures), *unused)


def _add(store: Store, study: Study, targets: Sequence[Target]) -> None:
    number = st.session_state.setdefault(FORMS, 0)
    with st.form("add-targets", border=False, enter_to_submit=False):
        samples, uploads = target_fields.draw(key=f"add-{number}-")
        sent = st.form_submit_button("Add targets")
    if not sent:
        return
    try:
        st.session_state[CHANGED] = add_targets(store, study, samples, uploads)
    except InputError as error:
        st.error(session.sentence(error))
        return
    st.session_state[FORMS] += 1  # the next ones start with empty fields
    st.rerun()


def _take_out(store: Store, study: Study, targets: Sequence[Target]) -> None:
    with st.form("remove-targets", border=False, enter_to_submit=False):
        names = {target.id: target.name for target in targets}
        chosen = st.multiselect(
            "Targets to take out",
            list(names),
            format_func=names.__getitem__,
            placeholder="Choose from this study’s targets",
        )
        sent = st.form_submit_button("Take them out")
    if not sent or not chosen:
        return
    try:
        store.targets.remove(study.id, chosen)
    except StudyError as error:
        st.error(session.sentence(error))
        return
    st.session_state[CHANGED] = (f"{plural(len(chosen), 'target')} taken out.",)
    st.rerun()
