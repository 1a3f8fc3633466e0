"""The calibration set of a study: sample targets, each with images from vague to good words.

Every participant ranks these very images, so that agreement between people can be measured.
It is asked for as a job ``generate``, because drawing is what it does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from app.files.images import add_target
from app.jobs.drawing.images import make_images
from app.store import Store
from app.study.records import CalibrationBoard
from app.study.settings import StudySettings
from app.study.types import Job, Study
from clpips.generation import Request
from clpips.generation.scenes import SampleTarget, sample_targets
from clpips.progress import Watch
from clpips.types import Provenance


def run(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
    """Make a study's calibration boards, unless it has them.

    Returns:
        ``{"boards"}``, how many it has now.

    Raises:
        StudyError: there is no such study.
        GenerationError: the maker cannot serve a request, or the sample targets are missing.
        Cancelled: the watch asked to stop; there are no boards then.
    """
    study = store.studies.get(job.payload["calibration"])
    boards = calibrate(store, study, watch)
    store.jobs.enqueue(
        "vectors", {"study_id": study.id}, study_id=study.id, key=f"vectors:{study.id}"
    )
    return {"boards": len(boards)}


def calibrate(store: Store, study: Study, watch: Watch) -> tuple[CalibrationBoard, ...]:
    """A study's calibration boards, made where there are none; the same whenever they are made.

    Raises:
        GenerationError, Cancelled: as :func:`run`.
    """
    wanted = study.settings.calibration
    if wanted and not store.calibration.of_study(study.id):
        chosen = samples_for(store, study)[:wanted]
        boards = [
            _board(
                store,
                study.settings,
                sample,
                number,
                watch.part((number - 1) / wanted, 1 / wanted),
            )
            for number, sample in enumerate(chosen, start=1)
        ]
        store.calibration.add(study.id, boards)
    return store.calibration.of_study(study.id)


def samples_for(store: Store, study: Study) -> list[SampleTarget]:
    """The sample targets, those that are no targets of the study first."""
    used = {target.name for target in store.studies.targets(study.id)}
    return sorted(sample_targets(), key=lambda sample: sample.name in used)


def _board(
    store: Store, settings: StudySettings, sample: SampleTarget, number: int, watch: Watch
) -> CalibrationBoard:
    made: list[tuple[str, Provenance]] = []
    for quality, (prompt, count) in enumerate(_shares(sample.attempts, settings.candidates)):
        request = Request(
            prompt,
            _seed(f"calibration/{sample.name}/{quality}"),
            count,
            settings.image_size,
            settings.image_size,
            dict(settings.maker_options),
        )
        following = watch.part(
            len(made) / settings.candidates,
            count / settings.candidates,
            prefix=f"Shared board {number}: ",
        )
        made += make_images(store, request, maker=settings.maker, watch=following)
    name = f"calibration {number} ({sample.name})"
    return CalibrationBoard(name, add_target(store, sample, settings.image_size), tuple(made))


def _shares(attempts: Sequence[str], count: int) -> list[tuple[str, int]]:
    """So many images of each attempt that they are ``count`` together, the good ones first."""
    each, more = divmod(count, len(attempts))
    shares = [(attempt, each + (place < more)) for place, attempt in enumerate(reversed(attempts))]
    return [(attempt, number) for attempt, number in shares if number]


def _seed(words: str) -> int:
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:4], "big") >> 1
