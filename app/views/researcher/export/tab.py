"""The Export tab: files to download, each written by the worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import streamlit as st

from app.store import Store
from app.study.multiple_testing import decided
from app.study.records import Export, Fit
from app.study.types import Job, Study
from app.views.researcher import job_status
from app.views.researcher.formatting import ago, moment, size
from app.views.researcher.html import Column, Html, heading, join, link, muted, show, table
from app.views.researcher.metric_picker import choose_metric
from app.views.researcher.report import blind_pairs
from app.views.researcher.report.sentences import offered, standing
from app.views.researcher.urls import download_address

What = Literal[
    "metric",
    "lpips",
    "onnx",
    "csv",
    "parquet",
    "2afc",
    "nights",
    "bradley-terry",
    "pairs",
    "methods",
    "latex",
    "bundle",
]

FILES = (
    Column("File", head=True),
    Column("Size", numeric=True),
    Column("Created", numeric=True),
)


@dataclass(frozen=True, slots=True)
class Offer:
    """One kind of file: its button and what it is for."""

    what: What
    button: str
    words: str


METRICS = (
    Offer("metric", "Personal metric (.safetensors)", "The learnt weights with their metadata."),
    Offer("lpips", "lpips file (.pth)", "Loads in the standard lpips package; no download needed."),
    Offer(
        "onnx",
        "ONNX file (.onnx)",
        "Maps an image pair to a distance, for runtimes without Python.",
    ),
)
RANKINGS = (
    Offer("csv", "Rankings (.csv)", "One row per ranked image, as the clpips command reads it."),
    Offer("parquet", "Rankings (.parquet)", "The same columns for pandas; prompts unchanged."),
)
LAYOUTS = (
    Offer("2afc", "BAPPS 2AFC (.zip)", "Triplets in the format of LPIPS’s training set."),
    Offer("nights", "NIGHTS triplets (.zip)", "Triplets in the format that DreamSim reads."),
    Offer("bradley-terry", "Bradley–Terry (.zip)", "How often each image beat each other image."),
    Offer("pairs", "Chosen, rejected (.zip)", "Pairs for preference optimisation, with prompts."),
)
PAPER = (
    Offer(
        "methods",
        "Methods paragraph (.txt)",
        "What was ranked, how metrics were fitted, the result.",
    ),
    Offer("latex", "Tables (.tex)", "The same numbers as LaTeX tables, with booktabs."),
)
STUDY = (
    Offer(
        "bundle", "Study bundle (.zip)", "Everything: rankings, images, fits. Opens on any machine."
    ),
)
LAYOUTS_HELP = (
    "Each file has the images and a README. Every current ranking counts once; ties prefer "
    "neither image and are left out. The side an image is on does not reveal the winner."
)
PAPER_HELP = (
    "From each participant’s newest fit, held-out agreement only. Unknown values are left out."
)


CSV_HELP = (
    "The CSV’s image paths point into the unzipped study bundle: "
    "`clpips evaluate FILE --images FOLDER`. Prompts that begin with `=`, `+`, `-` or `@` get a "
    "leading apostrophe, so that no spreadsheet runs them; the Parquet file has them unchanged."
)


def draw(store: Store, study: Study) -> None:
    """A metric's files, rankings, texts for a paper, the whole study, and earlier exports."""
    recent = store.jobs.latest(study.id, kinds=["export"], limit=50)
    show(heading("A metric"))
    fits = decided(store.fits.of_study(study.id))
    fit = choose_metric(fits, store.participants.of_study(study.id), key="whose-export")
    if fit is None:
        st.info("Nothing has been fitted yet. Press *Fit personal metric* on the Fit & report tab.")
    else:
        show(
            Html("<p class='cl-line'>"),
            standing(fit),
            Html(f"<span>{join(offered(fit))}</span></p>"),
        )
        for offer in METRICS:
            _offer(store, study, offer, recent, fit=fit)
        lpips_lines(store, fit)
    _group(store, study, "Rankings", RANKINGS, recent, CSV_HELP)
    blind_pairs.offer(store, study)
    _group(store, study, "Rankings for other tools", LAYOUTS, recent, LAYOUTS_HELP)
    if any(one.participant_id is not None for one in fits):
        _group(store, study, "For a paper", PAPER, recent, PAPER_HELP)
    _group(store, study, "The whole study", STUDY, recent)
    _earlier(store.exports.of_study(study.id))


def offer_bundle(store: Store, study: Study) -> None:
    """The button that exports a study bundle, with its progress and its download."""
    recent = store.jobs.latest(study.id, kinds=["export"], limit=50)
    for offer in STUDY:
        _offer(store, study, offer, recent)


def _group(
    store: Store,
    study: Study,
    title: str,
    offers: tuple[Offer, ...],
    recent: tuple[Job, ...],
    caption: str = "",
) -> None:
    show(heading(title))
    for offer in offers:
        _offer(store, study, offer, recent)
    if caption:
        st.caption(caption)


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
    made = [
        export.name for export in store.exports.of_study(fit.study_id) if export.fit_id == fit.id
    ]
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
    if left.button(offer.button, width="stretch", disabled=job_status.is_open(job)):
        key = f"export:{study.id}:{offer.what}:{wanted['fit_id']}"
        job = store.jobs.enqueue("export", wanted, study_id=study.id, key=key)
    with right:
        if job is not None and job_status.is_open(job):
            job_status.follow(job, doing="Writing the file")
        elif job is not None and job.state == "done":
            _ready(store, job)
        else:
            job_status.ending(job, what="The export")
            show(muted(offer.words))


def _ready(store: Store, job: Job) -> None:
    export = store.exports.get(int(job.result["export_id"]))
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
    with st.expander(f"Files exported so far ({len(exports)})"):
        rows = [(download(each), size(each.bytes), moment(each.created_at)) for each in exports]
        show(table(FILES, rows))
