"""The Export tab: files to take away, each made by the worker, then a link to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import streamlit as st

from app.records import Export, Fit
from app.store import Store
from app.views.researcher import jobs
from app.views.researcher.addresses import download_address
from app.views.researcher.markup import Column, Html, heading, link, quiet, show, table
from app.views.researcher.whose import choose_metric
from app.views.researcher.words import ago, moment, size
from clpips.types import Job, Study

What = Literal["metric", "lpips", "csv", "parquet", "bundle"]

FILES = (
    Column("File", head=True),
    Column("Size", numeric=True),
    Column("Made", numeric=True),
)


@dataclass(frozen=True, slots=True)
class Offer:
    """One kind of file: its button and what it is good for."""

    what: What
    button: str
    words: str


METRICS = (
    Offer("metric", "Personal metric (.safetensors)", "The learnt weights with their card."),
    Offer("lpips", "lpips file (.pth)", "Loads in the ordinary lpips package, no download needed."),
)
STUDY = (
    Offer("csv", "Rankings (.csv)", "One row per ranked image, as the clpips command reads it."),
    Offer("parquet", "Rankings (.parquet)", "The same columns for pandas; prompts are exact."),
    Offer("bundle", "Study bundle (.zip)", "Everything: rankings, images, fits. Opens elsewhere."),
)


CSV_HELP = (
    "Its image paths lead into the unzipped study bundle: "
    "`clpips evaluate FILE --images FOLDER`. Prompts that begin with `=`, `+`, `-` or `@` get a "
    "leading apostrophe in it, so that no spreadsheet runs them; the Parquet file is exact."
)


def draw(store: Store, study: Study) -> None:
    """The metric's files, the study's files, and all made earlier."""
    recent = store.jobs(study.id, kinds=["export"], limit=50)
    show(heading("A metric"))
    fits = store.fits(study.id)
    fit = choose_metric(fits, store.participants(study.id), key="whose-export")
    if fit is None:
        st.info("Nothing has been fitted yet. Press *Fit personal metric* on the Fit & report tab.")
    else:
        for offer in METRICS:
            _offer(store, study, offer, recent, fit=fit)
        lpips_lines(store, fit)
    show(heading("The study"))
    for offer in STUDY:
        _offer(store, study, offer, recent)
        if offer.what == "csv":
            st.caption(CSV_HELP)
    _earlier(store.exports(study.id))


def payload(study: Study, what: What, fit: Fit | None) -> dict[str, Any]:
    """The payload of the job that makes a file."""
    return {
        "study_id": study.id,
        "what": what,
        "fit_id": None if fit is None else fit.id,
        "participant_id": None if fit is None else fit.participant_id,
    }


def lpips_lines(store: Store, fit: Fit) -> None:
    """The three lines that use the lpips file, with the newest one's name."""
    made = [export.name for export in store.exports(fit.study_id) if export.fit_id == fit.id]
    name = next((each for each in made if each.endswith(".pth")), "metric.pth")
    st.code(
        "import lpips\n"
        f'metric = lpips.LPIPS(net="{fit.backbone}", pnet_rand=True, model_path="{name}")\n'
        "distance = metric(target, candidate)  # tensors (1, 3, H, W) in [-1, 1]",
        language="python",
    )


def _offer(
    store: Store, study: Study, offer: Offer, recent: tuple[Job, ...], *, fit: Fit | None = None
) -> None:
    wanted = payload(study, offer.what, fit)
    job = next((job for job in recent if dict(job.payload) == wanted), None)
    left, right = st.columns([2, 3], vertical_alignment="center")
    if left.button(offer.button, width="stretch", disabled=jobs.is_open(job)):
        key = f"export:{study.id}:{offer.what}:{wanted['fit_id']}"
        job = store.enqueue("export", wanted, study_id=study.id, key=key)
    with right:
        if job is not None and jobs.is_open(job):
            jobs.follow(job, doing="Writing the file")
        elif job is not None and job.state == "done":
            _ready(store, job)
        else:
            jobs.ending(job, what="The export")
            show(quiet(offer.words))


def _ready(store: Store, job: Job) -> None:
    export = store.export(int(job.result["export_id"]))
    show(
        Html("<p class='cl-file'>"),
        download(export, button=True),
        Html("<span class='cl-quiet'>"),
        f"{export.name} · {size(export.bytes)}, {ago(export.created_at)}",
        Html("</span></p>"),
    )


def download(export: Export, *, button: bool = False) -> Html:
    """A link that saves the file."""
    text = "Download" if button else export.name
    address = download_address(export.id, export.name)
    return link(text, address, button=button, download=export.name)


def _earlier(exports: tuple[Export, ...]) -> None:
    if not exports:
        return
    with st.expander(f"Files made so far ({len(exports)})"):
        rows = [(download(each), size(each.bytes), moment(each.created_at)) for each in exports]
        show(table(FILES, rows))
