"""What a new data folder holds: a study to join at once, and a simulated one to look at.

The web process runs this at its start, so it must be quick and free of torch: the simulated
participants themselves are a job for the worker.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from app.files.images import add_target
from app.store import Store
from app.study.settings import StudySettings
from app.study.types import Study
from clpips.generation.scenes import SampleTarget, sample_targets

DEMO_TITLE = "Demo study"
SIMULATED_TITLE = "Simulated study"
# One calm, one busy and one textured picture: they ask for different words.
DEMO_TARGETS = ("target-01", "target-05", "target-03")
DEMO = StudySettings(candidates=4, min_rounds=2, max_rounds=6, image_size=512)
SIMULATED = StudySettings(
    candidates=6,
    min_rounds=2,
    max_rounds=2,
    image_size=256,
    repeats=2,
    calibration=3,
    instructions="Nobody takes part in this study: its participants are simulated.",
)


def prepare(store: Store) -> None:
    """Make sure that both studies are there and the simulation is asked for.

    Call it at every start: what is there stays as it is, and what a killed start left undone
    is done. Studies that were archived do not come back. ``CLPIPS_DEMO=0`` wants neither.

    Raises:
        GenerationError: the sample targets are missing.
    """
    if not store.settings.demo_studies:
        return
    with _alone(store):
        samples = {sample.name: sample for sample in sample_targets()}
        study = _study(store, SIMULATED_TITLE, SIMULATED, list(samples.values()), simulated=True)
        if study.is_open:
            store.studies.set_open(study.id, False)  # people have no business in it
        _ask_for_simulation(store, study)
        _study(store, DEMO_TITLE, DEMO, [samples[name] for name in DEMO_TARGETS], simulated=False)


def _study(
    store: Store,
    title: str,
    settings: StudySettings,
    samples: list[SampleTarget],
    *,
    simulated: bool,
) -> Study:
    """The study of this title; made where there is none. Its row comes last, in one step."""
    there = [
        study
        for study in store.studies.all(include_archived=True)
        if study.title == title and study.simulated == simulated
    ]
    if there:
        return there[-1]
    targets = [(sample.name, add_target(store, sample, settings.image_size)) for sample in samples]
    return store.studies.create(title, settings, targets, simulated=simulated)


def _ask_for_simulation(store: Store, study: Study) -> None:
    """Queue the simulation unless it is done, on its way, or was cancelled by somebody."""
    jobs = store.jobs.latest(study.id, kinds=["simulate"])
    if all(job.state == "failed" for job in jobs):
        store.jobs.enqueue(
            "simulate", {"study_id": study.id}, study_id=study.id, key=f"simulate:{study.id}"
        )


@contextmanager
def _alone(store: Store) -> Iterator[None]:
    """Two processes that start together must not both make the studies."""
    lock = store.settings.data_dir / ".demo.lock"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
