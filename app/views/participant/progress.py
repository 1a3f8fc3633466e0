"""How far the participant is, as the bar and as words."""

from __future__ import annotations

from app.study.records import Standing

_MAX_SEGMENTS = 24


def segments(standing: Standing) -> list[float]:
    """How full each target's part of the progress bar is, in [0, 1]; the last part has its own."""
    least = standing.study.settings.min_rounds
    current = min(0.9, len(standing.ranked_rounds) / (least + 0.5))
    parts = [
        1.0 if each.state == "done" else current if each.state == "active" else 0.0
        for each in standing.trials
    ]
    if standing.boards:
        done = (standing.board or 1) - (standing.phase != "ranked" or standing.board is None)
        parts.append(done / standing.boards)
    return parts if len(parts) <= _MAX_SEGMENTS else [sum(parts) / len(parts)]


def what_comes_last(standing: Standing) -> str:
    """What follows the targets, in a sentence; empty where nothing does."""
    if not standing.boards:
        return ""
    more = "is 1 more set" if standing.boards == 1 else f"are up to {standing.boards} more sets"
    return f"After the last target there {more} of images to rank, with nothing to write."
