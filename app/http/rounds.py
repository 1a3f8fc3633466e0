"""``/api/round/{id}``: a round's progress, and cancelling it."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from app.http.lanes import READS, WRITES
from app.http.payloads import round_to_json
from app.http.responses import answer, bearer, error, from_own_page, is_id, unknown_bearer
from app.store import open_store
from clpips.errors import StudyError

NOT_YOURS = "This link has no such round."


async def read_round(request: Request) -> JSONResponse:
    """One of the bearer's own rounds."""
    return await _round(request, cancel=False)


async def cancel_round(request: Request) -> JSONResponse:
    """Cancel one of the bearer's own rounds; one that already has its images stays as it is."""
    if not from_own_page(request):
        return error("This must come from a page of this server.", 403)
    return await _round(request, cancel=True)


async def _round(request: Request, *, cancel: bool) -> JSONResponse:
    participant = await bearer(request)
    if participant is None:
        return unknown_bearer()
    round_id = request.path_params["round_id"]
    if not is_id(round_id):
        return error(NOT_YOURS, 404)
    try:
        lane = WRITES if cancel else READS
        found = await lane.run(_look, participant.id, round_id, cancel=cancel)
    except StudyError:
        return error(NOT_YOURS, 404)
    return answer(found)


def _look(participant_id: int, round_id: int, *, cancel: bool) -> dict[str, Any]:
    store = open_store()
    act = store.rounds.cancel if cancel else store.rounds.get_own
    return round_to_json(store, act(participant_id, round_id))
