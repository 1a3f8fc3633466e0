"""Make a backup of the whole data folder, and download it."""

from __future__ import annotations

import streamlit as st

from app.settings import BACKUP_NAME
from app.store import Store
from app.views.researcher import job_status
from app.views.researcher.formatting import size
from app.views.researcher.html import link, muted, show
from app.views.researcher.urls import backup_address

ABOUT = (
    "All studies, participants, rankings, images and fitted metrics in one file, while everybody "
    "goes on. The file holds everybody’s rankings and the hashes of password and links: keep it "
    "private. `clpips restore FILE` opens it on any machine. The newest three stay here."
)


def draw(store: Store) -> None:
    """The button, its progress, and the backups that are there."""
    st.caption(ABOUT)
    found = store.jobs.latest(kinds=["backup"], limit=1)
    job = found[0] if found else None
    if st.button("Make a backup", disabled=job_status.is_open(job), key="backup"):
        job = store.jobs.enqueue("backup", {}, key="backup")
    if job is not None and job_status.is_open(job):
        job_status.follow(job, doing="Making the backup")
    else:
        job_status.ending(job, what="The backup")
    if job is not None and job.state == "done":
        st.success(f"{job.result['name']}: {job.result['sentence']}")
    folder = store.settings.backups
    made = sorted(folder.iterdir(), reverse=True) if folder.is_dir() else []
    for path in made:
        if BACKUP_NAME.fullmatch(path.name):
            label = link(path.name, backup_address(path.name))
            show(muted(label, f" · {size(path.stat().st_size)}"))
