"""The first validation error of a document, as one sentence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from clpips.text import one_line, quoted

if TYPE_CHECKING:
    from pydantic import ValidationError


def first_fault(error: ValidationError, document: str) -> str:
    """The first fault: the field, the rule and the value; ``document`` names the whole."""
    fault = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in fault["loc"]) or document
    if fault["type"] == "missing":
        return one_line(f"{field} is missing")
    if fault["type"] == "extra_forbidden":
        return one_line(f"{field} is unknown")
    if fault["type"] == "model_type":
        return one_line(f"{field} must be an object, got {quoted(fault['input'], 60)}")
    rule, changed = re.subn(r"^\w+ should ", "must ", fault["msg"])
    rule = re.sub(r" after validation, not \d+$", "", rule)
    field = field if changed else f"{field}:"
    return one_line(f"{field} {rule}, got {quoted(fault['input'], 60)}")
