"""The job ``regenerate``: make a board's images again and say whether the same bytes come out."""

from __future__ import annotations

from typing import Any

from PIL import Image

from app.files.pools import maker_here
from app.store import Store
from app.study.types import Candidate, Job
from clpips.errors import GenerationError
from clpips.generation.reproduce import made_again
from clpips.progress import Watch


def run(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
    """Make every image of a round again, one after the other.

    Returns:
        ``{"round_id", "images"}``: for each image its ``image`` hash and either ``pixels`` (the
        share that differs, in [0, 1]), ``largest`` (difference of a channel, 0 to 255) and
        ``seconds``, or the ``reason`` why it cannot be made again.

    Raises:
        StudyError: there is no such round.
        Cancelled: somebody asked to stop.
    """
    board = store.rounds.get(job.payload["round_id"])
    start = None if board.start is None else _picture(store, board.start)
    images = []
    for number, each in enumerate(board.candidates):
        count = len(board.candidates)
        watch.report(number / count, f"Regenerating image {number + 1} of {count}…")
        images.append({"image": each.image, **_told(store, each, start)})
    return {"round_id": board.id, "images": images}


def _told(store: Store, candidate: Candidate, start: Image.Image | None) -> dict[str, Any]:
    source = candidate.provenance
    try:
        again = made_again(
            source,
            _picture(store, candidate.image),
            start=start,
            maker=maker_here(store, source.maker),
        )
    except GenerationError as error:
        return {"reason": str(error)}
    return {
        "pixels": again.difference.pixels,
        "largest": again.difference.largest,
        "seconds": round(again.seconds, 3),
    }


def _picture(store: Store, sha: str) -> Image.Image:
    with Image.open(store.images.path(sha)) as picture:
        return picture.convert("RGB")
