"""What a service answers: checked before anything of it is used."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from clpips.errors import GenerationError, ImageError
from clpips.generation.openai_images.api_key import cleaned, quoted
from clpips.io.image_files import read_picture

FORMATS = ("PNG", "JPEG", "WEBP")
REFUSED = ("content_policy_violation", "moderation_blocked", "content_filter")
_MOST_USAGE = 2000  # characters of a service's usage record, as JSON, that are kept
_MOST_PARTS = 50  # lists and objects in it
_MOST_WORDS = 4000


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: status, headers by lower-case name, and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class ImageResponse:
    """A successful answer: an image, here (``data``) or elsewhere (``url``)."""

    data: bytes | None
    url: str | None
    model: str | None
    revised_prompt: str | None
    usage: Mapping[str, Any] | None


def parse_response(answer: Answer, host: str) -> ImageResponse:
    """Read a successful answer.

    Raises:
        GenerationError: not JSON, not one image, or an image that is not base64.
    """
    document = _document(answer, host)
    items = document.get("data") if isinstance(document, dict) else None
    if not isinstance(items, list):
        raise GenerationError(f"{host}: an answer must hold a list 'data', got one without")
    if len(items) != 1 or not isinstance(items[0], dict):
        raise GenerationError(f"{host}: an answer must hold one image, got {len(items)}")
    item = items[0]
    data, url = _decoded(item.get("b64_json"), host), item.get("url")
    if data is None and not isinstance(url, str):
        raise GenerationError(f"{host}: an image must come as b64_json or url, got neither")
    return ImageResponse(
        data=data,
        url=url if isinstance(url, str) else None,
        model=_words(document.get("model"), 200),
        revised_prompt=_words(item.get("revised_prompt"), _MOST_WORDS),
        usage=_usage(document.get("usage")),
    )


def picture(data: bytes, host: str) -> Image.Image:
    """The image of an answer, RGB.

    Raises:
        GenerationError: not PNG, JPEG or WebP, damaged, too large or too small.
    """
    try:
        return read_picture(data, host, formats=FORMATS)
    except ImageError as error:
        raise GenerationError(quoted(error, 300)) from error


def refusal(answer: Answer, host: str) -> str:
    """The sentence for an answer that is no success."""
    if 300 <= answer.status < 400:
        return f"{host}: the service must answer itself, got a redirect ({answer.status})"
    error = _error(answer)
    if answer.status < 500 and {str(error.get("code")), str(error.get("type"))} & set(REFUSED):
        return (
            f"{host}: the words must keep to the service's content rules, and it refused these; "
            "change the words and try again"
        )
    message = quoted(error.get("message") or "")
    detail = f": {message}" if message else ""
    return f"{host}: the service must answer with success, got status {answer.status}{detail}"


def _document(answer: Answer, host: str) -> Any:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and not (kind.endswith("/json") or kind.endswith("+json")):
        raise GenerationError(f"{host}: an answer must be JSON, got {quoted(kind, 80)}")
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        start = quoted(answer.body[:80].decode("utf-8", "replace"), 60)
        raise GenerationError(f"{host}: an answer must be JSON, got {start!r}") from None


def _decoded(text: object, host: str) -> bytes | None:
    if not isinstance(text, str) or not text:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise GenerationError(
            f"{host}: b64_json must hold base64, got {quoted(text[:40], 40)!r}"
        ) from None


def _error(answer: Answer) -> Mapping[str, Any]:
    """The error message of an unsuccessful answer, in most services ``error.message``."""
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        plain = answer.headers.get("content-type", "").startswith("text/plain")
        return {"message": answer.body[:2000].decode("utf-8", "replace")} if plain else {}
    if not isinstance(document, dict):
        return {}
    error = document.get("error")
    if isinstance(error, dict):
        return error
    return {"message": error or document.get("message") or document.get("detail")}


def _words(value: object, most: int) -> str | None:
    return str(cleaned(value))[:most] if isinstance(value, str) and value else None


def _usage(value: object) -> Mapping[str, Any] | None:
    """The service's usage record, unless it is too long or too deep to be kept."""
    if not isinstance(value, dict):
        return None
    try:
        text = json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return None
    if len(text) > _MOST_USAGE or text.count("{") + text.count("[") > _MOST_PARTS:
        return None
    usage: Mapping[str, Any] = cleaned(value)
    return usage
