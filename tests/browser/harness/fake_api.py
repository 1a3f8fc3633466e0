"""A study server in memory, with the rules of the real one and with faults on demand."""

import functools
import hashlib
import io
import time
from dataclasses import dataclass, field
from typing import Any

from PIL import Image, ImageDraw

PALETTE = ("#d1495b", "#edae49", "#00798c", "#66a182", "#2e4057", "#8d6a9f", "#e07a5f", "#3d5a80")


@dataclass
class Round:
    """One round of one participant; ``attempts`` is every submission that arrived, in order."""

    id: int
    who: str
    candidates: list[dict[str, Any]]
    state: str
    started: float
    seconds: float
    fails: bool
    ranking: dict[str, Any] | None = None
    attempts: list[dict[str, Any]] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)


ROUNDS: dict[int, Round] = {}
PICTURES: dict[str, bytes] = {}
FAULTS: dict[str, list[str]] = {}  # token → what goes wrong with its next submissions


@functools.cache
def picture(seed: int) -> str:
    """Draw a small landscape and return its name."""
    image = Image.new("RGB", (384, 384), PALETTE[(seed * 3 + 1) % len(PALETTE)])
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 250 + seed % 5 * 12, 384, 384), fill=PALETTE[(seed + 4) % len(PALETTE)])
    x, y, r = 90 + seed * 53 % 210, 90 + seed * 31 % 80, 40 + seed % 4 * 9
    draw.ellipse((x - r, y - r, x + r, y + r), fill="#fff3c4")
    draw.polygon(
        [(40 + seed * 17 % 90, 300), (170, 120 + seed % 3 * 20), (300, 300)], fill="#443850"
    )
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    name = hashlib.sha256(buffer.getvalue()).hexdigest()
    PICTURES[name] = buffer.getvalue()
    return f"/img/{name}.png"


def rounds_of(who: str) -> list[Round]:
    return [each for each in ROUNDS.values() if each.who == who]


def new_round(who: str, *, k: int, seconds: float = 0.0, fails: bool = False) -> Round:
    number = len(ROUNDS) + 1
    candidates = [
        {"id": number * 100 + i, "src": picture(number * 10 + i), "alt": f"Image {i + 1}"}
        for i in range(k)
    ]
    state = "generating" if seconds else "ranking"
    ROUNDS[number] = Round(number, who, candidates, state, time.monotonic(), seconds, fails)
    return ROUNDS[number]


def round_json(each: Round) -> dict[str, Any]:
    progress = min(1.0, (time.monotonic() - each.started) / each.seconds) if each.seconds else 1.0
    if each.state == "generating" and progress >= 1:
        each.state = "failed" if each.fails else "ranking"
    drawing = each.state == "generating"
    k = len(each.candidates)
    message = f"Generating image {int(progress * k) + 1} of {k}…" if drawing else ""
    return {
        "id": each.id,
        "number": each.id,
        "state": each.state,
        "progress": progress,
        "message": "The images could not be generated." if each.state == "failed" else message,
        "waiting_ahead": 0,
        "candidates": [] if drawing else each.candidates,
        "ranking": each.ranking,
    }


def submit(each: Round, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """The idempotent rule: a status and the JSON answer."""
    each.attempts.append(body)
    if sorted(body["order"]) != sorted(c["id"] for c in each.candidates):
        return 422, {"error": "a ranking must hold each shown image once", "rejected": True}
    seen = next((row for row in each.history if row["uuid"] == body["uuid"]), None)
    standing = each.ranking
    if seen:
        return 200, {"outcome": "duplicate", "ranking": standing}
    if standing and body["replaces"] != standing["uuid"]:
        same = standing["order"] == body["order"]
        return 200, {"outcome": "duplicate" if same else "conflict", "ranking": standing}
    each.ranking = {
        "uuid": body["uuid"],
        "order": body["order"],
        "ranks": body["ranks"],
        "revision": standing["revision"] + 1 if standing else 1,
        "confidence": body.get("confidence"),
    }
    each.history.append(each.ranking)
    each.state = "ranked"
    return 200, {"outcome": "saved", "ranking": each.ranking}
