"""One identity ranking of the app: which images search which gallery, by which encoder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from app.study.types import Job

Source = Literal["sample", "study", "upload"]
RESULTS = ("report.html", "results.csv", "queries.csv", "report.json")
"""The files of a ranking that has ended well, for download."""
PICTURES = "pictures.json"
"""The pictures that the page shows, beside them."""
KEY = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class IdentityRun:
    """What a ranking was asked for; the payload of its job.

    Args:
        key: the name of its folder, 16 hexadecimal digits.
        encoder: what compares the images, by its name.
        queries: where the generated images come from.
        gallery: where the gallery comes from: ``sample`` or ``upload``.
        title: of the study, or the uploaded file's name.
        study_id: the study, where the queries are a study's.
    """

    key: str
    encoder: str
    queries: Source
    gallery: Source
    title: str
    study_id: int | None = None

    def payload(self) -> Mapping[str, Any]:
        """As a job carries it."""
        return asdict(self)


def run_of(job: Job) -> IdentityRun | None:
    """What a job was asked for; ``None`` where it is no ranking, or a deleted one."""
    return IdentityRun(**job.payload) if job.kind == "identity" and job.payload else None
