"""Deleting a study: its rows and files, its identity rankings, and the pools of no other study."""

from __future__ import annotations

import shutil

from app.files.identity_runs import run_folder, runs
from app.files.pools import uploaded
from app.store import Store
from app.study.types import Study


def delete_study(store: Store, study_id: int, *, title: str) -> None:
    """Delete a study with its people, rankings, images, fits, exports and uploaded pools.

    Identity rankings of its images go too.

    Args:
        store: where the study is.
        study_id: the study.
        title: its title, as a confirmation.

    Raises:
        StudyError: no such study, or another title; nothing was changed.
    """
    pools = _pools(store.studies.get(study_id))
    folders = [run_folder(store, run) for _, run in runs(store) if run.study_id == study_id]
    store.deletion.delete(study_id, title=title)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    for other in store.studies.all(include_archived=True):
        pools -= _pools(other)
    for name in pools:
        (store.settings.data_dir / name).unlink(missing_ok=True)


def _pools(study: Study) -> set[str]:
    named = (uploaded(maker) for maker in study.settings.makers)
    return {name for name in named if name is not None}
