"""Numbers, moments and states as the researcher reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from app.study.types import Target

MISSING = "–"
NARROW = "\u00a0"  # a space where a narrow column must not break the line
VERDICTS: Mapping[str, tuple[str, str]] = {
    "better": ("Better than stock", "good"),
    "not better yet": ("Not better than stock yet", "plain"),
    "worse": ("Worse than stock", "bad"),
    "reversed": ("Ranks look reversed", "bad"),
    "too early": ("Too early to tell", "plain"),
}
PHASES: Mapping[str, str] = {
    "consent": "Not started",
    "instructions": "Reading instructions",
    "compose": "Writing a prompt",
    "generating": "Waiting for images",
    "ranking": "Ranking",
    "ranked": "Ranked",
    "done": "Finished",
    "declined": "Declined",
}


def number(value: float | None, digits: int = 2) -> str:
    """A statistic, for example ``0.41`` or ``−0.20``; a dash where there is none."""
    if value is None:
        return MISSING
    text = f"{value:.{digits}f}"
    return text.replace("-", "−") if float(text) else f"{0:.{digits}f}"


def unbroken(words: str) -> str:
    """A sentence whose numbers stay with their percent signs."""
    return words.replace(" %", f"{NARROW}%")


def signed(value: float | None, digits: int = 2) -> str:
    """A difference, for example ``+0.12``."""
    if value is None:
        return MISSING
    text = f"{value:+.{digits}f}"
    return text.replace("-", "−") if float(text) else f"{0:.{digits}f}"


def interval(ends: object, digits: int = 2) -> str:
    """A 95 % interval, for example ``0.20 to 0.61``; a dash where there is none."""
    if not isinstance(ends, list | tuple) or len(ends) != 2:
        return MISSING
    return f"{number(ends[0], digits)} to{NARROW}{number(ends[1], digits)}"


def signed_interval(ends: object) -> str:
    """A 95 % interval of a difference, for example ``−0.03 to +0.35``."""
    if not isinstance(ends, list | tuple) or len(ends) != 2:
        return MISSING
    return f"{signed(ends[0])} to{NARROW}{signed(ends[1])}"


def percent(value: float | None, digits: int = 1) -> str:
    """A share in [0, 1], for example ``71.4 %``."""
    return MISSING if value is None else f"{100 * value:.{digits}f} %"


def p_value(value: float | None) -> str:
    """A probability, for example ``0.031`` or ``< 0.001``; a dash where there is none."""
    if value is None:
        return MISSING
    if value < 0.001:
        return f"<{NARROW}0.001"
    return number(value, 3)


def plural(count: int, word: str, words: str | None = None) -> str:
    """``1 ranking``, ``2 rankings``."""
    return f"{count:,} {word if count == 1 else words or word + 's'}"


def size(count: int) -> str:
    """A file's size, for example ``12 KB``."""
    if count < 1_000:
        return f"{count} B"
    if count < 1_000_000:
        return f"{count / 1_000:.0f} KB"
    return f"{count / 1_000_000:.1f} MB"


def took(milliseconds: int) -> str:
    """A duration, for example ``14 s`` or ``2 min 05 s``."""
    seconds = round(milliseconds / 1000)
    if seconds < 1:
        return "under 1 s"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def ago(moment: str, *, at: datetime | None = None) -> str:
    """How long ago a stored moment was, for example ``3 min ago``; ``never`` if empty."""
    if not moment:
        return "never"
    seconds = ((at or datetime.now(UTC)) - parsed(moment)).total_seconds()
    if seconds < 10:
        return "just now"
    for limit, unit, name in ((60, 1, "s"), (3_600, 60, "min"), (86_400, 3_600, "h")):
        if seconds < limit:
            return f"{seconds // unit:.0f}{NARROW}{name} ago"
    days = int(seconds // 86_400)
    return "yesterday" if days == 1 else f"{days} days ago"


def moment(text: str) -> str:
    """A stored moment as a date and time, for example ``21 Nov 2026, 09:35 UTC``."""
    return f"{parsed(text):%d %b %Y, %H:%M} UTC" if text else MISSING


def target_names(targets: Sequence[Target]) -> dict[str, str]:
    """The names of targets by image hash, in the order given; of one image the first name counts.

    Of equal names each gets a number, so that lists keep them apart.
    """
    named: dict[str, str] = {}
    for target in targets:
        named.setdefault(target.image, target.name)
    names = list(named.values())
    return {
        image: name if names.count(name) == 1 else f"{name} ({names[: place + 1].count(name)})"
        for place, (image, name) in enumerate(named.items())
    }


def parsed(text: str) -> datetime:
    """A moment as the store writes it, aware."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
