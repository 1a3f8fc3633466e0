"""The Settings tab: what was decided when the study was created, archiving it, deleting it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.store import Store
from app.study.arms import MakerArm
from app.study.records import CalibrationBoard
from app.study.types import Study
from app.views.researcher.formatting import moment, plural
from app.views.researcher.html import Column, Html, heading, image, join, muted, show, table
from app.views.researcher.new_study.form import NETWORKS
from app.views.researcher.settings import delete, recruitment, summary, targets

ARMS = (Column("Name", head=True), Column("Image source"), Column("Settings"))


def draw(store: Store, study: Study) -> None:
    """A summary to read; targets can change until somebody has joined, and
    the addresses that lead participants back at any time."""
    settings = study.settings
    facts = (
        ("Created", moment(study.created_at)),
        ("Candidates per round", str(settings.candidates)),
        ("Rounds per target", summary.rounds(settings)),
        ("Image size", summary.image_size(settings)),
        ("Image source", summary.image_source(settings)),
        ("Network (backbone)", NETWORKS.get(settings.backbone, settings.backbone)),
        ("Hidden repeats", _count(settings.repeats, "board")),
        ("Shared boards", _shared(store, study)),
        ("Asks how sure participants are", "yes" if settings.ask_confidence else "no"),
        ("Images shown", summary.selection(settings)),
        ("Shown between rounds", summary.guidance(settings.guidance)),
        ("Blind A/B comparisons", summary.blind_comparisons(settings.duels)),
        ("Participants", "simulated" if study.simulated else "people"),
        ("Join code", study.join_code),
    )
    show(table((Column("Setting", head=True), Column("Value")), facts))
    if settings.arms:
        show(heading(f"Study arms ({len(settings.arms)})"), arms_table(settings.arms))
    targets.draw(store, study)
    if not study.simulated:
        recruitment.draw(store, study)
    boards = store.calibration.of_study(study.id)
    if boards:
        show(heading(f"Shared boards ({len(boards)})"), *(_shared_board(each) for each in boards))
    show(heading("Consent text"))
    st.text(settings.consent)
    if settings.instructions:
        show(heading("Instructions"))
        st.text(settings.instructions)
    st.divider()
    _archive(store, study)
    delete.draw(store, study)


def arms_table(arms: Sequence[MakerArm]) -> Html:
    """Every arm: its name in reports, its maker, and the maker's settings."""
    rows = [(arm.name, summary.made_by(arm.maker), summary.options(arm.options)) for arm in arms]
    return table(ARMS, rows)


def _shared_board(board: CalibrationBoard) -> Html:
    """A target and the images that every participant ranks against it, as generated."""
    target = Html(f"<li class='cl-target'>{image(board.target, 'Target', side=132)}Target</li>")
    images = (
        Html(f"<li>{image(sha, f'Image {place}', side=132)}{place}</li>")
        for place, (sha, _) in enumerate(board.made, start=1)
    )
    strip = join(Html("<ol class='cl-strip' tabindex='0'>"), target, *images, Html("</ol>"))
    return join(muted(board.name), strip)


def _shared(store: Store, study: Study) -> str:
    wanted = study.settings.calibration
    ready = "" if not wanted or store.calibration.of_study(study.id) else ", not generated yet"
    return _count(wanted, "board") + ready


def _count(count: int, word: str) -> str:
    return plural(count, word) if count else "none"


def _archive(store: Store, study: Study) -> None:
    current = {each.id for each in store.studies.all()}
    is_archived = study.id not in current
    left, right = st.columns([4, 1], vertical_alignment="center")
    with left:
        words = (
            "This study is archived: it is not listed, and its join link does not work."
            if is_archived
            else "Archiving removes the study from the list and disables its join link. "
            "Nothing is deleted."
        )
        show(muted(words))
    name = "Restore" if is_archived else "Archive"
    if right.button(name, width="stretch"):
        store.studies.set_archived(study.id, not is_archived)
        st.rerun()
