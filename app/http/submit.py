"""``POST /api/submit``: a ranking from the browser's outbox. Answers only after the commit."""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.responses import JSONResponse

from app.http.lanes import WRITES
from app.http.payloads import NotJson, ranking_to_json, submission_from_json
from app.http.responses import (
    TooLarge,
    answer,
    bearer,
    error,
    from_own_page,
    read_body,
    refusal,
    unknown_bearer,
)
from app.store import open_store
from clpips.errors import StudyError

MAX_BODY = 32 * 1024  # a real one has a few hundred bytes

log = logging.getLogger(__name__)


async def submit(request: Request) -> JSONResponse:
    """Store a ranking and return the outcome.

    Only a submission that breaks a rule gets ``"rejected": true``. After a damaged body, an
    unknown link or a busy disk, the browser may try again.
    """
    if not from_own_page(request):
        return error("A submission must come from a page of this server.", 403)
    participant = await bearer(request)
    if participant is None:
        return unknown_bearer()
    try:
        submission = submission_from_json(await read_body(request, MAX_BODY))
        result = await WRITES.run(open_store().rankings.submit, participant.id, submission)
    except TooLarge:
        return refusal(f"a submission must have at most {MAX_BODY:,} bytes, got more", 413)
    except NotJson:
        return error("The submission could not be read.", 400)
    except StudyError as refused:
        log.warning("refused a submission of participant %d: %s", participant.id, refused)
        return refusal(refused)
    return answer({"outcome": result.outcome, "ranking": ranking_to_json(result.ranking)})
