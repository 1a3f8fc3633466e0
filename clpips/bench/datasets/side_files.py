"""Captions and styles, in the side files that PMG-bench keeps beside a data set."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clpips.errors import DatasetError
from clpips.text import one_line, quoted


def read_json(path: Path, what: str) -> Any:
    """A JSON document.

    Raises:
        DatasetError: not there, or not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise DatasetError(f"{path}: no such {what}") from error
    except (ValueError, RecursionError) as error:
        raise DatasetError(one_line(f"{path}: not JSON ({error})")) from error


def read_captions(path: Path | None) -> Mapping[str, str]:
    """Item → caption; without a file, none.

    Raises:
        DatasetError: not an object of texts.
    """
    if path is None:
        return {}
    document = read_json(path, "file of captions")
    if not isinstance(document, dict):
        raise DatasetError(f"{path}: captions must be one object, item to text")
    for item, caption in document.items():
        if not isinstance(caption, str):
            raise DatasetError(
                f"{path}, {quoted(item)}: a caption must be text, got {quoted(caption)}"
            )
    return document


def read_styles(path: Path | None) -> Mapping[str, str]:
    """User → style; without a file, none.

    A list of ``{worker | user, style}`` (``FLICKR_styles.json``, ``user_styles.json``), or an
    object of topics with ``keywords`` (``user_preferences.json``).

    Raises:
        DatasetError: neither of these.
    """
    if path is None:
        return {}
    document = read_json(path, "file of styles")
    found: dict[str, str] = {}
    if isinstance(document, dict):
        for topic, entry in document.items():
            keywords = entry.get("keywords") if isinstance(entry, dict) else None
            if not (isinstance(keywords, list) and all(isinstance(k, str) for k in keywords)):
                raise DatasetError(f"{path}, {quoted(topic)}: must have a list of keywords")
            found[topic] = ", ".join(keywords)
        return found
    if not isinstance(document, list):
        raise DatasetError(f"{path}: styles must be a list or an object")
    for number, entry in enumerate(document):
        own = entry if isinstance(entry, dict) else {}
        who = own.get("worker", own.get("user"))
        if not (isinstance(who, str | int) and isinstance(own.get("style"), str)):
            raise DatasetError(f"{path}, entry {number}: must have worker or user, and style")
        found[str(who)] = own["style"]
    return found
