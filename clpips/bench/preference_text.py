"""What somebody prefers, as the one text that CPS compares images with.

Keywords joined by commas, not a mean over keywords. The data sets' own forms are taken apart as in
PMG-bench: FLICKR-AES styles behind their last "Style preferences:" marker, without lines that begin
with a star, at most twenty keywords; POG and SER30K by commas and lines. Repeated keywords count
once.
"""

from __future__ import annotations

import re

from clpips.bench.samples import Sample

MARKER = "style preferences:"
MOST_FOR_WORKERS = 20


def preference_text(sample: Sample) -> str:
    """The text; empty where the sample says nothing of its user's preferences."""
    keywords = _worker_keywords(sample.style) if sample.is_worker else _keywords(sample.style)
    return ", ".join(keywords)


def _keywords(style: str) -> list[str]:
    return _distinct(re.split(r"[,\n]", style))


def _worker_keywords(style: str) -> list[str]:
    place = style.lower().rfind(MARKER)
    told = style if place < 0 else style[place + len(MARKER) :]
    lines = [line for line in told.splitlines() if not line.lstrip().startswith("*")]
    found: list[str] = []
    for line in lines:
        found += line.split(",") if "," in line else line.split()
    return _distinct(found)[:MOST_FOR_WORKERS]


def _distinct(words: list[str]) -> list[str]:
    return list(dict.fromkeys(word for each in words if (word := each.strip(" .;:"))))
