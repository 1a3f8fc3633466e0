"""The job ``export``: a file for download — a metric, rankings, a text, or the whole study."""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from app.files.bundle import write_bundle
from app.files.ranking_table import ranking_rows, rankings_as_files, write_csv, write_parquet
from app.jobs.slug import slug
from app.store import Store
from app.study.multiple_testing import decided
from app.study.records import Fit
from app.study.types import Job, Study
from clpips.errors import StudyError
from clpips.export.writer import export_rankings
from clpips.io.atomic_files import atomic_file, write_files
from clpips.progress import Watch
from clpips.types import Ranking

BINARY = "application/octet-stream"
ZIP = "application/zip"


class ExportKind(NamedTuple):
    """One kind of export: its file name, its media type, and what it is made from."""

    word: str
    ending: str
    media_type: str
    source: Literal["fit", "rankings", "study"]

    @property
    def of_fit(self) -> bool:
        """Whether it is made from one fitted metric."""
        return self.source == "fit"


KINDS = {
    "metric": ExportKind("metric", ".safetensors", BINARY, "fit"),
    "lpips": ExportKind("lpips", ".pth", BINARY, "fit"),
    "onnx": ExportKind("onnx", ".onnx", BINARY, "fit"),
    "csv": ExportKind("rankings", ".csv", "text/csv", "rankings"),
    "parquet": ExportKind("rankings", ".parquet", "application/vnd.apache.parquet", "rankings"),
    "2afc": ExportKind("bapps-2afc", ".zip", ZIP, "rankings"),
    "nights": ExportKind("nights", ".zip", ZIP, "rankings"),
    "bradley-terry": ExportKind("bradley-terry", ".zip", ZIP, "rankings"),
    "pairs": ExportKind("pairs", ".zip", ZIP, "rankings"),
    "methods": ExportKind("methods", ".txt", "text/plain", "study"),
    "latex": ExportKind("tables", ".tex", "application/x-tex", "study"),
    "bundle": ExportKind("study", ".zip", ZIP, "study"),
}
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
NO_RANKING = "there is nothing to export yet: no ranking was submitted"
ZIPPING = 0.2  # of the progress bar


def run(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
    """Write one file to the exports folder and record it for download.

    Returns:
        ``{"export_id", "name"}``.

    Raises:
        StudyError: no such study, fit or kind of export, another study's fit, no rankings.
        InputError: rankings of ties alone, a text about fits without held-out agreement.
        MetricFileError: the fit's file is not there or damaged.
        WeightsError: the weights of the metric's network are not available.
        ClpipsError: a package that the export needs is not installed.
        Cancelled: the job was cancelled; there is no file.
    """
    payload = job.payload
    study = store.studies.get(payload["study_id"])
    kind = KINDS.get(payload.get("what", ""))
    if kind is None:
        raise StudyError(f"what must be one of {tuple(KINDS)}, got {payload.get('what')!r}")
    fit = _fit(store, study, payload.get("fit_id")) if kind.of_fit else None
    participant_id = payload.get("participant_id") if kind.source == "rankings" else None
    name = file_name(study, kind, _owner(store, fit, participant_id))
    path = store.settings.exports / f"{job.id}-{name}"
    watch.report(0.0, "Writing the file…")
    _write(store, study, payload["what"], fit, participant_id, path, watch)
    export = store.exports.add(
        study.id,
        name,
        path.absolute(),
        kind.media_type,
        path.stat().st_size,
        _sha256(path),
        fit_id=None if fit is None else fit.id,
    )
    return {"export_id": export.id, "name": export.name}


def file_name(study: Study, kind: ExportKind, owner: str | None) -> str:
    """The name for downloads: study, owner, kind and date (UTC)."""
    parts = [slug(study.title), *([slug(owner)] if owner else []), kind.word]
    return f"{'-'.join(parts)}-{datetime.now(UTC):%Y-%m-%d}{kind.ending}"


def _fit(store: Store, study: Study, fit_id: int | None) -> Fit:
    if fit_id is None:
        raise StudyError("an export of a metric must name a fit, got none")
    if store.fits.get(fit_id).study_id != study.id:
        raise StudyError(f"an export must name a fit of the same study, got number {fit_id}")
    fit = next(each for each in decided(store.fits.of_study(study.id)) if each.id == fit_id)
    if not fit.metric_path.is_file():
        raise StudyError("the file of this fit is missing: please fit again")
    return fit


def _owner(store: Store, fit: Fit | None, participant_id: int | None) -> str | None:
    if fit is not None and fit.participant_id is None:
        return "pooled"
    person = participant_id if fit is None else fit.participant_id
    return None if person is None else store.participants.get(person).label


def _write(
    store: Store,
    study: Study,
    what: str,
    fit: Fit | None,
    participant_id: int | None,
    path: Path,
    watch: Watch,
) -> None:
    if fit is not None:
        _write_metric(fit, what, path)
    elif what == "bundle":
        write_bundle(store, study.id, path, watch)
    elif what in ("csv", "parquet"):
        rows = ranking_rows(store, study.id, participant_id, watch)
        write = write_csv if what == "csv" else write_parquet
        with atomic_file(path) as partial:
            if not write(rows, partial):
                raise StudyError(NO_RANKING)
    elif KINDS[what].source == "rankings":
        rankings, prompts = rankings_as_files(store, study.id, participant_id, watch.part(0, 0.2))
        if not rankings:
            raise StudyError(NO_RANKING)
        with atomic_file(path) as partial:
            _zip_layout(what, rankings, prompts, partial, watch.part(0.2, 0.8))
    else:
        from app.jobs.paper_numbers import paper_text  # loads torch, needed for these texts only

        text = paper_text(store, study, what)
        write_files({path: text.encode()})


def _write_metric(fit: Fit, what: str, path: Path) -> None:
    """The fit's own file, or what other libraries load; each is written in one step.

    The card says what the report on the screen says: the verdict over all people of the study.
    """
    if what == "metric":
        from clpips.metric.serialization import read_metric, write_metric  # loads torch

        layers, card = read_metric(fit.metric_path)
        held_out = fit.report.get("held_out")
        write_metric(path, layers, card if held_out is None else card.with_held_out(held_out))
        return
    from clpips.metric.clpips import CLPIPS  # loads torch, needed for these only

    metric = CLPIPS.load(fit.metric_path)
    if what == "lpips":
        metric.save_lpips(path)
        return
    from clpips.export.onnx import write_onnx

    write_onnx(metric, path)


def _zip_layout(
    layout: str,
    rankings: Sequence[Ranking],
    prompts: Mapping[Ranking, str],
    partial: Path,
    watch: Watch,
) -> None:
    """Rankings in another tool's layout with their images, as one zip file."""
    with tempfile.TemporaryDirectory(dir=partial.parent, prefix=".layout-") as name:
        folder = Path(name) / layout
        filling = watch.part(0, 1 - ZIPPING)
        export_rankings(rankings, layout, folder, prompts=prompts, watch=filling)
        files = sorted(one for one in folder.rglob("*") if one.is_file())
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            for number, file in enumerate(files):
                share = 1 - ZIPPING + ZIPPING * number / len(files)
                watch.report(share, f"Packing file {number + 1} of {len(files)}…")
                # Images are compressed already.
                packed = zipfile.ZIP_STORED if file.suffix in PICTURES else None
                archive.write(file, f"{layout}/{file.relative_to(folder).as_posix()}", packed)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
