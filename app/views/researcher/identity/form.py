"""What to rank: the generated images, the gallery that they search, and the encoder."""

from __future__ import annotations

import secrets
import zipfile
from collections.abc import Mapping

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from app.files.identity_runs import request_run
from app.store import Store
from app.study.identity_run import IdentityRun, Source
from app.study.types import Job, Study
from app.views.researcher.html import muted, show
from app.views.researcher.new_study.upload_limit import too_large
from clpips.errors import ClpipsError, StudyError
from clpips.features.embedding.names import encoders_here
from clpips.progress import Watch
from clpips.text import without_paths

SOURCES: Mapping[Source, str] = {
    "sample": "A sample that the app draws",
    "study": "Images made in a study",
    "upload": "My own (.zip)",
}
ENCODERS: Mapping[str, str] = {
    "efficientnet-lite0": "EfficientNet-Lite0 (ImageNet)",
    "alex": "AlexNet (ImageNet)",
    "vgg": "VGG-16 (ImageNet)",
    "tiny-clip": "Tiny CLIP (rendered scenes)",
}
QUERIES = (
    "A .zip of the images with queries.csv: a row an image, with the columns name, species, "
    "file_path and, where known, method, ref_path and prompt. "
)
GALLERY = (
    "A .zip of real images with gallery.csv (name, species, file_path), and references.csv with "
    "the same columns for the images that the methods were shown: they give the ceiling. "
)
OF_STUDY = (
    "The ranked images are queries, each target is the reference of its own, and what made an "
    "image is its method. The gallery must show the targets under the same names."
)
OF_SAMPLE = (
    "Drawn dogs and teapots: of each, an image of the same thing in a new place, and one of a "
    "thing that is half-way to another."
)
COUNT = "identity-asked"


def draw(store: Store, *, is_open: bool) -> Job | None:
    """The fields and the button; the job once it is asked for.

    Args:
        store: where it is kept.
        is_open: whether a ranking waits or runs already.
    """
    count = st.session_state.setdefault(COUNT, 0)  # the next ranking starts with empty fields
    queries: Source = st.radio(
        "Generated images", list(SOURCES), format_func=SOURCES.__getitem__, horizontal=True
    )
    uploads: dict[str, UploadedFile] = {}
    study = None
    if queries == "sample":
        show(muted(OF_SAMPLE))
    elif queries == "study":
        study = _study(store)
    else:
        _upload(uploads, "queries", "Generated images (.zip)", QUERIES, count)
    gallery: Source = "sample" if queries == "sample" else "upload"
    if queries == "study":
        gallery = _gallery()
    if gallery == "upload":
        alone = "" if queries == "study" else "Leave it empty if the first .zip holds both. "
        _upload(uploads, "gallery", "Gallery (.zip)", GALLERY + alone, count)
    if "upload" in (queries, gallery):
        show(muted(too_large()))
    encoder = st.selectbox(
        "Encoder", encoders_here(), format_func=lambda name: ENCODERS.get(name, name)
    )
    if not st.button("Rank", type="primary", disabled=is_open, key="rank"):
        return None
    title = study.title if study else next((file.name for file in uploads.values()), "")
    study_id = None if study is None else study.id
    run = IdentityRun(secrets.token_hex(8), encoder, queries, gallery, title, study_id=study_id)
    job = _ask(store, run, uploads)
    if job is not None:
        st.session_state[COUNT] += 1
    return job


def _ask(store: Store, run: IdentityRun, uploads: Mapping[str, UploadedFile]) -> Job | None:
    """Check, store and queue; ``None`` with a sentence on the screen where that is refused."""
    bar = st.progress(0.0, text="Checking the images…")

    def tell(share: float, words: str) -> None:
        bar.progress(min(share, 1.0), text=words)

    try:
        return request_run(store, run, _files(run, uploads), Watch(progress=tell))
    except ClpipsError as error:
        st.error(without_paths(error))
        return None
    finally:
        bar.empty()


def _study(store: Store) -> Study | None:
    show(muted(OF_STUDY))
    studies = [one for one in store.studies.all() if store.rankings.count(one.id)]
    if not studies:
        st.info("No study has a ranked image yet.")
    return st.selectbox("Study", studies, format_func=lambda one: one.title)


def _gallery() -> Source:
    names: Mapping[Source, str] = {
        "upload": "My own (.zip)",
        "sample": "The sample targets, drawn from their words again",
    }
    chosen: Source = st.radio(
        "Gallery", list(names), format_func=names.__getitem__, horizontal=True
    )
    return chosen


def _upload(
    uploads: dict[str, UploadedFile], part: str, label: str, about: str, count: int
) -> None:
    # No list of types: the browser would leave another file out, where the page names it.
    file = st.file_uploader(label, key=f"identity-{part}-{count}")
    show(muted(about))
    if file is not None:
        uploads[part] = file


def _files(run: IdentityRun, uploads: Mapping[str, UploadedFile]) -> dict[str, bytes]:
    """The archives by part.

    Raises:
        StudyError: something was not chosen, or is no zip archive.
    """
    if run.queries == "study" and run.study_id is None:
        raise StudyError("a study with ranked images must be chosen, there is none")
    if run.queries == "upload" and "queries" not in uploads:
        raise StudyError("the generated images must be uploaded as a .zip with queries.csv")
    if run.gallery == "upload" and not uploads:
        raise StudyError("the gallery must be uploaded as a .zip with gallery.csv")
    for file in uploads.values():
        if not zipfile.is_zipfile(file):
            raise StudyError(f"{file.name}: an upload must be a .zip, got another kind of file")
    return {part: file.getvalue() for part, file in uploads.items()}
