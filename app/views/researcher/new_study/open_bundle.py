"""Open a study bundle that another machine exported."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from app.files.bundle import OutsideBundle, open_bundle
from app.store import Store
from app.study.types import Study
from app.views.researcher.html import link, show
from app.views.researcher.new_study.upload_limit import too_large
from app.views.researcher.urls import study_address
from clpips.errors import ClpipsError
from clpips.progress import Watch
from clpips.text import one_line, without_paths

OPENED = "bundles-opened"
MAX_MB = 200  # what the server takes
OUTSIDE = "bundle-outside"
"""Which upload uses what is not in it: (its id, the names), until somebody decides."""


def draw(store: Store) -> None:
    """Draw the upload; open the bundle when a button is pressed."""
    st.caption("A bundle is the .zip file from a study’s Export tab, on this machine or another.")
    number = st.session_state.setdefault(OPENED, 0)
    with st.form("open-bundle", border=False):
        # No list of types: the browser would leave another file out, where the form names it.
        uploaded = st.file_uploader(
            "Study bundle (.zip)", max_upload_size=MAX_MB, key=f"bundle-{number}"
        )
        st.caption(too_large(MAX_MB))
        sent = st.form_submit_button("Open bundle")
    if sent and uploaded is None:
        st.error("Choose a .zip file first.")
    if uploaded is None:
        return
    outside = () if sent else _outside(uploaded.file_id)
    if sent or (outside and _confirmed(outside)):
        _open(store, uploaded, outside)


def _outside(file_id: str) -> tuple[str, ...]:
    """What the uploaded bundle uses besides its own files, once it was tried."""
    known, names = st.session_state.get(OUTSIDE, (None, ()))
    return names if known == file_id else ()


def _confirmed(names: Sequence[str]) -> bool:
    """Show what a bundle's study would use on this server; whether that is allowed."""
    listed = "\n".join(f"- {_as_code(each)}" for each in names)
    st.warning(
        "This bundle’s study uses services, folders, models or sites that are not in the bundle:"
        f"\n\n{listed}\n\nOnce it is opened, its participants make this server use them, see what "
        "is in them, and are led to these sites. Open it only if you trust where it comes from and "
        "know these names."
    )
    return st.button("Open it and allow these")


def _open(store: Store, uploaded: UploadedFile, allowed: Sequence[str]) -> None:
    bar = st.progress(0.0, text="Reading the bundle…")
    try:
        with tempfile.TemporaryDirectory(prefix="clpips-bundle-") as folder:
            path = Path(folder) / "bundle.zip"
            path.write_bytes(uploaded.getbuffer())
            watch = Watch(progress=lambda share, words: _tell(bar, share, words))
            study = open_bundle(store, path, watch, allow_outside=allowed)
    except OutsideBundle as error:
        st.session_state[OUTSIDE] = (uploaded.file_id, error.names)
        st.rerun()
    except ClpipsError as error:
        st.error(f"{uploaded.name}: {without_paths(error)}")
        return
    finally:
        bar.empty()
    st.session_state[OPENED] += 1  # the next bundle starts with an empty form
    _tell_of(study)


def _tell_of(study: Study) -> None:
    makers = ", ".join(map(_as_code, study.settings.makers))
    st.success(
        f"The bundle was opened. Its images are made by {makers}, its feature space is "
        f"{_as_code(study.settings.backbone)}. It stays closed to new participants until "
        "you open it."
    )
    show(link(f"Open {study.title}", study_address(study.id), button=True))


def _as_code(name: str) -> str:
    """A name from a bundle, which may hold any character, as Markdown shows it unchanged."""
    return f"`{one_line(name)[:200].replace('`', '’')}`"


def _tell(bar: st.delta_generator.DeltaGenerator, share: float, words: str) -> None:
    bar.progress(min(max(share, 0.0), 1.0), text=words)
