"""``/download/…``: an exported file, a backup or an identity ranking, streamed from disk."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from app.http.lanes import READS
from app.http.responses import NO_STORE, error, is_id
from app.settings import BACKUP_NAME, RESEARCHER_COOKIE
from app.store import open_store
from app.study.identity_run import RESULTS, run_of
from clpips.errors import StudyError

SIGN_IN = "Please sign in on the researcher's page first, then download the file again."


async def download(request: Request) -> Response:
    """The file, with its SHA-256 as entity tag; 401 without a researcher's session."""
    if (refused := await _refusal(request)) is not None:
        return refused
    store = open_store()
    export_id, name = request.path_params["export_id"], request.path_params["name"]
    if not is_id(export_id):
        return error("There is no such download.", 404)
    try:
        export = await READS.run(store.exports.get, export_id)
    except StudyError:
        return error("There is no such download.", 404)
    if name != export.name or not export.path.is_file():
        return error("There is no such download.", 404)
    headers = {"ETag": f'"{export.sha256}"', "Cache-Control": "private, no-cache"}
    return FileResponse(
        export.path, filename=export.name, media_type=export.media_type, headers=headers
    )


async def backup(request: Request) -> Response:
    """A backup that was made with the button; 401 without a researcher's session."""
    if (refused := await _refusal(request)) is not None:
        return refused
    name = request.path_params["name"]
    path = open_store().settings.backups / name
    if not BACKUP_NAME.fullmatch(name) or not path.is_file():
        return error("There is no such download.", 404)
    return FileResponse(path, filename=name, media_type="application/x-tar", headers=NO_STORE)


async def identity(request: Request) -> Response:
    """A result of an identity ranking; 401 without a researcher's session."""
    if (refused := await _refusal(request)) is not None:
        return refused
    store, name = open_store(), request.path_params["name"]
    job_id = request.path_params["job_id"]
    try:
        run = run_of(await READS.run(store.jobs.get, job_id)) if is_id(job_id) else None
    except StudyError:
        run = None
    if run is None or name not in RESULTS:
        return error("There is no such download.", 404)
    path = store.settings.identity / run.key / name
    if not path.is_file():
        return error("There is no such download.", 404)
    return FileResponse(path, filename=name, headers=NO_STORE)


async def _refusal(request: Request) -> Response | None:
    """What to answer to somebody who is not signed in; ``None`` for a researcher."""
    token = request.cookies.get(RESEARCHER_COOKIE, "")
    if await READS.run(open_store().researchers.has_session, token):
        return None
    # The browser would save a sign-in page under the file's name.
    return PlainTextResponse(SIGN_IN, 401, headers=NO_STORE)
