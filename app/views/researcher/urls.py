"""Addresses of the researcher's own pages and files."""

from __future__ import annotations

from urllib.parse import quote, urlencode


def study_address(study_id: int) -> str:
    """The page of one study."""
    return f"/study?study={study_id}"


def rankings_address(study_id: int, *, person: str | None = None, target: str | None = None) -> str:
    """The Rankings tab of a study, of one person and of one target where these are given.

    Args:
        study_id: the study.
        person: a participant's label.
        target: a target's name as :func:`app.views.researcher.formatting.target_names` gives it.
    """
    chosen = {"rankings-person": person, "rankings-target": target}
    wanted = {name: value for name, value in chosen.items() if value is not None}
    return f"{study_address(study_id)}&{urlencode({'tab': 'Rankings', **wanted})}"


def report_address(study_id: int, name: str) -> str:
    """The report of one of the choices on the Fit & report tab, by its name there."""
    return f"{study_address(study_id)}&{urlencode({'tab': 'Fit & report', 'whose-fit': name})}"


def download_address(export_id: int, name: str) -> str:
    """Where a file made for download is served."""
    return f"/download/{export_id}/{quote(name, safe='')}"


def identity_address(job_id: int) -> str:
    """The page of one identity ranking."""
    return f"/identity?run={job_id}"


def identity_download(job_id: int, name: str) -> str:
    """Where a result of an identity ranking is served."""
    return f"/download/identity/{job_id}/{quote(name, safe='')}"


def backup_address(name: str) -> str:
    """Where a backup is served."""
    return f"/download/backup/{quote(name, safe='')}"
