"""The job ``export``: a file for download — a metric, the rankings, or the whole study."""

from __future__ import annotations

import hashlib
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from app.bundle import write_bundle
from app.ranking_table import ranking_rows, write_csv, write_parquet
from app.records import Fit
from app.store import Store
from app.tables.files import write_whole
from app.work.names import slug
from clpips.errors import StudyError
from clpips.types import Job, Study
from clpips.watch import Watch

BINARY = "application/octet-stream"


class Kind(NamedTuple):
    """One sort of export: what its file is called and how a browser is told."""

    word: str
    ending: str
    media_type: str
    of_fit: bool


KINDS = {
    "metric": Kind("metric", ".safetensors", BINARY, True),
    "lpips": Kind("lpips", ".pth", BINARY, True),
    "csv": Kind("rankings", ".csv", "text/csv", False),
    "parquet": Kind("rankings", ".parquet", "application/vnd.apache.parquet", False),
    "bundle": Kind("study", ".zip", "application/zip", False),
}


def run(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
    """Make one file in the exports folder and keep it for download.

    Returns:
        ``{"export_id", "name"}``.

    Raises:
        StudyError: no such study, fit or sort of export, another study's fit, no rankings.
        MetricFileError: the fit's file is not there or damaged.
        WeightsError: an ``lpips`` export whose network's weights could not be had.
        Cancelled: somebody asked to stop; there is no file.
    """
    payload = job.payload
    study = store.study(payload["study_id"])
    kind = KINDS.get(payload.get("what", ""))
    if kind is None:
        raise StudyError(f"what must be one of {tuple(KINDS)}, got {payload.get('what')!r}")
    fit = _fit(store, study, payload.get("fit_id")) if kind.of_fit else None
    participant_id = payload.get("participant_id") if kind.word == "rankings" else None
    name = file_name(study, kind, _whose(store, fit, participant_id))
    path = store.settings.exports / f"{job.id}-{name}"
    watch.report(0.0, "Making the file…")
    _write(store, study, payload["what"], fit, participant_id, path, watch)
    export = store.add_export(
        study.id,
        name,
        path.absolute(),
        kind.media_type,
        path.stat().st_size,
        _sha256(path),
        fit_id=None if fit is None else fit.id,
    )
    return {"export_id": export.id, "name": export.name}


def file_name(study: Study, kind: Kind, whose: str | None) -> str:
    """What the browser saves it as: study, whose, what and the day (UTC)."""
    parts = [slug(study.title), *([slug(whose)] if whose else []), kind.word]
    return f"{'-'.join(parts)}-{datetime.now(UTC):%Y-%m-%d}{kind.ending}"


def _fit(store: Store, study: Study, fit_id: int | None) -> Fit:
    if fit_id is None:
        raise StudyError("an export of a metric must name a fit, got none")
    fit = store.fit(fit_id)
    if fit.study_id != study.id:
        raise StudyError(f"an export must name a fit of the same study, got number {fit_id}")
    if not fit.metric_path.is_file():
        raise StudyError("the file of this fit is not here any more: please fit again")
    return fit


def _whose(store: Store, fit: Fit | None, participant_id: int | None) -> str | None:
    if fit is not None and fit.participant_id is None:
        return "pooled"
    person = participant_id if fit is None else fit.participant_id
    return None if person is None else store.participant(person).label


def _write(
    store: Store,
    study: Study,
    what: str,
    fit: Fit | None,
    participant_id: int | None,
    path: Path,
    watch: Watch,
) -> None:
    if what == "bundle":
        write_bundle(store, study.id, path, watch)
    elif fit is not None and what == "lpips":
        from clpips.metric import CLPIPS  # torch, for this one alone

        CLPIPS.load(fit.metric_path).save_lpips(path)  # in one step by itself
    elif fit is not None:
        source = fit.metric_path
        write_whole(path, lambda partial: _copy(source, partial))
    else:
        rows = ranking_rows(store, study.id, participant_id)
        if not rows:
            raise StudyError("there is nothing to export yet: no ranking was submitted")
        write = write_csv if what == "csv" else write_parquet
        write_whole(path, lambda partial: write(rows, partial))


def _copy(source: Path, partial: Path) -> None:
    shutil.copyfile(source, partial)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
