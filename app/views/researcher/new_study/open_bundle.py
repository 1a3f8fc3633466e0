"""Open a study bundle that another machine exported."""

from __future__ import annotations

import tempfile
from pathlib import Path

import streamlit as st

from app.files.bundle import open_bundle
from app.store import Store
from app.views.researcher.html import link, show
from app.views.researcher.new_study.upload_limit import too_large
from app.views.researcher.urls import study_address
from clpips.errors import ClpipsError
from clpips.progress import Watch

OPENED = "bundles-opened"
MAX_MB = 2_000


def draw(store: Store) -> None:
    """Draw the upload; open the bundle when the button is pressed."""
    st.caption("A bundle is the .zip file from a study’s Export tab, on this machine or another.")
    number = st.session_state.setdefault(OPENED, 0)
    with st.form("open-bundle", border=False):
        # No list of types: the browser would leave another file out, where the form names it.
        uploaded = st.file_uploader(
            "Study bundle (.zip)", max_upload_size=MAX_MB, key=f"bundle-{number}"
        )
        st.caption(too_large(MAX_MB))
        allowed = st.checkbox(
            "Allow services, folders and models that it names",
            key=f"allow-{number}",
            help="A bundle can name a service address, a folder on this server or a model to load. "
            "Without this, such a bundle is refused with the list of what it names.",
        )
        sent = st.form_submit_button("Open bundle")
    if not sent:
        return
    if uploaded is None:
        st.error("Choose a .zip file first.")
        return
    bar = st.progress(0.0, text="Reading the bundle…")
    try:
        with tempfile.TemporaryDirectory(prefix="clpips-bundle-") as folder:
            path = Path(folder) / "bundle.zip"
            path.write_bytes(uploaded.getbuffer())
            watch = Watch(progress=lambda share, words: _tell(bar, share, words))
            study = open_bundle(store, path, watch, allow_outside=allowed)
    except ClpipsError as error:
        st.error(f"{uploaded.name}: {error}")
        return
    finally:
        bar.empty()
    st.session_state[OPENED] += 1  # the next bundle starts with an empty form
    st.success(
        "The bundle was opened. The study stays closed to new participants until you open it."
    )
    show(link(f"Open {study.title}", study_address(study.id), button=True))


def _tell(bar: st.delta_generator.DeltaGenerator, share: float, words: str) -> None:
    bar.progress(min(max(share, 0.0), 1.0), text=words)
