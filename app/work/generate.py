"""The job ``generate``: a prompt → the candidates of one round."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from app.store import Store
from clpips.errors import Cancelled
from clpips.generation import Request, open_maker
from clpips.types import Job, Provenance
from clpips.watch import Watch

# PNG is lossless at every level; this one is four times as fast as the smallest.
COMPRESS_LEVEL = 3


def run(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
    """Make a round's images and put them on its board, all or none.

    Then the difference vectors are asked for, so that a later fit need not wait for the network.

    Returns:
        ``{"round_id", "n"}``, the number of candidates on the board.

    Raises:
        GenerationError: the maker cannot serve the request.
        Cancelled: somebody asked to stop; the board stays empty.
    """
    payload = job.payload
    before = store.round(payload["round_id"])
    if before.state == "generating":
        made = make_images(
            store,
            Request(
                prompt=payload["prompt"],
                seed=payload["seed"],
                count=payload["count"],
                width=payload["width"],
                height=payload["height"],
            ),
            maker=payload["maker"],
            watch=watch,
        )
        if not store.add_candidates(before.id, made):
            raise Cancelled("the round was cancelled while its images were made")
    elif before.state in ("failed", "cancelled"):
        raise Cancelled("the round no longer waits for images")
    # A round that has its images already was finished by a worker that died just after.
    if job.study_id is not None:
        store.enqueue(
            "vectors",
            {"study_id": job.study_id},
            study_id=job.study_id,
            key=f"vectors:{job.study_id}",
        )
    return {"round_id": before.id, "n": len(store.round(before.id).candidates)}


def make_images(
    store: Store, request: Request, *, maker: str, watch: Watch
) -> list[tuple[str, Provenance]]:
    """Images of a request, kept in the store: hash and provenance, in the maker's order.

    Raises:
        GenerationError: no such maker, or it cannot serve the request.
        Cancelled: the watch asked to stop.
    """
    made = []
    images = open_maker(maker).generate(request, Watch(cancelled=watch.cancelled))
    for number in range(1, request.count + 1):
        watch.report((number - 1) / request.count, f"Drawing image {number} of {request.count}…")
        generated = next(images)
        made.append((add_picture(store, generated.image), generated.provenance))
    return made


def add_picture(store: Store, picture: Image.Image) -> str:
    """Keep a picture as PNG; its content hash."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=COMPRESS_LEVEL)
    return store.add_image(buffer.getvalue(), width=picture.width, height=picture.height)
