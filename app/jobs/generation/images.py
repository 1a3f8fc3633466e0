"""A request to a maker → images kept in the store."""

from __future__ import annotations

from app.files.images import add_picture
from app.files.pools import maker_here
from app.store import Store
from clpips.generation import Request, open_maker
from clpips.progress import Watch
from clpips.types import Provenance


def make_images(
    store: Store, request: Request, *, maker: str, watch: Watch
) -> list[tuple[str, Provenance]]:
    """Images of a request, kept in the store: hash and provenance, in the maker's order.

    Raises:
        GenerationError: no such maker, or it cannot serve the request.
        Cancelled: the job was cancelled.
    """
    made = []
    watch.report(0.0, "Preparing to generate…")  # the first image waits until the model is loaded
    images = open_maker(maker_here(store, maker)).generate(request, watch)
    for number in range(1, request.count + 1):
        watch.report((number - 1) / request.count, f"Generating image {number} of {request.count}…")
        generated = next(images)
        made.append((add_picture(store, generated.image), generated.provenance))
    return made
