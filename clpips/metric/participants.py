"""Whose rankings a fit learns from: one person's, or several people's where that is asked for."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from clpips.errors import InputError
from clpips.metric.observations import Observation
from clpips.types import Ranking

NAMES_SHOWN = 5
"""A message names so many participants, and counts the others."""


def rankings_to_fit(
    rankings: Sequence[Ranking | Observation],
    *,
    participant: str | None = None,
    pooled: bool = False,
) -> list[Ranking | Observation]:
    """The rankings of one fit.

    Args:
        rankings: of one participant or of several.
        participant: only this participant's rankings.
        pooled: one fit to the rankings of all participants.

    Raises:
        InputError: rankings of several participants with neither of them; both of them; a
            participant without rankings.
    """
    names = list(dict.fromkeys(participant_of(one) for one in rankings))
    if participant is None:
        if len(names) > 1 and not pooled:
            raise InputError(
                f"these rankings are by {len(names)} participants ({listed(names)}): give one of "
                f"them, participant={names[0]!r}, or pooled=True for one metric of all of them"
            )
        return list(rankings)
    if pooled:
        raise InputError("participant and pooled exclude each other: give one of them")
    name = unicodedata.normalize("NFC", participant)
    chosen = [one for one in rankings if participant_of(one) == name]
    if not chosen:
        by = f"these rankings are by {listed(names)}" if names else "there is no ranking at all"
        raise InputError(f"no ranking by participant {participant!r}; {by}")
    return chosen


def participant_of(one: Ranking | Observation) -> str:
    """Who gave a ranking."""
    return (one.ranking if isinstance(one, Observation) else one).participant


def listed(names: Sequence[str]) -> str:
    """Some names for a message, or the first of them and how many more there are.

    >>> listed(["ann", "bo"]), listed(["a", "b", "c", "d", "e", "f", "g"])
    ('ann, bo', 'a, b, c, d, e and 2 more')
    """
    if len(names) <= NAMES_SHOWN:
        return ", ".join(names)
    return f"{', '.join(names[:NAMES_SHOWN])} and {len(names) - NAMES_SHOWN} more"
