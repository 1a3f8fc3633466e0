"""The calibration boards of a study: sample targets with images for vague to precise prompts.

Every participant ranks the same images, so that agreement between participants can be measured.
The boards are requested as a job ``generate``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from app.files.images import add_target
from app.files.pools import own_images
from app.jobs.generation.images import make_images
from app.store import Store
from app.study.records import CalibrationBoard
from app.study.types import Job, Study
from clpips.generation import Request
from clpips.generation.names import kind_of
from clpips.generation.scenes import SampleTarget, sample_targets
from clpips.progress import Watch
from clpips.types import Provenance


def run(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
    """Make a study's calibration boards, unless they exist.

    Returns:
        ``{"boards"}``, how many it has now.

    Raises:
        StudyError: there is no such study.
        GenerationError: the maker cannot serve a request, or the sample targets are missing.
        Cancelled: the job was cancelled; no boards were stored.
    """
    study = store.studies.get(job.payload["calibration"])
    boards = ensure_calibration_boards(store, study, watch)
    store.jobs.enqueue(
        "vectors", {"study_id": study.id}, study_id=study.id, key=f"vectors:{study.id}"
    )
    return {"boards": len(boards)}


def ensure_calibration_boards(
    store: Store, study: Study, watch: Watch
) -> tuple[CalibrationBoard, ...]:
    """A study's calibration boards, made if there are none; always the same images.

    Raises:
        GenerationError, Cancelled: as :func:`run`.
    """
    wanted = study.settings.calibration
    if wanted and not store.calibration.of_study(study.id):
        chosen = samples_for(store, study)[:wanted]
        boards = [
            _board(
                store,
                study,
                sample,
                number,
                watch.part((number - 1) / wanted, 1 / wanted),
            )
            for number, sample in enumerate(chosen, start=1)
        ]
        store.calibration.add(study.id, boards)
    return store.calibration.of_study(study.id)


def samples_for(store: Store, study: Study) -> list[SampleTarget]:
    """The sample targets; those that are not targets of the study come first."""
    used = {target.name for target in store.studies.targets(study.id)}
    return sorted(sample_targets(), key=lambda sample: sample.name in used)


def _board(
    store: Store, study: Study, sample: SampleTarget, number: int, watch: Watch
) -> CalibrationBoard:
    settings = study.settings
    options = dict(settings.maker_options)
    if kind_of(settings.maker) == "pool":
        options = own_images(store, settings.maker, study.id, sample.name) | options
    made: list[tuple[str, Provenance]] = []
    for quality, (prompt, count) in enumerate(_shares(sample.attempts, settings.candidates)):
        request = Request(
            prompt,
            _seed(f"calibration/{sample.name}/{quality}"),
            count,
            settings.image_size,
            settings.image_size,
            options,
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
    """The number of images for each attempt, ``count`` in total, the best attempts first."""
    each, more = divmod(count, len(attempts))
    shares = [(attempt, each + (place < more)) for place, attempt in enumerate(reversed(attempts))]
    return [(attempt, number) for attempt, number in shares if number]


def _seed(words: str) -> int:
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:4], "big") >> 1
