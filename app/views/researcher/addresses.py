"""Addresses of the researcher's own pages and files."""

from __future__ import annotations

from urllib.parse import quote


def study_address(study_id: int) -> str:
    """The page of one study."""
    return f"/study?study={study_id}"


def download_address(export_id: int, name: str) -> str:
    """Where a file made for download is served."""
    return f"/download/{export_id}/{quote(name, safe='')}"
