"""``/download/{export_id}/{name}``: an exported file, streamed from disk."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from app.http.lanes import READS
from app.http.responses import NO_STORE, error, is_id
from app.settings import RESEARCHER_COOKIE
from app.store import open_store
from clpips.errors import StudyError

SIGN_IN = "Please sign in on the researcher's page first, then download the file again."


async def download(request: Request) -> Response:
    """The file, with its SHA-256 as entity tag; 401 without a researcher's session."""
    store = open_store()
    token = request.cookies.get(RESEARCHER_COOKIE, "")
    if not await READS.run(store.researchers.has_session, token):
        # The browser would save a sign-in page under the file's name.
        return PlainTextResponse(SIGN_IN, 401, headers=NO_STORE)
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
