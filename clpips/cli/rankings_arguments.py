"""The rankings that a command is given: its file, ``--images`` and ``--participant``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from clpips.errors import InputError
from clpips.io.image_names import composed
from clpips.io.rankings import read_rankings
from clpips.types import Ranking


def given_rankings(options: argparse.Namespace) -> list[Ranking]:
    """The file's rankings; notes on how it was read go to standard error.

    Raises:
        RankingsFileError: the file breaks a rule.
    """
    notes = list[str]()
    rankings = read_rankings(options.rankings, image_dir=options.images, notes=notes)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    return rankings


def rankings_of(rankings: Sequence[Ranking], participant: str, source: str) -> list[Ranking]:
    """One participant's rankings, whichever way the accents of the name are composed.

    Args:
        rankings: of all participants.
        participant: the name as it was given.
        source: the rankings file, for the message.

    Raises:
        InputError: no ranking by that participant.
    """
    name = composed(participant)
    chosen = [one for one in rankings if one.participant == name]
    if not chosen:
        known = ", ".join(sorted({one.participant for one in rankings}))
        raise InputError(
            f"{source}: no ranking by participant {participant!r}; its rankings are by {known}"
        )
    return chosen
