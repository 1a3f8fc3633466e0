"""Fields that are left out of requests to services that refuse them."""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Mapping
from typing import Any

from clpips.generation.openai_images.client import FieldRefusal

OPTIONAL = ("response_format", "size")
"""Fields of our own that a service may do without: it then answers in its own format and size."""

_refused: dict[tuple[str, str | None], frozenset[str]] = {}
_lock = threading.Lock()


def left_out(base: str, model: str | None) -> frozenset[str]:
    """The fields that this model of this service has refused since the process started."""
    with _lock:
        return _refused.get((base, model), frozenset())


def remember(base: str, model: str | None, names: Collection[str]) -> None:
    """Leave some fields out of all further requests to this model of this service."""
    with _lock:
        _refused[base, model] = _refused.get((base, model), frozenset()) | frozenset(names)


def refused_fields(
    error: FieldRefusal, fields: Mapping[str, Any], chosen: Collection[str]
) -> frozenset[str]:
    """Which optional fields of a request the service's refusal names.

    Args:
        error: the refusal.
        fields: of the request.
        chosen: fields that the study sets itself; these are never left out.
    """
    return frozenset(
        name
        for name in OPTIONAL
        if name in fields and name not in chosen and re.search(rf"\b{name}\b", error.said)
    )
