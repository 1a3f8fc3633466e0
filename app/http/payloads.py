"""JSON payloads of a round: what the server sends to the board and what the board sends back."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, Field, ValidationError, WrapValidator

from app.store import Store
from app.study.submission import BoardRanking, Submission
from app.study.types import Round
from clpips.errors import StudyError
from clpips.io.validation import first_fault

MAX_ID = 2**53 - 1  # the largest whole number that JavaScript holds exactly
MAX_CANDIDATES = 64
MAX_COUNTS = 20
DAY_MS = 24 * 60 * 60 * 1000  # a page left open for days is not a longer look
_NAME = re.compile(r"[A-Za-z_]{1,32}")
NO_WORKER = (
    "No images can be generated at the moment. "
    "Your prompt is saved, and generation starts as soon as possible."
)


class NotJson(Exception):
    """A request's body is not JSON."""


def _default(value: object) -> WrapValidator:
    """Replaces an invalid value instead of refusing it."""

    def validate(given: object, handler: Callable[[object], object]) -> object:
        try:
            return handler(given)
        except ValidationError:
            return value

    return WrapValidator(validate)


def _known_names(counts: dict[str, int]) -> dict[str, int]:
    return dict([each for each in counts.items() if _NAME.fullmatch(each[0])][:MAX_COUNTS])


Uuid = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{8,64}$")]
Id = Annotated[int, Field(gt=0, le=MAX_ID)]
Ids = Annotated[tuple[Id, ...], Field(min_length=1, max_length=MAX_CANDIDATES)]
Count = Annotated[int, Field(ge=0, le=MAX_ID), _default(0)]


class SentSubmission(BaseModel, frozen=True, strict=True):
    """A submission as the board sends it.

    Elapsed time, counts of inputs and confidence are optional extras: an invalid one is dropped
    and a time is capped at one day, so that a ranking is never refused because of them.
    """

    uuid: Uuid
    round: Id
    order: Ids
    ranks: Ids
    shown: Ids
    replaces: Uuid | None = None
    elapsed_ms: Annotated[Count, AfterValidator(partial(min, DAY_MS))] = 0
    input: Annotated[dict[str, Count], AfterValidator(_known_names), _default({})] = {}
    confidence: Annotated[float | None, Field(ge=0, le=1), _default(None)] = None


def image_address(sha: str) -> str:
    """The path at which the web process serves a stored image."""
    return f"/img/{quote(sha, safe='')}.png"


def round_to_json(store: Store, one: Round) -> dict[str, Any]:
    """A round as ``GET /api/round/{id}`` returns it to the board."""
    making = one.state == "generating"
    message = one.message
    if making and not store.workers.alive():
        message = NO_WORKER
    return {
        "id": one.id,
        "number": one.number,
        "state": one.state,
        "progress": one.progress,
        "message": message,
        "can_cancel": one.kind != "duel",  # a cancelled blind pair would not be asked for again
        "waiting_ahead": store.rounds.queue_position(one.id) if making else 0,
        "preview": _data_address(store.previews.of_round(one.id)) if making else "",
        "candidates": [
            {
                "id": candidate.id,
                "src": image_address(candidate.image),
                "alt": f"Image {place}",
            }
            for place, candidate in enumerate(one.candidates, start=1)
        ],
        "ranking": None if one.ranking is None else ranking_to_json(one.ranking),
    }


def _data_address(jpeg: bytes | None) -> str:
    """A small picture as a data URL: it changes too often for requests of its own."""
    return "" if jpeg is None else f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"


def ranking_to_json(ranking: BoardRanking) -> dict[str, Any]:
    """The current ranking, in the board's format."""
    return {
        "uuid": ranking.uuid,
        "order": list(ranking.order),
        "ranks": list(ranking.ranks),
        "revision": ranking.revision,
        "confidence": ranking.confidence,
    }


def submission_from_json(body: bytes) -> Submission:
    """Read and check what a board sent.

    Raises:
        NotJson: the body is damaged; the same submission may succeed when it is sent again.
        StudyError: a field is missing or invalid; the message names it.
    """
    try:
        sent = SentSubmission.model_validate_json(body)
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            raise NotJson from error
        raise StudyError(first_fault(error, "a submission")) from error
    return Submission(round_id=sent.round, **sent.model_dump(exclude={"round"}))
