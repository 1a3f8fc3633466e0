"""The fields that choose targets: samples and uploaded images."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.files.target_upload import MAX_BYTES, MAX_SIDE
from app.views.researcher.new_study.upload_limit import too_large
from clpips.errors import ClpipsError
from clpips.generation.scenes.targets import SampleTarget, sample_targets
from clpips.text import without_paths

Uploads = Sequence[tuple[str, bytes]]


def draw(*, key: str = "") -> tuple[Sequence[SampleTarget], Uploads]:
    """The fields; the chosen samples, and name and bytes of each uploaded file.

    Args:
        key: tells fields apart where a page has them several times.
    """
    return _samples(key), _uploads(key)


def _samples(key: str) -> Sequence[SampleTarget]:
    try:
        known = {sample.name: sample for sample in sample_targets()}
    except ClpipsError as error:
        st.caption(without_paths(error))
        return ()
    chosen = st.multiselect(
        "Sample targets",
        list(known),
        format_func=lambda name: name.replace("-", " ").capitalize(),
        placeholder="Choose from the built-in images",
        key=f"{key}samples" if key else None,
    )
    return [known[name] for name in chosen]


def _uploads(key: str) -> Uploads:
    # No list of types: the browser would leave other files out, where the form names them.
    given = st.file_uploader(
        "Or upload target images", accept_multiple_files=True, key=f"{key}uploads" if key else None
    )
    st.caption(
        f"PNG, JPEG or WebP, at most {MAX_BYTES // 1_000_000} MB each; scaled down to at most "
        f"{MAX_SIDE} pixels per side. {too_large()}"
    )
    return [(each.name, each.getvalue()) for each in given]
