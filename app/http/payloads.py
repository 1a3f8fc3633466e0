"""What travels between the browser and the server about a round: JSON on one side, values here."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from app.store import Store
from app.study.submission import BoardRanking, Submission
from app.study.types import Round
from clpips.errors import StudyError

MAX_ID = 2**53 - 1  # the largest whole number that JavaScript holds exactly
MAX_CANDIDATES = 64
DAY_MS = 24 * 60 * 60 * 1000  # a page that was left open is not a longer look
_UUID = re.compile(r"[A-Za-z0-9-]{8,64}")
_NAME = re.compile(r"[A-Za-z_]{1,32}")
NO_WORKER = (
    "The machine that draws is resting at the moment. "
    "Your words are kept, and it starts as soon as it is back."
)


def image_address(sha: str) -> str:
    """The path at which the web process serves a stored image."""
    return f"/img/{quote(sha, safe='')}.png"


def round_to_json(store: Store, one: Round) -> dict[str, Any]:
    """A round as ``GET /api/round/{id}`` gives it and the board takes it."""
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
        "can_cancel": one.kind != "duel",  # nobody would be asked for it again
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
    """A small picture as an address that holds it; it changes too often to be fetched."""
    return "" if jpeg is None else f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"


def ranking_to_json(ranking: BoardRanking) -> dict[str, Any]:
    """The ranking that stands, as the board takes it."""
    return {
        "uuid": ranking.uuid,
        "order": list(ranking.order),
        "ranks": list(ranking.ranks),
        "revision": ranking.revision,
        "confidence": ranking.confidence,
    }


def submission_from_json(body: object) -> Submission:
    """What a board sent, as a checked value.

    How sure the person is, how long it took and which controls were used come beside the ranking:
    an impossible one is left out and a time beyond one day counts as one day, so that a ranking is
    never refused for its sake.

    Raises:
        StudyError: a part that is missing or of the wrong kind; the sentence names it.
    """
    if not isinstance(body, Mapping):
        raise StudyError(f"a submission must be an object, got {type(body).__name__}")
    replaces = body.get("replaces")
    return Submission(
        uuid=_uuid("uuid", body.get("uuid")),
        round_id=_number("round", body.get("round")),
        order=_numbers("order", body.get("order")),
        ranks=_numbers("ranks", body.get("ranks")),
        shown=_numbers("shown", body.get("shown")),
        replaces=None if replaces is None else _uuid("replaces", replaces),
        elapsed_ms=min(_note(body.get("elapsed_ms")), DAY_MS),
        input=_notes(body.get("input")),
        confidence=_share(body.get("confidence")),
    )


def _uuid(name: str, value: object) -> str:
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise StudyError(f"{name} must be 8 to 64 letters, digits or dashes, got {_short(value)}")
    return value


def _number(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MAX_ID:
        raise StudyError(f"{name} must be a whole number above 0, got {_short(value)}")
    return value


def _numbers(name: str, value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_CANDIDATES:
        raise StudyError(f"{name} must be a list of 1 to {MAX_CANDIDATES}, got {_short(value)}")
    return tuple(_number(f"each of {name}", one) for one in value)


def _note(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_ID:
        return value
    return 0


def _share(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= 1 else None  # type: ignore[operator, arg-type] # a number


def _notes(value: object) -> dict[str, int]:
    if not isinstance(value, Mapping):
        return {}
    named = {name: _note(count) for name, count in value.items() if _NAME.fullmatch(str(name))}
    return dict(list(named.items())[:20])


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
