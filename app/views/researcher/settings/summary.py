"""A study's settings in words: the image source, which images are shown, what is compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from app.study.arms import Guidance
from app.study.settings import StudySettings
from app.views.researcher.formatting import plural
from app.views.researcher.new_study.advanced_fields import GUIDANCE_LABELS
from app.views.researcher.new_study.arm_fields import TURNS
from app.views.researcher.new_study.maker_fields import KINDS
from clpips.generation.names import kind_of

DEFAULT_OPTIONS = "default settings"
SHORT = 8
"""Letters of a stored pool's name that tell it from others."""


def made_by(maker: str) -> str:
    """A maker as the form calls it, and which one of its kind."""
    kind, _, rest = maker.partition(":")
    words = KINDS.get(kind, kind)
    if not rest:
        return words
    which = PurePosixPath(rest).stem[:SHORT] if kind_of(maker) == "pool" else rest
    return f"{words}: {which}"


def options(given: Mapping[str, Any]) -> str:
    """A maker's own settings, for example ``steps 20, guidance 3``."""
    parts = (f"{name.replace('_', ' ')} {_value(value)}" for name, value in given.items())
    return ", ".join(parts) or DEFAULT_OPTIONS


def rounds(settings: StudySettings) -> str:
    """How many rounds a target takes."""
    least, most = settings.min_rounds, settings.max_rounds
    return str(least) if least == most else f"{least} to {most}"


def image_size(settings: StudySettings) -> str:
    """How large images are; some makers have a size of their own."""
    asked = f"{settings.image_size} × {settings.image_size} pixels"
    makers = (
        (settings.maker, settings.maker_options),
        *((a.maker, a.options) for a in settings.arms),
    )
    own = any(kind_of(maker) == "tiny" or given.get("native_size") for maker, given in makers)
    return f"{asked}; models generate at their native size, tiny at 64 × 64" if own else asked


def image_source(settings: StudySettings) -> str:
    """What makes the images, in one line."""
    if not settings.arms:
        own = options(settings.maker_options)
        return made_by(settings.maker) + ("" if own == DEFAULT_OPTIONS else f" ({own})")
    turns = TURNS[settings.mixes_arms]
    return f"{len(settings.arms)} arms, see below; {turns[0].lower()}{turns[1:]}"


def selection(settings: StudySettings) -> str:
    """Which of the generated images a board shows."""
    shown, generated = settings.candidates, settings.made_per_round
    if settings.choice == "informative":
        return f"the {shown} most informative of {generated} generated"
    if settings.choice == "nearest":
        return (
            f"of {generated} generated, the {shown - 1} nearest by the participant’s metric "
            "and one of the others at random"
        )
    return "all generated images" if shown == generated else f"any {shown} of {generated} generated"


def guidance(shown: Sequence[Guidance]) -> str:
    """What participants are shown between rounds."""
    words = [GUIDANCE_LABELS[each] for each in shown]
    if len(words) == 1:
        return words[0].lower() if shown[0] != "stock" else words[0]
    return f"one of these at random: {', '.join(words)}"


def blind_comparisons(count: int) -> str:
    """How many blind A/B comparisons there are at the end."""
    return f"{plural(count, 'pair')}, personal vs stock metric" if count else "none"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
