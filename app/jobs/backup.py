"""The job ``backup``: a backup of the whole data folder, kept in it for download."""

from __future__ import annotations

from typing import Any

from app.files.backup import backup_name, write_backup
from app.settings import BACKUP_NAME
from app.store import Store
from app.study.types import Job
from clpips.progress import Watch

KEPT = 3
"""How many backups stay in the data folder; a new one replaces the oldest."""


def run(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
    """Write a backup, then delete all but the newest three.

    Returns:
        ``{"name", "sentence"}``.

    Raises:
        StudyError: the database is damaged, or there is too little room.
        Cancelled: the job was cancelled; there is no file.
    """
    path = store.settings.backups / backup_name()
    manifest = write_backup(store, path, watch)
    made = [each for each in store.settings.backups.iterdir() if BACKUP_NAME.fullmatch(each.name)]
    for old in sorted(made)[:-KEPT]:
        old.unlink(missing_ok=True)
    return {"name": path.name, "sentence": manifest.sentence}
