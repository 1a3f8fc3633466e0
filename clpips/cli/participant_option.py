"""Whose rankings a command's ``--participant`` names."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from clpips.errors import InputError
from clpips.types import Ranking


def rankings_of(rankings: Sequence[Ranking], participant: str, source: str) -> list[Ranking]:
    """One participant's rankings, whichever way the accents of the name are composed.

    Args:
        rankings: of all participants.
        participant: the name as it was given.
        source: the rankings file, for the message.

    Raises:
        InputError: no ranking by that participant.
    """
    name = unicodedata.normalize("NFC", participant)
    chosen = [one for one in rankings if one.participant == name]
    if not chosen:
        known = ", ".join(sorted({one.participant for one in rankings}))
        raise InputError(
            f"{source}: no ranking by participant {participant!r}; its rankings are by {known}"
        )
    return chosen
