"""The job ``regenerate``: regenerate a board's images and compare them with the stored ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PIL import Image

from app.files.pools import maker_here
from app.store import Store
from app.study.types import Candidate, Job
from clpips.errors import GenerationError
from clpips.generation.reproduce import made_again
from clpips.progress import Watch
from clpips.text import without_paths


def run(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
    """Regenerate every image of a round, one after another.

    Returns:
        ``{"round_id", "images"}``: for each image its ``image`` hash and either ``pixels`` (the
        share that differs, in [0, 1]), ``largest`` (difference of a channel, 0 to 255) and
        ``seconds``, or the ``reason`` why it cannot be regenerated.

    Raises:
        StudyError: there is no such round.
        Cancelled: the job was cancelled.
    """
    board = store.rounds.get(job.payload["round_id"])
    start = None if board.start is None else _picture(store, board.start)
    makers = () if job.study_id is None else store.studies.get(job.study_id).settings.makers
    images = []
    for number, each in enumerate(board.candidates):
        count = len(board.candidates)
        watch.report(number / count, f"Regenerating image {number + 1} of {count}…")
        images.append({"image": each.image, **_reproduce(store, each, start, makers)})
    return {"round_id": board.id, "images": images}


def _reproduce(
    store: Store, candidate: Candidate, start: Image.Image | None, makers: Sequence[str]
) -> dict[str, Any]:
    source = candidate.provenance
    # A bundle's images may claim to come from anything; only the study's own makers were allowed.
    if ":" in source.maker and source.maker not in makers:
        return {"reason": f"the image must come from a maker of the study, got {source.maker!r}"}
    try:
        again = made_again(
            source,
            _picture(store, candidate.image),
            start=start,
            maker=maker_here(store, source.maker),
        )
    except GenerationError as error:
        return {"reason": without_paths(error)}
    return {
        "pixels": again.difference.pixels,
        "largest": again.difference.largest,
        "seconds": round(again.seconds, 3),
    }


def _picture(store: Store, sha: str) -> Image.Image:
    with Image.open(store.images.path(sha)) as picture:
        return picture.convert("RGB")
