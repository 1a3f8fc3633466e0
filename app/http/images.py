"""``/img/{sha256}.png``: an image by its content hash; knowing the hash grants access."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from app.http.lanes import READS
from app.http.responses import error
from app.store import open_store

_NAME = re.compile(r"([0-9a-f]{64})\.png")
_KINDS = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}


async def image(request: Request) -> Response:
    """The file, cacheable for ever: a hash always names the same bytes.

    The path ends in ``.png`` for every format; the media type states the real one.
    """
    name = _NAME.fullmatch(request.path_params["name"])
    if name is None:
        return error("There is no such image.", 404)
    sha = name[1]
    headers = {"Cache-Control": "private, max-age=31536000, immutable", "ETag": f'"{sha}"'}
    if request.headers.get("if-none-match") == f'"{sha}"':
        return Response(status_code=304, headers=headers)
    path = await READS.run(open_store().images.file, sha)
    if path is None:
        return error("There is no such image.", 404)
    return FileResponse(path, media_type=_KINDS[path.suffix], headers=headers)
